"""What image files are like apart from their pixels, as their headers say: grey, CMYK, opacity, depth, orientation."""

from keras_effconv.data.images.containers import PHOTOMETRIC, tiff_tags
from keras_effconv.data.images.exif import TAG, orientation
from keras_effconv.data.images.header import JPEG, PNG, WEBP, WEBP_EXTENDED, format_of, jpeg_shape
from keras_effconv.data.images.levels import has_16_bits
from keras_effconv.data.images.png import COLOUR, has_opacity
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

GREY, CMYK, OPACITY, DEEP, TURNED = TRAITS = (
    "grayscale",
    "CMYK",
    "transparency",
    "16 bits a channel",
    "turned by Exif",
)
ENDS, TAIL = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}, 64  # what a file ends with, and octets that may follow
CHANNELS = {1: GREY, 4: CMYK}  # of a JPEG
SEPARATED = 5  # the value of a TIFF's tag for CMYK
FLAGS, CANVAS_ALPHA, LOSSLESS_ALPHA = 20, 0x10, 24  # of a WebP: octet and bit of its canvas, octet of a lossless one


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or a PNG lacks its end, as after an interrupted download.

    Example:

    >>> file = tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8)).numpy()
    >>> is_cut_off(file), is_cut_off(file[:-20])
    (False, True)
    """
    row = format_of(data)
    return row is not None and row.name in ENDS and ENDS[row.name] not in data[-TAIL:]


def traits_of(data: bytes, plain: bytes) -> tuple[str, ...]:
    """Return what is special about an image file that can be decoded.

    The orientation of HEIC and AVIF, and transparency in GIF and BMP, are not looked for.

    Args:
        data: bytes, the content of the file.
        plain: bytes, the same as `convert.readable` gives it.

    Returns:
        Those of `TRAITS` that hold, in that order.

    Example:

    >>> grey = tf.io.encode_jpeg(tf.zeros((4, 6, 1), tf.uint8)).numpy()
    >>> traits_of(grey, grey)
    ('grayscale',)
    """
    row = format_of(data)
    found = {_colours(plain), CMYK if row.name == "TIFF" and tiff_tags(data).get(PHOTOMETRIC) == SEPARATED else None}
    if _has_opacity(plain):
        found.add(OPACITY)
    if has_16_bits(data):
        found.add(DEEP)
    if _orientation(data, row) > 1:
        found.add(TURNED)
    return tuple(trait for trait in TRAITS if trait in found)


def _colours(plain):
    """Return `GREY`, `CMYK`, or `None` for RGB and for formats that are RGB nearly always."""
    row = format_of(plain)
    if row is JPEG:
        return CHANNELS.get(jpeg_shape(plain)[2])
    return GREY if row is PNG and plain[COLOUR] in (0, 4) else None


def _has_opacity(plain):
    row = format_of(plain)
    if row is PNG:
        with tf.device("CPU:0"):
            return bool(has_opacity(tf.constant(plain)))
    if row is WEBP_EXTENDED:
        return bool(plain[FLAGS] & CANVAS_ALPHA)
    lossless = row in WEBP and plain.startswith(b"VP8L", 12)
    return lossless and len(plain) > LOSSLESS_ALPHA and bool(plain[LOSSLESS_ALPHA] >> 4 & 1)


def _orientation(data, row):
    if row.name == "TIFF":
        return tiff_tags(data).get(TAG, 1)
    with tf.device("CPU:0"):
        return int(orientation(tf.constant(data)))
