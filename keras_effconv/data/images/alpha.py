"""Transparent pixels: what is seen through them."""

from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")


def blended(image: "tf.Tensor", background: tuple[int, int, int]) -> "tf.Tensor":
    """Lay a transparent image over a plain colour.

    Args:
        image: uint8 tensor (height, width, 4), RGB and opacity.
        background: three ints, 0 to 255, RGB.

    Returns:
        uint8 tensor (height, width, 3), rounded to the nearest.

    Example:

    >>> blended(tf.constant([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 128]]], tf.uint8), (255, 255, 255))[0].numpy()
    array([[200,   0,   0],
           [255, 255, 255],
           [127, 127, 127]], dtype=uint8)
    """
    image = tf.cast(image, tf.int32)
    colour, opacity = image[..., :3], image[..., 3:]
    return tf.cast((colour * opacity + (255 - opacity) * background + 127) // 255, tf.uint8)
