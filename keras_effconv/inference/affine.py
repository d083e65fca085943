"""What layers that only scale and shift channels do, as numbers: batch normalisation, rescaling, normalisation."""

import keras
import numpy as np
from keras import layers

from keras_effconv.inference.kernels import array


def affine_of(step):
    """The (scale, offset) of each channel, a pair of float64 arrays, that a step computes; `None` if it is no such.

    Args:
        step: `Step`.
    """
    rule = AFFINES.get(step.kind)
    if rule is None or not hasattr(step.inputs[0], "shape"):
        return None
    try:
        channels = step.inputs[0].shape[-1:]
        pair = rule(step, len(step.inputs[0].shape))
        return pair and tuple(np.array(np.broadcast_to(np.asarray(x, "float64"), channels)) for x in pair)
    except (TypeError, ValueError):  # a scale that does not go along the channels
        return None


def _batch_norm(step, rank):
    layer = step.operation
    if step.config["axis"] not in (-1, rank - 1):
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
    axes = step.config["axis"]
    if layer.invert or axes not in (-1, rank - 1, (-1,), [-1], (rank - 1,), [rank - 1]):
        return None
    scale = 1 / np.maximum(np.sqrt(array(layer.variance).ravel()), keras.backend.epsilon())
    return scale, -array(layer.mean).ravel() * scale


AFFINES = {
    layers.BatchNormalization: _batch_norm,
    layers.Normalization: _normalization,
    layers.Rescaling: _rescaling,
}


def as_rescaling(step, scale, offset):
    """Make a step a `Rescaling` layer of those numbers."""
    scale, offset = (float(x[0]) if np.ptp(x) == 0 else x.tolist() for x in (scale, offset))
    config = {"name": step.name, "dtype": step.config["dtype"], "scale": scale, "offset": offset}
    step.become(layers.Rescaling, config)
