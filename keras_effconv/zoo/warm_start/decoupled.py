"""A plain convolution as the grouped one and the 1 x 1 of `GWCPWC` and `DWCPWC`, with the normalization between."""

import keras
import numpy as np

from keras_effconv.kinds.separable import BETWEEN, SPATIAL
from keras_effconv.zoo.warm_start.decoupling import decouple, kept
from keras_effconv.zoo.warm_start.plain import plain_kernel


def is_spatial(layer, state):
    """Return whether a layer is the first of two that stand for one plain convolution, and the file has that one."""
    name = layer.name.removesuffix(SPATIAL)
    return name != layer.name and name in state.layers and not state.has(layer.name)


def fill_decoupled(layer, state):
    """Plan the values of a grouped or depthwise convolution, of the normalization behind it and of the 1 x 1.

    The normalization does nothing. A bias of the plain convolution goes into the mean of the normalization behind the
    1 x 1, which is exact; without one, into the normalization between the two, as far as its offsets reach.
    """
    name = layer.name.removesuffix(SPATIAL)
    pointwise, norm = state.layers[name], state.layers[f"{name}{BETWEEN}"]
    state.done.update((layer.name, norm.name, name))
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    channels, filters = pointwise.kernel.shape[2:]
    groups = channels if depthwise else layer.groups
    shape = (*layer.kernel_size, channels, filters)
    kernel = plain_kernel(pointwise, shape, state)
    if kernel is None:
        return
    bias = np.shape(state.dense.get(f"{name}/bias", np.zeros(filters)))
    if np.shape(kernel) != shape or bias != (filters,):
        state.wrong.append(f"{name}/kernel is {shape}, in the file {np.shape(kernel)} with a bias of {bias}")
        return
    first, second = pair = decouple(kernel, groups)
    state.set(layer, layer.kernel, np.swapaxes(first, 2, 3) if depthwise else first)
    state.set(pointwise, pointwise.kernel, second)
    offsets = np.zeros(channels)
    if state.has(name, "bias"):
        offsets = _place_bias(pointwise, second[0, 0], state)
    neutral = {"gamma": np.sqrt(1 + norm.epsilon), "beta": offsets, "moving_mean": 0.0, "moving_variance": 1.0}
    for variable in norm.weights:
        state.set(norm, variable, np.broadcast_to(neutral[variable.name], (channels,)))
    state.neutral.append(norm.name)
    rule = f"k x k in {'groups of one channel' if depthwise else f'{groups} groups'}, then 1 x 1: the nearest pair"
    state.note(pointwise, rule, approximate=kept(kernel, pair, groups) < 1 - 1e-6)


def _place_bias(layer, pointwise, state):
    """Put the file's bias (N,) behind a 1 x 1 without one; return the offsets (M,) ahead of it."""
    bias = state.take(f"{layer.name}/bias")
    norms = (each for each in state.model.layers if isinstance(each, keras.layers.BatchNormalization))
    norm = next((each for each in norms if each.input is layer.output), None)
    if norm is not None and state.join(f"{norm.name}/moving_mean"):
        mean = f"{norm.name}/moving_mean"
        if state.dense[mean].shape == bias.shape:  # else the rule of that normalization says so
            state.dense[mean] = state.dense[mean] - bias
        return np.zeros(len(pointwise))
    offsets = np.linalg.lstsq(pointwise.T.astype("float64"), bias, rcond=None)[0]
    exact = np.allclose(offsets @ pointwise, bias, atol=1e-5 * max(np.abs(bias).max(initial=0), 1e-12))
    if not exact:
        state.note(layer, "the bias, as far as offsets ahead of the 1 x 1 reach", approximate=True)
    return offsets
