"""A dense convolution as what a kind makes: one convolution, or the two of a separable one."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from keras_effconv.feature_maps import bands, channels
from keras_effconv.inference.kernels import array, bias_of
from keras_effconv.layers import MergeBands

OWN = ("name", "filters", "kernel_size", "strides", "padding", "data_format", "groups")  # passed on in another way
SUFFIX = "_depthwise"  # of the first convolution of a separable one


class Ahead:
    """What is passed as `pad=` for a "valid" convolution: the padding layer that it reads, or nothing at all.

    It notes whether the kind has used it: octave convolutions do not.

    Args:
        layer: Keras layer, or `None`.
    """

    def __init__(self, layer=None):
        self.layer, self.used = layer, False

    def __call__(self, x):
        self.used = True
        return x if self.layer is None else self.layer(x)


class Part(NamedTuple):
    """A dense convolution.

    Attributes:
        name: str, of the layer.
        plain: class, `Conv2D` or `DepthwiseConv2D`.
        config: dict, the configuration of such a layer.
        shape: tuple, of what it writes.
        weights: callable () -> (kernel, bias), arrays as of such a layer; the bias is zeros without one.
    """

    name: str
    plain: type
    config: dict
    shape: tuple
    weights: Callable

    @property
    def is_depthwise(self):
        """Return whether it is depthwise."""
        return self.plain is layers.DepthwiseConv2D

    @property
    def is_valid(self):
        """Return whether it reads windows of several pixels, and none beyond the border."""
        return self.config["padding"] == "valid" and max(self.config["kernel_size"]) > 1

    def reads_bands(self, kind):
        """Return whether a kind reads maps in bands, and does not merge them: as a small convolution of it does."""
        x = {"high": keras.Input((16, 16, 4)), "low": keras.Input((8, 8, 4))}
        count = 8 * self.config["depth_multiplier"] if self.is_depthwise else 8
        part = self._replace(config={**self.config, "filters": count})
        try:
            value = part.apply(kind, x, Ahead() if self.is_valid else None)
        except ValueError:
            return False
        merges = any(isinstance(each, MergeBands) for each in operations_between(x, value))
        return channels(value) == count and not merges

    def apply(self, kind, x, ahead):
        """Return the feature map that a kind makes; `ahead` is what comes first, or `None`."""
        options = {key: value for key, value in self.config.items() if key not in OWN}
        window = tuple(self.config["kernel_size"]), tuple(self.config["strides"]), ahead
        if self.is_depthwise:
            return kind.depthwise(x, *window, name=self.name, **options)
        return kind.conv(x, self.config["filters"], *window, name=self.name, **options)


def parts_of(step, name, first_name):
    """Return the convolutions of a step, in order.

    Args:
        step: `Step` of a `Conv2D`, `DepthwiseConv2D` or `SeparableConv2D`.
        name: str, of the layer.
        first_name: str, of the depthwise convolution if there are two.
    """
    layer, config, shape = step.operation, step.config, tuple(step.outputs[0].shape)
    if type(layer) is layers.SeparableConv2D:
        return _separated(layer, config, shape, name, first_name)
    plain = layers.DepthwiseConv2D if type(layer) is layers.DepthwiseConv2D else layers.Conv2D
    return [Part(name, plain, config, shape, lambda: (array(layer.kernel), bias_of(layer, shape[-1])))]


def _separated(layer, config, shape, name, first_name):
    """Return the depthwise convolution and the 1 x 1 of a separable one."""
    common = {key: config[key] for key in ("trainable", "dtype")}
    window = {key: config[key] for key in ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier")}
    endings = ("initializer", "regularizer", "constraint")
    first = {**common, **window, "use_bias": False, "activation": None}
    first.update({f"depthwise_{ending}": config[f"depthwise_{ending}"] for ending in endings})
    second = {**common, "filters": shape[-1], "kernel_size": (1, 1), "strides": (1, 1), "padding": "same"}
    second.update({key: config[key] for key in ("use_bias", "activation", "activity_regularizer")})
    second.update({f"kernel_{ending}": config[f"pointwise_{ending}"] for ending in endings})
    second.update({f"bias_{ending}": config[f"bias_{ending}"] for ending in endings})
    count = layer.pointwise_kernel.shape[2]

    def weights_of_first():
        return array(layer.depthwise_kernel), np.zeros(count)

    def weights_of_second():
        return array(layer.pointwise_kernel), bias_of(layer, shape[-1])

    return [
        Part(first_name, layers.DepthwiseConv2D, first, (*shape[:-1], count), weights_of_first),
        Part(name, layers.Conv2D, second, shape, weights_of_second),
    ]


def operations_between(x, outputs):
    """Return the layers and operations that a feature map has gone through."""
    return keras.Function([*bands(x).values()], [*bands(outputs).values()]).operations
