"""How many pixels a file claims, in TensorFlow operations: asked before it is decoded."""

from keras_effconv.data.images.apart import apart
from keras_effconv.data.images.gif import first_frame
from keras_effconv.data.images.header import (
    DECODED,
    GIF,
    JPEG,
    PIXEL_LIMIT,
    WEBP_EXTENDED,
    index_of,
    is_of,
    octets_of,
    padded,
)
from keras_effconv.data.images.webp import frame_pixels, is_animated
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

SIDE = 1 << 31  # above it, products would overflow


def declared_pixels(data: "tf.Tensor") -> "tf.Tensor":
    """Read the number of pixels that an image file claims, in TensorFlow operations.

    Args:
        data: scalar string tensor, the content of the file.

    Returns:
        int64 scalar, of the canvas or the first frame, whichever is more; -1 if the format is none that TensorFlow
        decodes.

    Raises:
        tf.errors.InvalidArgumentError: a JPEG without a valid header.

    Example:

    >>> int(declared_pixels(tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8))))
    24
    """
    jpeg = is_of(JPEG, data)
    return tf.cond(jpeg, lambda: _product(tf.cast(tf.io.extract_jpeg_shape(data)[:2], tf.int64)), lambda: _others(data))


@apart
def _others(data):
    octets = octets_of(padded(data))

    def reader(row):
        if row is GIF:
            return lambda: first_frame(data).pixels
        if row is WEBP_EXTENDED:
            return lambda: tf.maximum(_product(row.size(octets)), _of_a_frame(data))
        return lambda: _product(row.size(octets))

    rows = [row for row in DECODED if row is not JPEG]
    return tf.switch_case(index_of(data, rows), [*map(reader, rows), lambda: tf.constant(-1, tf.int64)])


def _product(sides):
    return tf.minimum(sides[0], SIDE) * tf.minimum(sides[1], SIDE)


def _of_a_frame(data):
    return tf.cond(is_animated(data), lambda: frame_pixels(data), lambda: tf.constant(0, tf.int64))


def assert_pixels(data: "tf.Tensor"):
    """Return an operation that fails if a file, a scalar string tensor, claims more than `PIXEL_LIMIT` pixels."""
    return tf.debugging.Assert(declared_pixels(data) <= PIXEL_LIMIT, [f"more than {PIXEL_LIMIT:,} pixels"])
