"""Encoded image bytes to a square uint8 RGB image, in TensorFlow operations only."""

from keras_effconv.data.images.header import BMP, is_of, padded
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")


def decode(data: "bytes | tf.Tensor", resize: Resize | int) -> "tf.Tensor":
    """Decode one image file to a square uint8 RGB image.

    Only TensorFlow operations: it works eagerly, in `tf.function`, in `tf.map_fn`, and in an exported SavedModel.
    The format is told from the bytes, never from a file name:

    - JPEG: RGB, grayscale and CMYK, baseline and progressive.
    - PNG: grey, RGB, palette; an alpha channel is dropped, not blended; of 16 bits per channel the high 8 are kept.
    - GIF: the first frame.
    - BMP: 24 and 32 bits per pixel, and 8 bits through its colour table (as grayscale files are).

    TensorFlow cannot read TIFF, ICO, animated WebP, nor BMP of 1, 4 or 16 bits or run-length encoded; still WebP is
    read by recent TensorFlow releases only. The orientation tag of EXIF is ignored. The size that a file declares is
    not limited by this function: whoever decodes uploads should bound it first (`decode_each` does).

    Args:
        data: scalar string tensor or bytes, the content of an image file.
        resize: `Resize` (or `Preprocessing`), or int, pixels of the square, for a `Resize` with the defaults.

    Returns:
        uint8 tensor (size, size, 3), RGB, 0..255.

    Raises:
        ValueError: `resize` is neither.
        tf.errors.InvalidArgumentError: the bytes are no image, or a corrupt or truncated one.

    Example:

    >>> png = tf.io.encode_png(tf.fill((40, 60, 1), tf.constant(200, tf.uint8)))
    >>> image = decode(png, 2)
    >>> image.shape, image[0, 0].numpy().tolist()
    (TensorShape([2, 2, 3]), [200, 200, 200])
    """
    return crop_and_resize(rgb(tf.convert_to_tensor(data, tf.string)), resize)


def crop_and_resize(image: "tf.Tensor", resize: Resize | int) -> "tf.Tensor":
    """Cut the central square out of an image, and resize it.

    Args:
        image: uint8 (height, width, channels), or a batch (n, height, width, channels); any height and width from 1,
            known or not when the graph is traced. The square has at least 1 pixel.
        resize: as in `decode`.

    Returns:
        uint8 tensor (size, size, channels), or (n, size, size, channels).

    Raises:
        ValueError: `resize` is neither a `Resize` nor a size.

    Example:

    >>> crop_and_resize(tf.zeros((100, 300, 3), tf.uint8), Resize(32, crop=1.0)).shape
    TensorShape([32, 32, 3])
    """
    resize = as_resize(resize)
    image = tf.convert_to_tensor(image)
    square = image if resize.crop is None else _central_square(image, resize.crop)
    pixels = tf.image.resize(square, (resize.size,) * 2, method=resize.interpolation, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)


def _central_square(image, crop):
    height, width = tf.unstack(tf.shape(image)[-3:-1])
    side = tf.cast(tf.round(crop * tf.cast(tf.minimum(height, width), tf.float32)), tf.int32)
    side = tf.maximum(side, 1)
    top, left = (height - side) // 2, (width - side) // 2
    return image[..., top : top + side, left : left + side, :]


def rgb(data: "tf.Tensor") -> "tf.Tensor":
    """Decode an image file, a scalar string tensor, to uint8 (height, width, 3)."""
    is_8_bit = tf.equal(tf.strings.substr(padded(data), 28, 2), b"\x08\0")
    image = tf.cond(
        is_of(BMP, data) & is_8_bit,
        lambda: _rgb_of_8_bit_bmp(data),
        # channels=0 would be no better: on an animated WebP it corrupts the heap (TensorFlow 2.21).
        lambda: tf.io.decode_image(data, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, (None, None, 3))


def _rgb_of_8_bit_bmp(data):
    """8-bit BMP -> uint8 (height, width, 3); TensorFlow alone takes the colour indices for shades of grey."""
    index = tf.io.decode_bmp(data, channels=3)[..., 0]  # It repeats the one channel three times.
    octets = tf.io.decode_raw(data, tf.uint8)
    pixels_start, header_size = tf.bitcast(octets[10:14], tf.int32), tf.bitcast(octets[14:18], tf.int32)
    blue_green_red_0 = tf.reshape(octets[14 + header_size : pixels_start], (-1, 4))
    return tf.gather(blue_green_red_0[:, 2::-1], tf.cast(index, tf.int32))
