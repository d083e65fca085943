"""OctConv2D and OctDepthwiseConv2D as their tests vary them."""

import keras
import numpy as np
import pytest
from reference import numpy

from keras_effconv.layers import OctConv2D, OctDepthwiseConv2D

SPLITS = {"high": (4, 0), "both": (4, 2), "low": (0, 4)}  # channels of the two bands at the input
LAYERS = {
    "conv": lambda **config: OctConv2D(8, 3, alpha=0.25, **config),
    "groups": lambda **config: OctConv2D(8, 3, alpha=0.25, groups=2, **config),
    "leave": lambda **config: OctConv2D(8, 3, alpha=0, **config),
    "all_low": lambda **config: OctConv2D(8, 3, alpha=1, **config),
    "depthwise": lambda **config: OctDepthwiseConv2D(3, depth_multiplier=2, **config),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
every_split = pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
every_alpha = pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's graphs")


def with_bias(layer, use_bias):
    """Kernel and bias, the latter of zeros where there is none."""
    kernel = numpy(layer.weights[0])
    depthwise = isinstance(layer, OctDepthwiseConv2D)
    outputs = kernel.shape[2] * kernel.shape[3] if depthwise else kernel.shape[3]
    return kernel, numpy(layer.weights[1]) if use_bias else np.zeros(outputs)


def inputs(high, low):
    return {band: keras.Input((None, None, n), name=band) for band, n in [("high", high), ("low", low)]}


def octave_net(**config):
    """Into the octave, through it, smaller, and out of it."""
    x = keras.Input((None, None, 3))
    y = OctConv2D(8, 3, alpha=0.25, activation="relu", **config)(x)
    y = OctDepthwiseConv2D(3, activation="relu")(y)
    y = OctConv2D(8, 1, 2, alpha=0.5, groups=2, **config)(y)
    y = OctConv2D(8, 3, alpha=1, activation="tanh", **config)(y)
    return keras.Model(x, OctConv2D(4, 3, alpha=0, **config)(y))


def randomise(model):
    model.set_weights([np.random.normal(size=w.shape) for w in model.get_weights()])
    return model
