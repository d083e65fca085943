"""The random part of a photo that a network is trained on, decoded without the rest."""

import dataclasses

from keras_effconv.data.images.decode import AS_LIBJPEG, crop_and_resize, of_other
from keras_effconv.data.images.exif import orientation, stored_window, turned, turned_shape
from keras_effconv.data.images.header import JPEG, is_of
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


def random_crop(
    data: "bytes | tf.Tensor",
    resize: Resize | int,
    seed: "tuple[int, int] | tf.Tensor",
    flip: bool = True,
    area: tuple[float, float] = AREA,
    ratio: tuple[float, float] = RATIO,
) -> "tf.Tensor":
    """Decode a random part of one image file, as Inception was trained (Szegedy et al., arXiv:1409.4842).

    The part is drawn by TensorFlow's `stateless_sample_distorted_bounding_box`, as that of EfficientNet was: first its
    ratio, then its height. If no such part is found in 100 attempts, it is the central square. Only that part
    of a JPEG is decoded, but for a damaged one. The part is one of the image as it should be seen, turned as its
    file says. Only TensorFlow operations; the same arguments give the same image.

    Args:
        data: scalar string tensor or bytes, the content of an image file; see `decode` for the formats.
        resize: as in `decode`, but for its crop: the random part is used instead.
        seed: int (2,), tensor or pair.
        flip: bool, whether half of the results are mirrored. Default `True`.
        area: pair of floats, least and largest share of the image's area.
        ratio: pair of floats, least and largest width over height.

    Returns:
        uint8 tensor (size, size, 3), RGB, 0..255.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no image, or a corrupt one.

    Example:

    >>> png = tf.io.encode_png(tf.fill((40, 60, 1), tf.constant(200, tf.uint8)))
    >>> random_crop(png, 8, seed=(0, 1)).shape
    TensorShape([8, 8, 3])
    """
    data = tf.convert_to_tensor(data, tf.string)
    crop_seed, flip_seed = tf.unstack(tf.random.split(seed, 2))

    resize, tag = as_resize(resize), orientation(data)

    def stored_part(shape):
        window = random_window(turned_shape(shape, tag), crop_seed, area, ratio)
        return stored_window(window, shape, tag)

    def part_of_jpeg():
        return tf.image.decode_and_crop_jpeg(data, stored_part(tf.io.extract_jpeg_shape(data)), **AS_LIBJPEG)

    def part_of_other():
        image = tf.cond(jpeg, lambda: tf.io.decode_jpeg(data, **AS_LIBJPEG), lambda: of_other(data, resize))
        top, left, height, width = tf.unstack(stored_part(tf.shape(image)))
        return image[top : top + height, left : left + width]

    jpeg = is_of(JPEG, data)
    # Of a file that was cut off, a part may be decoded without an error; the whole is not.
    whole_file = tf.strings.substr(tf.strings.join([b"..", data]), -2, 2) == b"\xff\xd9"
    image = turned(tf.cond(jpeg & whole_file, part_of_jpeg, part_of_other), tag)
    whole_part = dataclasses.replace(resize, crop=None)
    image = crop_and_resize(tf.ensure_shape(image, (None, None, 3)), whole_part)
    return tf.image.stateless_random_flip_left_right(image, flip_seed) if flip else image


def random_window(shape, seed, area=AREA, ratio=RATIO):
    """Draw (top, left, height, width), int32, of a part of an image of `shape` (height, width, channels)."""
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.zeros((1, 0, 4)),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=ratio,
        area_range=area,
        max_attempts=100,
        use_image_if_no_bounding_boxes=True,
    )
    side = tf.minimum(shape[0], shape[1])
    square = tf.stack([(shape[0] - side) // 2, (shape[1] - side) // 2, side, side])
    is_whole = tf.reduce_all(extent[:2] == shape[:2])
    return tf.where(is_whole, square, tf.concat([begin[:2], extent[:2]], 0))
