"""What a layer makes of a file's weights: one rule a class of layers."""

import functools

import keras
import numpy as np

from keras_effconv.architecture import GATE
from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.zoo.warm_start.decoupled import fill_decoupled, is_spatial
from keras_effconv.zoo.warm_start.fusing import fuse
from keras_effconv.zoo.warm_start.plain import BAND, form_of, plain_kernel

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def apply_rule(layer, state):
    """Plan the values of a layer's variables.

    Args:
        layer: Keras layer with weights.
        state: `Pouring`.
    """
    if not as_saved(layer, state):
        rule = fill_decoupled if is_spatial(layer, state) else rule_for
        rule(layer, state)
    if state.from_octaves and isinstance(layer, CONVOLUTIONS) and _in_blocks(layer, state):
        state.note(layer, f"the kernel of {state.told.conv} over other bands", approximate=True)


def _in_blocks(layer, state):
    """Return whether a layer may be an octave convolution in another kind: those of gates are not."""
    return GATE not in layer.name and any(block.holds(layer.name) for block in state.architecture.blocks)


def as_saved(layer, state):
    """Take the variables of a layer of the very same kind and size, by name, or by number if a file has no names."""
    if isinstance(layer, OctConv2D | OctDepthwiseConv2D) and not state.same_bands:
        return False
    form = form_of(layer.name, state)
    if isinstance(layer, HetConv2D) and form not in (None, (layer.parts, layer.layout)):
        return False
    for names in ([v.name for v in layer.weights], [str(i) for i in range(len(layer.weights))]):
        keys = [f"{layer.name}/{name}" for name in names]
        shapes = [np.shape(state.dense.get(key)) for key in keys]
        if all(key in state.dense for key in keys) and shapes == [tuple(v.shape) for v in layer.weights]:
            if layer.name == state.architecture.head[-1] and state.classes is not None:
                return False
            if not isinstance(layer, HetConv2D) and state.has(layer.name, "pointwise_kernel"):
                return False
            for key, variable in zip(keys, layer.weights):
                state.set(layer, variable, state.take(key))
            state.used.add(f"{layer.name}/form")
            return True
    return False


@functools.singledispatch
def rule_for(layer, state):
    """Plan by name: each variable takes the file's. A band takes its share of the channels: high first, low last."""
    band = BAND.fullmatch(layer.name)
    for variable in layer.weights:
        own = np.shape(state.dense.get(f"{layer.name}/{variable.name}")) == tuple(variable.shape)
        if band and not own and _has_whole(band[1], variable, state):
            state.set(layer, variable, _of_band(*band.groups(), variable, state))
            continue
        value = state.take(f"{layer.name}/{variable.name}")
        state.set(layer, variable, _adapted(layer, variable, value, state))


def _of_band(name, band, variable, state):
    """Return a band's share of the channels: high first, low last; all of them if they are of another number."""
    value, count = state.take(f"{name}/{variable.name}"), variable.shape[-1]
    layers = (state.layers.get(f"{name}_{each}") for each in ("high", "low"))
    whole = sum(v.shape[-1] for each in layers if each for v in each.weights if v.name == variable.name)
    if value is None or len(value) != whole:
        return value
    return value[:count] if band == "high" else value[-count:]


def _has_whole(name, variable, state):
    key = f"{name}/{variable.name}"
    return key in state.dense or key in state.joined


def _adapted(layer, variable, value, state):
    """Return the value if the shapes agree; else what the number of classes or of input channels makes of it."""
    head = layer.name == state.architecture.head[-1]
    if value is not None and head and state.classes is not None:
        state.note(layer, f"{len(state.classes)} of the file's {np.shape(value)[-1]} classes")
        value = value[..., np.asarray(state.classes)]
    if value is None or np.shape(value) == tuple(variable.shape):
        return value
    columns = np.shape(value)[-1]
    if head and columns != variable.shape[-1] and _agree_on_classes(layer, state):
        state.note(layer, f"new head: {variable.shape[-1]} classes, the file has {columns}")
        return None
    count, axis = state.model.input_shape[-1], 2 if np.ndim(value) == 4 else 0
    if np.ndim(value) == len(variable.shape) and np.shape(value)[axis] == 3 and variable.shape[axis] == count:
        state.note(layer, f"{count} input channels from 3: {'their sum' if count == 1 else 'repeated and scaled'}")
        return input_channels(value, count)
    return value


def _agree_on_classes(layer, state):
    """Return whether the kernel and the bias that the file has for a classifier are of as many classes."""
    arrays = (state.dense.get(f"{layer.name}/{variable.name}") for variable in layer.weights)
    return len({np.shape(array)[-1] for array in arrays if array is not None}) == 1


def input_channels(value, count):
    """Return a stem kernel (k, k, 3, n), or a statistic (3,), for images of `count` channels.

    The kernel is repeated and scaled, so that equal channels give the same response; for one channel it is the sum.

    >>> input_channels(np.ones((1, 1, 3, 1)), 1).ravel(), input_channels(np.ones((1, 1, 3, 1)), 6).ravel()
    (array([3.]), array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]))
    """
    axis, scale = (2, 3 / count) if value.ndim == 4 else (0, 1)
    if count == 1:
        return value.mean(axis=axis, keepdims=True) * scale
    return np.take(value, np.arange(count) % 3, axis=axis) * scale


@rule_for.register
def _(layer: keras.layers.Normalization, state):
    """Plan mean and variance, not `count`, which says how many images were seen when they were adapted."""
    for variable in layer.weights:
        if variable.name != "count":
            value = state.take(f"{layer.name}/{variable.name}")
            state.set(layer, variable, _adapted(layer, variable, value, state))
    state.used.add(f"{layer.name}/count")


@rule_for.register
def _(layer: keras.layers.Conv2D, state):
    """Plan a plain convolution: the file's, or what the file's other kind equals."""
    kernel = plain_kernel(layer, tuple(layer.kernel.shape), state)
    state.set(layer, layer.kernel, _adapted(layer, layer.kernel, kernel, state))
    _set_bias(layer, state)


@rule_for.register
def _(layer: OctConv2D, state):
    state.set(layer, layer.kernel, plain_kernel(layer, tuple(layer.kernel.shape), state))
    _set_bias(layer, state)
    _note_bands(layer, state)


@rule_for.register
def _(layer: OctDepthwiseConv2D, state):
    rule_for.dispatch(object)(layer, state)
    _note_bands(layer, state)


def _note_bands(layer, state):
    if not state.same_bands:
        state.note(layer, "the same kernel over two bands", approximate=True)


@rule_for.register
def _(layer: HetConv2D, state):
    rule = f"k x k kept on its part, elsewhere 1 x 1 from k x k ({state.pointwise})"
    pair = state.pairs.get(layer.name)
    shape = (*layer.kernel_size, layer.channels, layer.filters)
    if pair and state.has(pair.first.conv):
        kernel, state.fused = fuse(layer, pair, state), True
        rule = f"depthwise and 1 x 1 as one, linear between them; {rule}"
    else:
        kernel = plain_kernel(layer, shape, state)
    if kernel is None:
        return
    if tuple(kernel.shape) != shape:
        state.wrong.append(f"{layer.name}/kernel is made of {layer.channels} channels and {layer.filters} filters")
        return
    for variable, value in zip((layer.kernel, layer.pointwise_kernel), layer.cut(kernel, pointwise=state.pointwise)):
        if variable is not None:
            state.set(layer, variable, value)
    _set_bias(layer, state)
    state.note(layer, rule, approximate=True)


def _set_bias(layer, state):
    if layer.use_bias:
        value = state.take(f"{layer.name}/bias")
        state.set(layer, layer.bias, _adapted(layer, layer.bias, value, state))
