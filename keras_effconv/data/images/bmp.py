"""BMP files in TensorFlow operations: what TensorFlow alone would read as other colours."""

from keras_effconv.data.images.alpha import blended
from keras_effconv.data.images.apart import apart
from keras_effconv.data.images.header import INFO, OS2, little_endian, octets_of, padded
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

BITS, COMPRESSION, MASKS = 28, 30, 54  # positions in the header
RGB, BIT_FIELDS = 0, 3  # values of COMPRESSION
BGRA = b"\0\0\xff\0" + b"\0\xff\0\0" + b"\xff\0\0\0" + b"\0\0\0\xff"


@apart
def decode_bmp(data: "tf.Tensor", background: tuple[int, int, int]) -> "tf.Tensor":
    """Decode a BMP file to uint8 (height, width, 3).

    Args:
        data: scalar string tensor, the content of the file.
        background: three ints, what transparent pixels are laid over. Four octets a pixel are a colour and its opacity
            only if the header says so by a mask.

    Raises:
        tf.errors.InvalidArgumentError: other than 8, 24 or 32 bits a pixel, compressed, channels in another order, or
            the header of OS/2.
    """
    octets, header = octets_of(padded(data)), padded(data)
    masks = tf.strings.substr(header, MASKS, 12) == BGRA[:12]
    fields = little_endian(octets, COMPRESSION, 4) == BIT_FIELDS
    plain = (little_endian(octets, COMPRESSION, 4) == RGB) | (octets[INFO] < 40)  # a short header has no such field
    known = (plain | (fields & masks & (octets[BITS] == 32))) & (octets[INFO] != OS2)
    clear = fields & (octets[INFO] >= 56) & (tf.strings.substr(header, MASKS, 16) == BGRA)
    what = "a compressed BMP, one of OS/2, or one of other channels"
    with tf.control_dependencies([tf.debugging.Assert(known, [what])]):
        data = tf.identity(data)
    kind = tf.where(octets[BITS] == 8, 1, tf.where(clear, 2, 0))
    branches = [
        lambda: tf.io.decode_image(data, channels=3, expand_animations=False),
        lambda: _by_table(data),
        lambda: blended(tf.io.decode_bmp(data, channels=4), background),
    ]
    return tf.ensure_shape(tf.switch_case(kind, branches), (None, None, 3))


def _by_table(data):
    """8-bit BMP -> uint8 (height, width, 3); TensorFlow alone takes the colour indices for shades of grey."""
    index = tf.io.decode_bmp(data, channels=3)[..., 0]  # It repeats the one channel three times.
    octets = tf.io.decode_raw(data, tf.uint8)
    pixels_start, header_size = tf.bitcast(octets[10:14], tf.int32), tf.bitcast(octets[14:18], tf.int32)
    blue_green_red_0 = tf.reshape(octets[14 + header_size : pixels_start], (-1, 4))
    return tf.gather(blue_green_red_0[:, 2::-1], tf.cast(index, tf.int32))
