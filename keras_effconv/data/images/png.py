"""PNG files in TensorFlow operations: opacity, and 16 bits a channel."""

from keras_effconv.data.images.alpha import blended
from keras_effconv.data.images.blocks import find_block, is_named
from keras_effconv.data.images.header import big_endian, octets_of, padded
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

DEPTH, COLOUR = 24, 25  # positions in the header
FULL = 65535


def decode_png(data: "tf.Tensor", white: int | None, background: tuple[int, int, int]) -> "tf.Tensor":
    """Decode a PNG file to uint8 (height, width, 3).

    Args:
        data: scalar string tensor, the content of the file; of an animation its still image is decoded.
        white: int, the value of a file of 16 bits that becomes 255; `None` for 65535.
        background: three ints, what transparent pixels are laid over.
    """
    header = octets_of(padded(data))
    deep, clear = header[DEPTH] == 16, has_opacity(data)

    def plain():
        return tf.io.decode_png(data, channels=3)

    def transparent():
        return blended(tf.io.decode_png(data, channels=4), background)

    def of_16_bits():
        return tf.cond(
            clear,
            lambda: _blended(tf.io.decode_png(data, 4, tf.uint16), white or FULL, background),
            lambda: scaled(tf.io.decode_png(data, 3, tf.uint16), white or FULL),
        )

    return tf.cond(deep, of_16_bits, lambda: tf.cond(clear, transparent, plain))


def has_opacity(data):
    """Whether a PNG has a channel of opacity, or a colour that counts as transparent."""
    colour = octets_of(padded(data))[COLOUR]
    mentioned = tf.strings.regex_full_match(data, r"\C*tRNS\C*")

    def marked():
        octets = octets_of(tf.strings.join([data, b"\0" * 16]))
        pixels = is_named(b"IDAT", 4)
        return find_block(octets, 8, lambda o, at: at + 12 + big_endian(o, at, 4), is_named(b"tRNS", 4), pixels) >= 0

    return (colour == 4) | (colour == 6) | tf.cond(mentioned, marked, lambda: tf.constant(False))


def scaled(pixels, white):
    """uint16 -> uint8: `white` becomes 255, and so does what is above it."""
    pixels = tf.minimum(tf.cast(pixels, tf.int32), white)
    return tf.cast((510 * pixels + white) // (2 * white), tf.uint8)


def _blended(pixels, white, background):
    """uint16 (height, width, 4) -> uint8 (height, width, 3); the range of opacity is always the full one."""
    pixels = tf.cast(pixels, tf.float32)
    colour, opacity = tf.minimum(pixels[..., :3] / white, 1.0) * 255.0, pixels[..., 3:] / FULL
    return tf.cast(tf.round(colour * opacity + (1.0 - opacity) * background), tf.uint8)
