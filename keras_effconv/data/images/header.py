"""What image files claim in their first bytes: the format and the size. Each format is described once, in `FORMATS`.

The size of a format that TensorFlow decodes is read from `octets`, with indexing, sums, products, divisions and `abs`
only, so that the same row serves in Python (octets are `bytes`) and in a TensorFlow graph without Python (octets are an
int64 tensor). Files of the other formats are read in Python alone.
"""

import dataclasses
from collections.abc import Callable

from keras_effconv.data.images.containers import box_size, codestream_size, jp2_size, tiff_size
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

LENGTH = 72  # octets of a header: all that `FORMATS` reads of what TensorFlow decodes, and the masks of a BMP
INFO, OS2 = 14, 12  # where a BMP says the length of its second header, and that length as OS/2 has it
PIXEL_LIMIT = 178_000_000  # the limit of pillow: above it a small file is an attack on memory, not a photo


def big_endian(octets, first, count):
    """Return the unsigned integer of `count` octets from `first` on, the highest octet first."""
    return sum(octets[first + i] * 256 ** (count - 1 - i) for i in range(count))


def little_endian(octets, first, count):
    """Return the unsigned integer of `count` octets from `first` on, the lowest octet first."""
    return sum(octets[first + i] * 256**i for i in range(count))


def _magnitude(octets, first):
    """Without the sign: a BMP of negative height begins with its top row."""
    return abs((little_endian(octets, first, 4) + 2**31) % 2**32 - 2**31)


def _sides(octets):
    """Those of a BMP: OS/2 has 16 bits for each."""
    is_old = 1 // (1 + abs(octets[INFO] - OS2))
    old, new = (little_endian(octets, at, 2) for at in (20, 18)), (_magnitude(octets, at) for at in (22, 18))
    return tuple(is_old * short + (1 - is_old) * long for short, long in zip(old, new))


def _lossy(octets):
    return little_endian(octets, 28, 2) % 2**14, little_endian(octets, 26, 2) % 2**14


def _lossless(octets):
    sides = little_endian(octets, 21, 4)
    return sides // 2**14 % 2**14 + 1, sides % 2**14 + 1


def _canvas(octets):
    return little_endian(octets, 27, 3) + 1, little_endian(octets, 24, 3) + 1


@dataclasses.dataclass(frozen=True)
class Format:
    """An image format.

    Args:
        name: str.
        marks: `{offset: bytes}`; a file of this format has all of them.
        size: function from octets to (height, width), (0, 0) if that is unknown; `None` if TensorFlow walks the file
            for it, as that of a JPEG.
        extensions: tuple of str, of the names that such files usually have.
        plugin: str, the name by which Pillow knows the format, if TensorFlow does not read it.
    """

    name: str
    marks: dict[int, bytes]
    size: Callable | None = None
    extensions: tuple[str, ...] = ()
    plugin: str | None = None

    def fits(self, data: bytes) -> bool:
        """Whether a file has the marks."""
        return all(data.startswith(mark, offset) for offset, mark in self.marks.items())


def _webp(kind, size):
    return Format("WebP", {0: b"RIFF", 8: b"WEBPVP8" + kind}, size, (".webp",))


JPEG = Format("JPEG", {0: b"\xff\xd8\xff"}, None, (".jpg", ".jpeg", ".jpe", ".jif", ".jfif"))
PNG = Format(
    "PNG", {0: b"\x89PNG"}, lambda octets: (big_endian(octets, 20, 4), big_endian(octets, 16, 4)), (".png", ".apng")
)
GIF = Format("GIF", {0: b"GIF8"}, lambda octets: (little_endian(octets, 8, 2), little_endian(octets, 6, 2)), (".gif",))
BMP = Format("BMP", {0: b"BM"}, _sides, (".bmp", ".dib"))
WEBP_EXTENDED = _webp(b"X", _canvas)
WEBP = (_webp(b" ", _lossy), _webp(b"L", _lossless), WEBP_EXTENDED)
DECODED = (JPEG, PNG, GIF, BMP, *WEBP)  # by TensorFlow

AVIF_MARKS = (*({4: b"ftypavi" + end} for end in (b"f", b"s")), *({4: b"ftypmif1", at: b"avif"} for at in (16, 20, 24)))
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"heif")
CONVERTED = (  # by Pillow
    *(Format("AVIF", marks, box_size, (".avif", ".avifs"), "AVIF") for marks in AVIF_MARKS),
    *(Format("HEIC", {4: b"ftyp" + brand}, box_size, (".heic", ".heif", ".hif"), "HEIF") for brand in HEIC_BRANDS),
    *(Format("TIFF", {0: mark}, tiff_size, (".tif", ".tiff"), "TIFF") for mark in (b"II*\0", b"MM\0*")),
    Format("JPEG 2000", {4: b"jP  "}, jp2_size, (".jp2", ".jpx", ".jpf"), "JPEG2000"),
    Format("JPEG 2000", {0: b"\xff\x4f\xff\x51"}, codestream_size, (".j2k", ".j2c", ".jpc"), "JPEG2000"),
)
FORMATS = (*DECODED, *CONVERTED)
REFUSED = (  # said by name, since people bring them
    Format("JPEG XL", {0: b"\xff\x0a"}),
    Format("JPEG XL", {4: b"JXL \r\n\x87\n"}),
    Format("raw (CR2)", {8: b"CR\x02"}),
    Format("raw (CR3)", {4: b"ftypcrx "}),
    Format("raw (RAF)", {0: b"FUJIFILM"}),
    Format("Photoshop", {0: b"8BPS"}),
    Format("PDF", {0: b"%PDF"}),
    Format("icon", {0: b"\0\0\1\0"}),
    Format("OpenEXR", {0: b"\x76\x2f\x31\x01"}),
    Format("Radiance", {0: b"#?RADIANCE"}),
    Format("QOI", {0: b"qoif"}),
    Format("BigTIFF", {0: b"II+\0"}),
    Format("BigTIFF", {0: b"MM\0+"}),
    *(Format("netpbm", {0: b"P%d" % number + space}) for number in range(1, 7) for space in (b"\n", b" ", b"\r\n")),
)
IMAGE_EXTENSIONS = frozenset(end for row in FORMATS for end in row.extensions)  # in lower case


def format_of(data: bytes) -> Format | None:
    """Return the format of a file, told from its first bytes; `None` if it is none that is known.

    Example:

    >>> format_of(b"GIF89a").name, format_of(b"text")
    ('GIF', None)
    """
    return next((row for row in (*REFUSED, *FORMATS) if row.fits(data)), None)


def declared_size(data: bytes) -> tuple[int, int]:
    """Read the height and width that an image file claims, without decoding it.

    Args:
        data: bytes, the content of the file.

    Returns:
        (height, width) in pixels; (0, 0) if the format is none of `FORMATS`.

    Raises:
        tf.errors.InvalidArgumentError: a JPEG without a valid header.

    Example:

    >>> declared_size(tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8)).numpy())
    (4, 6)
    """
    row = format_of(data)
    if row is None or row in REFUSED:
        return 0, 0
    if row.size is None:
        return jpeg_shape(data)[:2]
    return row.size(data if row.plugin else data[:LENGTH].ljust(LENGTH, b"\0"))


def jpeg_shape(data: bytes) -> tuple[int, int, int]:
    """Read the height, the width and the number of channels that a JPEG claims: 1 grey, 3 colour, 4 CMYK.

    Raises:
        tf.errors.InvalidArgumentError: it has no valid header.
    """
    with tf.device("CPU:0"):
        return tuple(tf.io.extract_jpeg_shape(data).numpy().tolist())


def padded(data):
    """Return the first `LENGTH` octets of a file, a scalar string tensor, with zeros if it is shorter."""
    return tf.strings.substr(tf.strings.join([data, b"\0" * LENGTH]), 0, LENGTH)


def octets_of(data: "tf.Tensor") -> "tf.Tensor":
    """Return the octets of a header or a file, a scalar string tensor, as an int64 vector."""
    return tf.cast(tf.io.decode_raw(data, tf.uint8), tf.int64)


def is_of(row: Format, data: "tf.Tensor") -> "tf.Tensor":
    """Whether a file, a scalar string tensor, has the marks of a format: a bool scalar."""
    return _has(row, padded(data))


def _has(row, header):
    marks = [tf.equal(tf.strings.substr(header, offset, len(mark)), mark) for offset, mark in row.marks.items()]
    return tf.reduce_all(tf.stack(marks)) if len(marks) > 1 else marks[0]


def index_of(data: "tf.Tensor", rows: tuple[Format, ...]) -> "tf.Tensor":
    """Return which of `rows` a file, a scalar string tensor, is of: an int32 scalar; their number if it is of none."""
    header = padded(data)
    fits = tf.stack([*(_has(row, header) for row in rows), tf.constant(True)])
    return tf.cast(tf.where(fits)[0, 0], tf.int32)
