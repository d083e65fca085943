"""Encoded image bytes to a square uint8 RGB image, in TensorFlow operations only."""

from keras_effconv.data.images.apart import apart
from keras_effconv.data.images.bmp import decode_bmp
from keras_effconv.data.images.exif import orientation, turned
from keras_effconv.data.images.gif import decode_gif
from keras_effconv.data.images.header import BMP, GIF, JPEG, PNG, WEBP, index_of, is_of
from keras_effconv.data.images.png import decode_png
from keras_effconv.data.images.webp import decode_webp
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

# The exact transform, as Pillow has it: TensorFlow's default is off by a level on average, and no faster.
AS_LIBJPEG = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}


def decode(data: "bytes | tf.Tensor", resize: Resize | int) -> "tf.Tensor":
    """Decode one image file to a square uint8 RGB image.

    Only TensorFlow operations: it works eagerly, in `tf.function`, in `tf.map_fn`, and in an exported SavedModel.
    The format is told from the bytes, never from a file name:

    - JPEG: RGB, grayscale and CMYK of 8 bits, baseline and progressive.
    - PNG: grey, RGB, palette; 16 bits a channel are scaled by `Resize.white`; of an animation the still image.
    - GIF and WebP: still, or the first frame. (WebP needs TensorFlow 2.20.)
    - BMP: 24 and 32 bits per pixel, and 8 bits through its colour table (as grayscale files are).

    Transparent pixels are laid over `Resize.background`. The image is turned as its Exif orientation says. AVIF, HEIC,
    TIFF, JPEG 2000 and other BMPs need `data.images.convert` first, as all loaders have it. The size that a file
    declares is not limited by this function: whoever decodes uploads should bound it first (`decode_each` does).

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
    resize = as_resize(resize)
    return crop_and_resize(rgb(tf.convert_to_tensor(data, tf.string), resize), resize)


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


def rgb(data: "tf.Tensor", resize: Resize) -> "tf.Tensor":
    """Decode an image file, a scalar string tensor, to uint8 (height, width, 3), as it should be seen."""
    image = tf.cond(is_of(JPEG, data), lambda: tf.io.decode_jpeg(data, **AS_LIBJPEG), lambda: of_other(data, resize))
    return tf.ensure_shape(turned(image, orientation(data)), (None, None, 3))


def of_other(data: "tf.Tensor", resize: Resize) -> "tf.Tensor":
    """Decode an image file that is no JPEG to uint8 (height, width, 3), as it is stored."""
    return _of_other(data, resize.white, resize.background)


@apart
def _of_other(data, white, background):
    readers = [
        lambda: decode_png(data, white, background),
        lambda: decode_gif(data, background),
        lambda: decode_bmp(data, background),
        lambda: decode_webp(data, background),
        lambda: tf.ensure_shape(_unknown(data), (None, None, 3)),
    ]
    number = index_of(data, (PNG, GIF, BMP, *WEBP))
    return tf.switch_case(tf.constant([0, 1, 2, 3, 3, 3, 4])[number], readers)


def _unknown(data):
    """Fail with the words of TensorFlow, which would read formats whose size nobody has checked."""
    return tf.io.decode_image(tf.strings.join(["?", data]), channels=3, expand_animations=False)
