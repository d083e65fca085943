"""A dense convolution as what a kind makes: one convolution, or the two of a separable one."""

from typing import NamedTuple

import numpy as np
from keras import layers

from keras_effconv.inference.kernels import array, bias_of

OWN = ("name", "filters", "kernel_size", "strides", "padding", "data_format", "groups")  # passed on in another way
SUFFIX = "_depthwise"  # of the first convolution of a separable one


class Part(NamedTuple):
    """A dense convolution.

    Attributes:
        name: str, of the layer.
        plain: class, `Conv2D` or `DepthwiseConv2D`.
        config: dict, the configuration of such a layer.
        kernel: array, as of such a layer.
        bias: array over the filters; zeros without one.
        shape: tuple, of what it writes.
    """

    name: str
    plain: type
    config: dict
    kernel: np.ndarray
    bias: np.ndarray
    shape: tuple

    @property
    def is_depthwise(self):
        """Return whether it is depthwise."""
        return self.plain is layers.DepthwiseConv2D

    @property
    def is_valid(self):
        """Return whether it reads windows of several pixels, and none beyond the border."""
        return self.config["padding"] == "valid" and max(self.config["kernel_size"]) > 1

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
    return [Part(name, plain, config, array(layer.kernel), bias_of(layer, shape[-1]), shape)]


def _separated(layer, config, shape, name, first_name):
    """Return the depthwise convolution and the 1 x 1 of a separable one."""
    common = {key: config[key] for key in ("trainable", "dtype")}
    window = {key: config[key] for key in ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier")}
    kernels = [array(kernel) for kernel in (layer.depthwise_kernel, layer.pointwise_kernel)]
    endings = ("initializer", "regularizer", "constraint")
    first = {**common, **window, "use_bias": False, "activation": None}
    first.update({f"depthwise_{ending}": config[f"depthwise_{ending}"] for ending in endings})
    second = {**common, "filters": shape[-1], "kernel_size": (1, 1), "strides": (1, 1), "padding": "same"}
    second.update({key: config[key] for key in ("use_bias", "activation", "activity_regularizer")})
    second.update({f"kernel_{ending}": config[f"pointwise_{ending}"] for ending in endings})
    second.update({f"bias_{ending}": config[f"bias_{ending}"] for ending in endings})
    count = kernels[1].shape[2]
    return [
        Part(first_name, layers.DepthwiseConv2D, first, kernels[0], np.zeros(count), (*shape[:-1], count)),
        Part(name, layers.Conv2D, second, kernels[1], bias_of(layer, shape[-1]), shape),
    ]
