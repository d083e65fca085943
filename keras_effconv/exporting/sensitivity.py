"""Which layers lose most by int8: each is rounded by itself, in Keras, and moves the probabilities of images."""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_effconv.graph import walk
from keras_effconv.inference.compare import moved_probability

OUTPUT_LEVELS, WEIGHT_LEVELS = 255, 63  # of 8 bits from the least to the largest value; of 7 bits with a sign


def moved_by_layer(model, images, names):
    """Return the probability that moves if the weights and the output of one layer are rounded, and all else is float.

    Weights have a range for each output channel, and an output has one range: its least and its largest value.

    Args:
        model: `keras.Model` with a functional graph, images -> a list whose first entry is the probabilities.
        images: array of images; a few are enough for an order.
        names: collection of str, the layers to look at.

    Returns:
        dict of floats by the name of the layer, the largest first.
    """
    images = ops.convert_to_tensor(images, "float32")
    met = []

    def remember(operation, call):
        met.append(operation.name)
        return call()

    expected = _probabilities(model, images, remember)

    def moved(name):
        def compute(operation, call):
            return _rounded(operation, call) if operation.name == name else call()

        return moved_probability(expected, _probabilities(model, images, compute))

    found = {name: moved(name) for name in dict.fromkeys(met) if name in names}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _probabilities(model, images, compute):
    """Walk through a model's graph; `compute` gets an operation and a function that calls it."""

    def visit(name, operation, args, kwargs):
        return compute(operation, lambda: operation(*args, **kwargs))

    return ops.convert_to_numpy(keras.tree.flatten(walk(model, images, visit))[0])


def _rounded(operation, call):
    with _rounded_weights(getattr(operation, "weights", ())):
        return keras.tree.map_structure(_rounded_output, call())


def _rounded_output(x):
    low, high = ops.minimum(ops.min(x), 0.0), ops.max(x)
    step = ops.maximum((high - low) / OUTPUT_LEVELS, np.finfo("float32").tiny)
    return low + step * ops.round((x - low) / step)


@contextlib.contextmanager
def _rounded_weights(weights):
    """Round kernels for the length of a block; biases and statistics stay."""
    kernels = [(variable, ops.convert_to_numpy(variable)) for variable in weights if len(variable.shape) > 1]
    try:
        for variable, value in kernels:
            kept = value.ndim - (2 if value.shape[-1] == 1 else 1)  # the channels; a depthwise kernel ends with one
            axes = tuple(axis for axis in range(value.ndim) if axis != kept)
            step = np.maximum(np.abs(value).max(axes, keepdims=True) / WEIGHT_LEVELS, np.finfo("float32").tiny)
            variable.assign(step * np.round(value / step))
        yield
    finally:
        for variable, value in kernels:
            variable.assign(value)
