"""A network together with the arithmetic that it wants of an image."""

import keras

from keras_effconv.network_info import preprocessing_for


def of_pixels(model: keras.Model) -> keras.Model:
    """Return a model that takes RGB images 0..255 of the network's size, with the same layers.

    Args:
        model: `keras.Model` of known size that `preprocessing_for` knows.

    Returns:
        A `keras.Model`; the same one if the arithmetic is inside.

    Raises:
        ValueError: as of `preprocessing_for`.

    Example:

    >>> import keras_effconv
    >>> network = keras_effconv.VGG11(weights=None, input_shape=(32, 32, 1), classes=3)
    >>> of_pixels(network).input_shape
    (None, 32, 32, 3)
    """
    layer = preprocessing_for(model)
    if layer.preprocessing.inside:
        return model
    image = keras.Input((*model.input_shape[1:3], 3), name="image")
    return keras.Model(image, model(layer(image)), name=model.name)
