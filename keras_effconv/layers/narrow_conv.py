"""Keras' convolutions of few channels, in a form whose gradient is right."""

import keras

from keras_effconv.graph import layers_of
from keras_effconv.layers import backend


def with_right_gradients(network: keras.Model) -> keras.Model:
    """Make the strided 1 x 1 convolutions of a network that is to be trained leave out pixels before they convolve.

    Outputs and files stay what they are. The reason is that of `backend.steps_over_pixels`.

    Args:
        network: `keras.Model`, built; its `Conv2D` layers change, those of models inside of it, too.

    Returns:
        The network.
    """
    for layer in layers_of(network):
        plain = type(layer) is keras.layers.Conv2D and layer.groups == 1 and layer.data_format == backend.LAST
        if plain and backend.steps_over_pixels(layer.kernel.shape, layer.strides):
            layer.convolution_op = _StepsOverPixels(layer.strides, layer.padding)
    return network


class _StepsOverPixels:
    """What a `Conv2D` calls to convolve; an object, so that a layer that has it can still be copied and pickled."""

    def __init__(self, strides, padding):
        self.options = {"strides": strides, "padding": padding}

    def __call__(self, inputs, kernel):
        return backend.conv(inputs, kernel, **self.options)
