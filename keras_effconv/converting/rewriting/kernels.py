"""The weights of a dense convolution into what a kind has made of it, its channels in another order."""

import numpy as np
from keras import layers

from keras_effconv.inference.kernels import FORMS, array, write_het
from keras_effconv.kinds.separable import BETWEEN, SPATIAL
from keras_effconv.layers import GroupConv2D, HetConv2D, OctConv2D
from keras_effconv.layers.oct_depthwise_conv import DEPTHWISE
from keras_effconv.policies import assign
from keras_effconv.zoo.warm_start.decoupling import decouple


def write_rows(layer, source, order):
    """Give a layer the weights of another one of its class that reads the channels in another order.

    Args:
        layer: `Dense` or `Conv2D`, built.
        source: the other layer.
        order: array, the channel of the other's input that each channel is.
    """
    assign(layer.kernel, array(source.kernel)[..., order, :])
    if layer.bias is not None:
        assign(layer.bias, array(source.bias))


def write_channels(layer, source, numbers, channels):
    """Give a layer some of the channels of the weights of another one that has a weight for each channel."""
    for new, old in zip(layer.weights, source.weights, strict=True):
        value = array(old)
        assign(new, value[..., numbers] if value.shape[-1:] == (channels,) else value)


def write(made, part, x, normalized):
    """Give the layers that a kind has made the weights of a dense convolution.

    Args:
        made: dict of the layers by name.
        part: `Part`, the dense convolution.
        x: `Map` that they read.
        normalized: bool; whether a normalization behind them takes a bias that they have no place for.

    Raises:
        ValueError: there is no rule for these layers.
    """
    if part.is_depthwise:
        return _write_depthwise(made, part, x)
    kernel, bias = part.weights()
    kernel, name = kernel[:, :, x.numbers()], part.name
    if f"{name}{SPATIAL}" in made:
        return _write_pair(made, name, kernel, np.zeros_like(bias) if normalized else bias)
    layer = made.get(name)
    if len(made) != 1 or type(layer) not in WRITERS:
        raise ValueError(f"there is no rule that gives its weights to {_listed(made)}")
    WRITERS[type(layer)](layer, kernel)
    if layer.bias is not None:
        assign(layer.bias, bias)
    return None


def _write_correlated(layer, kernel):
    write_het(layer, kernel, "correlated")


WRITERS = {
    layers.Conv2D: FORMS[layers.Conv2D].write,
    GroupConv2D: FORMS[GroupConv2D].write,
    OctConv2D: FORMS[OctConv2D].write,
    HetConv2D: _write_correlated,
}


def _listed(made):
    return ", ".join(f"{name} ({type(layer).__name__})" for name, layer in made.items()) or "no layer"


def _write_depthwise(made, part, x):
    """Give each layer its channels: one over all bands, or one for each band."""
    name, numbers = part.name, {part.name: x.numbers()}
    if name not in made:
        numbers = {f"{name}_{band}": each for band, each in x.numbers_by_band().items()}
    if numbers.keys() != made.keys() or any(type(layer) not in DEPTHWISE for layer in made.values()):
        raise ValueError(f"there is no rule that gives its weights to {_listed(made)}")
    kernel, bias = part.weights()
    for each, channels in numbers.items():
        layer = made[each]
        assign(layer.kernel, kernel[:, :, channels])
        if layer.bias is not None:
            assign(layer.bias, bias[repeated(channels, part.config["depth_multiplier"])])


def repeated(numbers, multiplier):
    """Return the channels that a depthwise convolution makes of channels.

    >>> repeated(np.array([1, 0]), 2)
    array([2, 3, 0, 1])
    """
    return (np.asarray(numbers)[:, None] * multiplier + np.arange(multiplier)).ravel()


def _write_pair(made, name, kernel, bias):
    """Give a k x k in groups, the normalization behind it and a 1 x 1 the nearest pair of a dense kernel.

    The pair has no bias: it goes into the normalization between the two, as far as its offsets reach.
    """
    spatial, between, pointwise = (made[f"{name}{suffix}"] for suffix in (SPATIAL, BETWEEN, ""))
    depthwise = isinstance(spatial, layers.DepthwiseConv2D)
    first, second = decouple(kernel, kernel.shape[2] if depthwise else spatial.groups)
    assign(spatial.kernel, np.swapaxes(first, 2, 3) if depthwise else first)
    assign(pointwise.kernel, second)
    offsets = np.linalg.lstsq(second[0, 0].T, bias, rcond=None)[0]
    neutral = {"gamma": np.sqrt(1 + between.epsilon), "beta": offsets, "moving_mean": 0.0, "moving_variance": 1.0}
    for variable in between.weights:
        assign(variable, np.broadcast_to(neutral[variable.name], variable.shape))
