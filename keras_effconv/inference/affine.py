"""Layers that only scale and shift channels, as numbers: batch normalization, rescaling, normalization."""

import keras
import numpy as np
from keras import layers, ops

from keras_effconv.inference.kernels import array


def affine_of(step):
    """Return the scale and offset by which a step computes each channel.

    Args:
        step: `Step`.

    Returns:
        (scale, offset), float64 arrays of one value for each channel; `None` for a step that computes anything else.
    """
    rule = AFFINES.get(step.kind)
    if rule is None or not hasattr(step.inputs[0], "shape"):
        return None
    try:
        channels = step.inputs[0].shape[-1:]
        pair = rule(step, len(step.inputs[0].shape))
        return pair and tuple(np.array(np.broadcast_to(np.asarray(x, "float64"), channels)) for x in pair)
    except (TypeError, ValueError):  # a scale of another shape
        return None


def is_last_axis(axis, rank):
    """Return whether the axis of a layer, an int or a sequence of one, is the last one of maps of a rank.

    >>> is_last_axis(-1, 4), is_last_axis([3], 4), is_last_axis(1, 4), is_last_axis((2, 3), 4)
    (True, True, False, False)
    """
    return axis in (-1, rank - 1, (-1,), [-1], (rank - 1,), [rank - 1])


def _batch_norm(step, rank):
    layer = step.operation
    if not is_last_axis(step.config["axis"], rank):
        return None
    mean, variance = array(layer.moving_mean), array(layer.moving_variance)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * array(layer.gamma)
    return scale, (array(layer.beta) if layer.center else 0) - mean * scale


def _rescaling(step, rank):
    del rank
    read = keras.saving.deserialize_keras_object
    return read(step.config["scale"]), read(step.config["offset"])


def _normalization(step, rank):
    layer = step.operation
    if layer.invert or not is_last_axis(step.config["axis"], rank):
        return None
    scale = 1 / np.maximum(np.sqrt(array(layer.variance).ravel()), keras.backend.epsilon())
    return scale, -array(layer.mean).ravel() * scale


AFFINES = {
    layers.BatchNormalization: _batch_norm,
    layers.Normalization: _normalization,
    layers.Rescaling: _rescaling,
}


@keras.saving.register_keras_serializable(package="keras_effconv")
class Shift(keras.layers.Layer):
    """Add a number to each channel: what is left of a normalization whose scale is in a convolution.

    Args:
        offset: sequence of floats, one for each channel.

    Example:

    >>> keras.ops.convert_to_numpy(Shift([1.0, -1.0])(keras.ops.zeros((1, 2)))).tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, offset, **arguments):
        super().__init__(**arguments)
        self.offset = tuple(offset)

    def call(self, inputs):
        return ops.add(ops.cast(inputs, self.compute_dtype), ops.convert_to_tensor(self.offset, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "offset": list(self.offset)}


def as_shift(step, offset):
    """Make a step a `Shift`."""
    step.become(Shift, {"name": step.name, "dtype": step.config["dtype"], "offset": offset.tolist()})


def as_rescaling(step, scale, offset):
    """Make a step a `Rescaling` layer of those numbers."""
    scale, offset = (float(x[0]) if np.ptp(x) == 0 else x.tolist() for x in (scale, offset))
    config = {"name": step.name, "dtype": step.config["dtype"], "scale": scale, "offset": offset}
    step.become(layers.Rescaling, config)
