"""The first frame of a GIF in TensorFlow operations: the decoder would unpack all frames before it gives that one."""

import tensorflow as tf

from keras_effconv.data.images.header import GIF, little_endian

EXTENSION, IMAGE = 0x21, 0x2C


def first_frame(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cut a GIF off behind its first frame.

    An animation of a few kilobytes can unpack to gigabytes, and each frame has a size of its own.

    Args:
        data: scalar string tensor, the content of a GIF file.

    Returns:
        The file of one frame, a scalar string tensor, and the number of pixels that it claims, an int64 scalar: of its
        canvas or of the frame, whichever is more. A file that is cut short gives what it has of the frame.
    """
    octets = tf.cast(tf.io.decode_raw(tf.strings.join([data, b"\0" * 16]), tf.uint8), tf.int64)
    length = tf.cast(tf.strings.length(data), tf.int64)
    height, width = GIF.size(octets)

    def colours(flags):
        """The length of a colour table."""
        return tf.where(flags >= 128, 6 * 2 ** (flags % 8), tf.zeros_like(flags))

    def unfinished(position, chained, last, done, pixels):
        return (position < length) & ~done

    def step(position, chained, last, done, pixels):
        """A block of a chain, which an octet of 0 ends; or, outside of chains, the start of one."""
        octet = octets[position]
        image = ~chained & (octet == IMAGE)
        starts = image | (~chained & (octet == EXTENSION))
        begin = tf.where(image, 11 + colours(octets[position + 9]), 2)
        frame = little_endian(octets, position + 5, 2) * little_endian(octets, position + 7, 2)
        pixels = tf.maximum(pixels, tf.cast(image, tf.int64) * frame)
        done = tf.where(chained, last & (octet == 0), ~starts)
        return (
            position + tf.where(starts, begin, octet + 1),
            tf.where(chained, octet != 0, starts),
            last | image,
            done,
            pixels,
        )

    no = tf.constant(False)
    start = 13 + colours(octets[10])
    end, *_, pixels = tf.while_loop(unfinished, step, (start, no, no, no, height * width))
    return tf.strings.join([tf.strings.substr(data, 0, tf.cast(tf.minimum(end, length), tf.int32)), b";"]), pixels
