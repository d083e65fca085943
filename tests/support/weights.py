"""Models with random weights, which are compared with others, and how they are run."""

import keras
import numpy as np


def random_weights(model, seed=0):
    """Random values in all variables of a model, of a size that keeps its outputs finite."""
    rng = np.random.default_rng(seed)
    for v in model.weights:
        shape, positive = tuple(v.shape), v.name in ("moving_variance", "variance", "gamma")
        deviation = 1 / np.sqrt(np.prod(shape[:-1]))
        values = rng.uniform(0.5, 1.5, shape) if positive else rng.normal(0, deviation, shape)
        v.assign(values.astype(v.dtype))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model


def run(model, x):
    """The output of a model, as an array."""
    return keras.ops.convert_to_numpy(model(x))


def names(model, *classes):
    """The layers of a model that are of some classes."""
    return [layer.name for layer in model.layers if isinstance(layer, classes)]


def random_statistics(model):
    """Random biases and batch statistics; kernels stay as drawn, since others would make rounding errors explode."""
    kernels = [(v, v.numpy()) for v in model.weights if "kernel" in v.name]
    random_weights(model)
    for variable, value in kernels:
        variable.assign(value)
    return model


def filled(inputs, outputs):
    """A model with random statistics."""
    return random_statistics(keras.Model(inputs, outputs))
