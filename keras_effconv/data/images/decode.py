"""Encoded image bytes to a square uint8 RGB image, in TensorFlow operations only."""

from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

INTERPOLATIONS = ("bilinear", "bicubic", "nearest", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def decode(data, size, crop=0.875, interpolation="bicubic"):
    """Decodes one image file to a square uint8 RGB image.

    Only TensorFlow operations: it works eagerly, in `tf.function`, in `tf.map_fn`, and in an exported SavedModel.
    The format is told from the bytes, never from a file name:

    - JPEG: RGB, grayscale and CMYK, baseline and progressive.
    - PNG: grey, RGB, palette; an alpha channel is dropped, not blended; of 16 bits per channel the high 8 are kept.
    - GIF: the first frame.
    - BMP: 24 and 32 bits per pixel, and 8 bits through its colour table (grayscale files are of this kind).

    TensorFlow cannot read TIFF, ICO, animated WebP, nor BMP of 1, 4 or 16 bits or run-length encoded; still WebP is
    read by recent TensorFlow releases only. The orientation tag of EXIF is ignored. The size that a file declares is
    not limited here: whoever decodes uploads should bound it first.

    Args:
        data: Scalar string tensor or bytes, the content of an image file.
        size: Height and width of the result, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side, in (0, 1]; None for the whole
            image, squeezed to a square.
        interpolation: One of `INTERPOLATIONS`; always anti-aliased.

    Returns:
        uint8 tensor (size, size, 3), RGB, 0..255.

    Raises:
        ValueError: `size`, `crop` or `interpolation` is out of range.
        tf.errors.InvalidArgumentError: The bytes are no image, or a corrupt or truncated one.

    Example:
        >>> png = tf.io.encode_png(tf.fill((40, 60, 1), tf.constant(200, tf.uint8)))
        >>> image = decode(png, size=2)
        >>> image.shape, image[0, 0].numpy().tolist()
        (TensorShape([2, 2, 3]), [200, 200, 200])
    """
    return resize(rgb(tf.convert_to_tensor(data, tf.string)), size, crop, interpolation)


def resize(image, size, crop=0.875, interpolation="bicubic"):
    """Cuts the central square out of an image, and resizes it.

    Args:
        image: uint8 (height, width, channels), or a batch (n, height, width, channels); any height and width from 1,
            known or not when the graph is traced.
        size: Height and width of the result, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side, in (0, 1], at least 1 pixel;
            None for the whole image, squeezed to a square.
        interpolation: One of `INTERPOLATIONS`; always anti-aliased.

    Returns:
        uint8 tensor (size, size, channels), or (n, size, size, channels).

    Raises:
        ValueError: `size`, `crop` or `interpolation` is out of range.

    Example:
        >>> resize(tf.zeros((100, 300, 3), tf.uint8), size=32, crop=1.0).shape
        TensorShape([32, 32, 3])
    """
    check_resize(size, crop, interpolation)
    image = tf.convert_to_tensor(image)
    square = image if crop is None else _central_square(image, crop)
    resized = tf.image.resize(square, (size, size), method=interpolation, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _central_square(image, crop):
    height, width = tf.unstack(tf.shape(image)[-3:-1])
    side = tf.cast(tf.round(crop * tf.cast(tf.minimum(height, width), tf.float32)), tf.int32)
    side = tf.maximum(side, 1)
    top, left = (height - side) // 2, (width - side) // 2
    return image[..., top : top + side, left : left + side, :]


def check_resize(size, crop, interpolation):
    """Raises ValueError unless `size`, `crop` and `interpolation` are what `resize` takes."""
    if size < 1:
        raise ValueError(f"expected size of at least 1 pixel, received size={size}")
    if crop is not None and not 0 < crop <= 1:
        raise ValueError(f"expected crop in (0, 1] or None, received crop={crop}")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"expected interpolation of {', '.join(INTERPOLATIONS)}, received {interpolation!r}")


def rgb(data):
    """Image file -> uint8 (height, width, 3)."""
    # Padded, so that a file too short to have these fields reads as "no" here and fails in decode_image.
    header = tf.strings.join([tf.strings.substr(data, 0, 30), b"\0" * 30])
    is_bmp = tf.equal(tf.strings.substr(header, 0, 2), b"BM")
    is_8_bit = tf.equal(tf.strings.substr(header, 28, 2), b"\x08\0")
    image = tf.cond(
        is_bmp & is_8_bit,
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
