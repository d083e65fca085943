"""Parameters and multiply-accumulates of any Keras model, per layer and in sum."""

import functools
import math
from typing import NamedTuple

import keras

from keras_effconv.feature_maps import bands
from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.layers.octaves import DEPTH


class LayerCount(NamedTuple):
    """A layer's row: `macs` are those of the definition, `macs_executed` those that its execution form computes."""

    name: str
    kind: str
    params: int
    macs: int
    macs_executed: int


class ModelCount(NamedTuple):
    """The counts of a model for one image.

    Attributes:
        params: int, all variables of the layers.
        trainable_params: int.
        macs: int, multiply-accumulates of convolutions and dense layers.
        macs_executed: int, with what execution forms compute beyond the definition.
        layers: tuple of `LayerCount`.
        uncounted: tuple of names of layers that have weights and that no rule knows.
    """

    params: int
    trainable_params: int
    macs: int
    macs_executed: int
    layers: tuple[LayerCount, ...]
    uncounted: tuple[str, ...]


def count(model, input_shape=None):
    """Count a model's parameters and multiply-accumulates (MACs) for one image.

    Args:
        model: a built Keras model with one image input.
        input_shape: (height, width, channels) to count at. Needed where the model's own is unknown.

    Returns:
        A `ModelCount`.

    Raises:
        ValueError: when the size of the image is unknown.

    Example:

    >>> import keras_effconv
    >>> counts = count(keras_effconv.EfficientNetB0(weights=None))
    >>> counts.trainable_params, counts.macs
    (5288548, 385814752)
    """
    if input_shape is not None:
        model = keras.models.clone_model(model, input_tensors=keras.Input(shape=input_shape))
    if None in model.input_shape[1:]:
        raise ValueError(f"`input_shape` must be given for a model of unknown size. Received: {model.input_shape}")
    rows, uncounted = [], []
    for layer in _flat(model):
        definition, executed = macs_of(layer)
        if definition is None:
            uncounted.append(layer.name)
        if layer.weights or definition:
            params = sum(math.prod(v.shape) for v in layer.weights)
            rows.append(LayerCount(layer.name, type(layer).__name__, params, definition or 0, executed or 0))
    trainable = sum(math.prod(v.shape) for v in model.trainable_weights)
    total = sum(math.prod(v.shape) for v in model.weights)
    sums = (sum(row.macs for row in rows), sum(row.macs_executed for row in rows))
    return ModelCount(total, trainable, *sums, tuple(rows), tuple(uncounted))


def _flat(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        else:
            yield layer


def output_shape(layer):
    """The shape of each band that a layer writes (`layer.output` of a dict is a flat list)."""
    return bands(layer.compute_output_shape(layer.get_build_config()["input_shape"]))


def positions(shape):
    """The pixels of a map (n, h, w, c)."""
    return math.prod(shape[1:-1])


WEIGHTS_WITHOUT_MACS = (
    keras.layers.BatchNormalization,
    keras.layers.Normalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)


@functools.singledispatch
def macs_of(layer):
    """(counted, executed) MACs of a layer; (None, None) for a layer with weights that no rule knows."""
    free = not layer.weights or isinstance(layer, WEIGHTS_WITHOUT_MACS)
    return (0, 0) if free else (None, None)


def _same(macs):
    return macs, macs


@macs_of.register
def _(layer: keras.layers.Conv2D):
    (shape,) = output_shape(layer).values()
    return _same(positions(shape) * math.prod(layer.kernel.shape))


@macs_of.register
def _(layer: keras.layers.DepthwiseConv2D):
    (shape,) = output_shape(layer).values()
    return _same(positions(shape) * math.prod(layer.kernel.shape))


@macs_of.register
def _(layer: keras.layers.Dense):
    (shape,) = output_shape(layer).values()
    return _same(positions(shape) * math.prod(layer.kernel.shape))


@macs_of.register
def _(layer: HetConv2D):
    (shape,) = output_shape(layer).values()
    return positions(shape) * layer.weights_per_position, positions(shape) * layer.weights_executed


@macs_of.register
def _(layer: OctConv2D):
    written = output_shape(layer)
    window = math.prod(layer.kernel_size)
    macs = 0
    for write, shape in written.items():
        for read, channels in layer.read.items():
            size = positions(shape)
            if DEPTH[write] - DEPTH[read] + layer.octaves < 0:
                low = bands(layer.get_build_config()["input_shape"])[read]
                size = positions(low)
            macs += size * window * channels // layer.groups * shape[-1]
    return _same(macs)


@macs_of.register
def _(layer: OctDepthwiseConv2D):
    window = math.prod(layer.kernel_size)
    return _same(sum(positions(shape) * shape[-1] * window for shape in output_shape(layer).values()))
