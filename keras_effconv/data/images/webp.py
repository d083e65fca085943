"""WebP files in TensorFlow operations: opacity, and the first frame of an animation."""

from keras_effconv.data.images.alpha import blended
from keras_effconv.data.images.apart import apart
from keras_effconv.data.images.blocks import find_block, is_named
from keras_effconv.data.images.header import WEBP_EXTENDED, is_of, little_endian, octets_of, padded
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

ANIMATION, FLAGS = 2, 20  # a bit, and the position of its octet
FRAME = 24  # octets ahead of the picture of a frame: the name, the size, and the frame's own header


def is_animated(data):
    """Whether a WebP is an animation: TensorFlow would unpack all frames, and may write beyond its memory (2.21)."""
    return is_of(WEBP_EXTENDED, data) & (octets_of(padded(data))[FLAGS] // ANIMATION % 2 == 1)


@apart
def decode_webp(data: "tf.Tensor", background: tuple[int, int, int]) -> "tf.Tensor":
    """Decode a WebP file, or the first frame of one, to uint8 (height, width, 3).

    Args:
        data: scalar string tensor, the content of the file.
        background: three ints, what transparent pixels are laid over.

    Raises:
        tf.errors.InvalidArgumentError: the file is damaged, or this release of TensorFlow reads no WebP.
    """
    image = tf.cond(is_animated(data), lambda: _first_frame(data), lambda: _still(data))
    return tf.cond(
        tf.shape(image)[-1] == 4,
        lambda: blended(tf.ensure_shape(image, (None, None, 4)), background),
        lambda: tf.ensure_shape(image, (None, None, 3)),
    )


def _still(data):
    """uint8 (height, width, 3 or 4), the channels that the file has."""
    if not hasattr(tf.io, "decode_webp"):
        return tf.io.decode_image(data, channels=0, expand_animations=False)
    return tf.io.decode_webp(data, channels=0)[0]


def _frame(octets):
    """(position, octets, left, top, height, width) of the first frame; the position is -1 without one."""

    def following(octets, at):
        size = little_endian(octets, at + 4, 4)
        return at + 8 + size + size % 2

    found = find_block(octets, 12, following, is_named(b"ANMF", 0))
    at = tf.maximum(found, 0)
    at = tf.minimum(at, tf.size(octets, tf.int64) - FRAME)
    left, top, width, height = (little_endian(octets, at + first, 3) for first in (8, 11, 14, 17))
    return found, little_endian(octets, at + 4, 4), 2 * left, 2 * top, height + 1, width + 1


def frame_pixels(data: "tf.Tensor") -> "tf.Tensor":
    """Return the number of pixels that the first frame of an animation claims: an int64 scalar."""
    *_, height, width = _frame(octets_of(tf.strings.join([data, b"\0" * FRAME])))
    return height * width


def _first_frame(data):
    """The first frame as a file of its own, decoded, and put into its place on the canvas, which is transparent."""
    header, octets = octets_of(padded(data)), octets_of(tf.strings.join([data, b"\0" * FRAME]))
    at, size, left, top, height, width = _frame(octets)
    with tf.control_dependencies([tf.debugging.Assert(at >= 0, ["an animation without a frame"])]):
        at = tf.cast(at, tf.int32)
    picture = tf.strings.substr(data, at + FRAME, tf.cast(tf.clip_by_value(size - 16, 0, 2**30), tf.int32))
    sides = tf.strings.substr(data, at + 14, 6)  # as in the header of a still file
    content = tf.strings.join([b"WEBPVP8X\x0a\0\0\0\x10\0\0\0", sides, picture])
    image = _still(tf.strings.join([b"RIFF", _four_octets(tf.strings.length(content)), content]))
    opaque = tf.fill(tf.concat([tf.shape(image)[:2], [1]], 0), tf.constant(255, tf.uint8))
    image = tf.cond(tf.shape(image)[-1] == 4, lambda: image, lambda: tf.concat([image, opaque], -1))
    rest_height = little_endian(header, 27, 3) + 1 - top - height
    rest_width = little_endian(header, 24, 3) + 1 - left - width
    return tf.pad(image, [[top, rest_height], [left, rest_width], [0, 0]])


def _four_octets(number):
    """A number as a string of four octets, the lowest first."""
    every = tf.constant([bytes([octet]) for octet in range(256)])
    digits = [tf.bitwise.bitwise_and(tf.bitwise.right_shift(number, shift), 255) for shift in (0, 8, 16, 24)]
    return tf.strings.reduce_join(tf.gather(every, tf.stack(digits)))
