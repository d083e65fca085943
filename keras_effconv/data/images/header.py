"""What image files claim in their first bytes: the format and the size. Each format is described once, in `FORMATS`.

A row reads the size from `octets`, with indexing, sums, products and `abs` only, so that the same row serves in Python
(octets are `bytes`) and in a TensorFlow graph without Python (octets are an int64 tensor).
"""

import dataclasses
from collections.abc import Callable

from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

LENGTH = 32  # octets of a header: all that `FORMATS` reads
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


@dataclasses.dataclass(frozen=True)
class Format:
    """An image format.

    Args:
        name: str.
        marks: `{offset: bytes}`; a file of this format has all of them.
        size: function from octets to (height, width); `None` if TensorFlow walks the file for it, as that of a JPEG.
    """

    name: str
    marks: dict[int, bytes]
    size: Callable | None = None


JPEG = Format("JPEG", {0: b"\xff\xd8\xff"})
PNG = Format("PNG", {0: b"\x89PNG"}, lambda octets: (big_endian(octets, 20, 4), big_endian(octets, 16, 4)))
GIF = Format("GIF", {0: b"GIF8"}, lambda octets: (little_endian(octets, 8, 2), little_endian(octets, 6, 2)))
BMP = Format("BMP", {0: b"BM"}, lambda octets: (_magnitude(octets, 22), _magnitude(octets, 18)))
FORMATS = (JPEG, PNG, GIF, BMP)


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
    octets = data[:LENGTH].ljust(LENGTH, b"\0")
    for row in FORMATS:
        if all(octets.startswith(mark, offset) for offset, mark in row.marks.items()):
            return row.size(octets) if row.size else _walked(data)
    return 0, 0


def _walked(data):
    with tf.device("CPU:0"):
        height, width, _ = tf.io.extract_jpeg_shape(data).numpy().tolist()
    return height, width


def declared_pixels(data: "tf.Tensor") -> "tf.Tensor":
    """Read the number of pixels that an image file claims, in TensorFlow operations.

    Args:
        data: scalar string tensor, the content of the file.

    Returns:
        int64 scalar; -1 if the format is none of `FORMATS`. Of a GIF it is that of the canvas; `first_frame` reads that
        of the frame.

    Raises:
        tf.errors.InvalidArgumentError: a JPEG without a valid header.

    Example:

    >>> int(declared_pixels(tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8))))
    24
    """
    octets = tf.cast(tf.io.decode_raw(padded(data), tf.uint8), tf.int64)

    def walked():
        return tf.cast(tf.io.extract_jpeg_shape(data)[:2], tf.int64)

    def reader(row):
        return (lambda: tf.stack(row.size(octets))) if row.size else walked

    cases = [(is_of(row, data), reader(row)) for row in FORMATS]
    sides = tf.case(cases, default=lambda: tf.constant([-1, 1], tf.int64))
    return tf.minimum(sides[0], 1 << 31) * tf.minimum(sides[1], 1 << 31)


def padded(data):
    """Return the first `LENGTH` octets of a file, a scalar string tensor, with zeros if it is shorter."""
    return tf.strings.substr(tf.strings.join([data, b"\0" * LENGTH]), 0, LENGTH)


def is_of(row: Format, data: "tf.Tensor") -> "tf.Tensor":
    """Whether a file, a scalar string tensor, has the marks of a format: a bool scalar."""
    header = padded(data)
    marks = [tf.equal(tf.strings.substr(header, offset, len(mark)), mark) for offset, mark in row.marks.items()]
    return tf.reduce_all(tf.stack(marks))


def assert_pixels(data: "tf.Tensor"):
    """Return an operation that fails if a file, a scalar string tensor, claims more than `PIXEL_LIMIT` pixels."""
    return tf.debugging.Assert(declared_pixels(data) <= PIXEL_LIMIT, [f"more than {PIXEL_LIMIT:,} pixels"])
