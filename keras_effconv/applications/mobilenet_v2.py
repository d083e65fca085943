"""MobileNetV2 (arXiv:1801.04381): a table of inverted residual blocks."""

import functools
from typing import NamedTuple

from keras import layers
from keras.applications.mobilenet_v2 import preprocess_input

from keras_effconv.applications.application import USUAL, Architecture, publish
from keras_effconv.applications.blocks import Stage, add, before_stride, entering, lift, norm, pad_layer, trunk
from keras_effconv.applications.scaling import deeper, divisible, pixels
from keras_effconv.feature_maps import shapes
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import UNIT
from keras_effconv.utils.arguments import positive
from keras_effconv.zoo import decode_predictions


class Row(NamedTuple):
    """A row of Table 2 of the paper."""

    expand: int
    filters: int
    repeats: int
    stride: int


# fmt: off
ROWS = (
    Row(expand=1, filters=16, repeats=1, stride=1),
    Row(expand=6, filters=24, repeats=2, stride=2),
    Row(expand=6, filters=32, repeats=3, stride=2),
    Row(expand=6, filters=64, repeats=4, stride=2),
    Row(expand=6, filters=96, repeats=3, stride=1),
    Row(expand=6, filters=160, repeats=3, stride=2),
    Row(expand=6, filters=320, repeats=1, stride=1),
)
# fmt: on
ORDER = ("input_shape", "alpha", *(key for key in USUAL if key not in ("input_shape", "conv")))


def batch_norm(x, name):
    """Normalisation with the paper's momentum."""
    return norm(x, name, epsilon=1e-3, momentum=0.999)


def relu6(x, name):
    """ReLU6 of each band."""
    return lift(layers.ReLU, x, name=name, max_value=6.0)


def finish(x, name):
    """Normalisation and ReLU6: `{name}_BN`, `{name}_relu`."""
    return relu6(batch_norm(x, f"{name}_BN"), f"{name}_relu")


def inverted_residual(kind, x, filters, stride, name, expand, padding, downsampling):
    """Expand, depthwise, project: (n, h, w, c) -> (n, h / stride, w / stride, filters).

    Only the expanded map is in bands, as the OctConv authors have it: what comes in and goes out is one map.
    """
    pad = pad_layer(padding, 3, stride, f"{name}pad") if stride > 1 else None
    pad = before_stride(downsampling, stride, f"{name}avg", pad)
    if expand:
        names = (f"{name}expand", f"{name}depthwise")
        config = {"names": names, "kernel_initializer": "glorot_uniform"}
        y = kind.expand_depthwise(x, expand * x.shape[-1], 3, stride, pad, finish, **config)
    else:
        y = finish(kind.depthwise(x, 3, stride, pad, name=f"{name}depthwise", use_bias=False), f"{name}depthwise")
    y = batch_norm(kind.closing().conv(y, filters, 1, name=f"{name}project", use_bias=False), f"{name}project_BN")
    return add(x, y, f"{name}add") if stride == 1 and shapes(x) == shapes(y) else y


def stages(alpha, depth, divisor, expand_first, **config):
    """The table at a width and a depth."""
    expansions = [row.expand if row.expand > 1 else int(expand_first) for row in ROWS]
    return [
        Stage(
            inverted_residual,
            divisible(int(row.filters * alpha), divisor),
            entering(row.stride, deeper(row.repeats, depth)),
            {"expand": expand, **config},
        )
        for row, expand in zip(ROWS, expansions)
    ]


def body(x, kind, alpha, depth, divisor, expand_first, padding, downsampling):
    """Image -> the last feature map, 32 times smaller."""
    pad = pad_layer(padding, 3, 2, "Conv1_pad") if padding == "symmetric" else None
    x = Conv().conv(x, divisible(32 * alpha, divisor), 3, 2, pad, name="Conv1", use_bias=False)
    x = relu6(batch_norm(x, "bn_Conv1"), "Conv1_relu")
    rows = stages(alpha, depth, divisor, expand_first, padding=padding, downsampling=downsampling)
    names = (f"block_{i}_" if i else "expanded_conv_" for i in range(sum(len(row.strides) for row in rows)))
    x, maps = trunk(x, rows, kind, stride=2, label=lambda *_: next(names))
    x = Conv().conv(x, divisible(1280 * max(alpha, 1.0), divisor), 1, name="Conv_1", use_bias=False)
    return relu6(batch_norm(x, "Conv_1_bn"), "out_relu"), maps


def top(x, classes, activation):
    """The last feature map -> predictions (n, classes)."""
    x = layers.GlobalAveragePooling2D(name="global_average_pooling2d")(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def design(
    variant,
    alpha=1.0,
    width=1.0,
    depth=1.0,
    resolution=1.0,
    divisor=8,
    expand_first=False,
    padding="same",
    downsampling="stride",
):
    """The network of a width.

    Args:
        variant: a row of the table.
        alpha: float, multiplies the filters. Default 1.
        width: float, multiplies alpha, so that `keras_effconv.compound` fits. Default 1.
        depth: float, multiplies the blocks of each stage (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
        divisor: int; filters are rounded to its multiples. The OctConv authors' networks have 1. Default 8.
        expand_first: bool; a 1 x 1 convolution in the first block too, as in the OctConv authors' networks. Default
            `False`.
        padding: of strided convolutions: `"same"`, as Keras pads, or `"symmetric"`, as torch does. Default `"same"`.
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling before each depthwise convolution that would
            stride, as the OctConv authors have it also in layers of one band. Default `"stride"`.
    """
    size, total = pixels(224, resolution), alpha * width
    features = functools.partial(
        body,
        alpha=total,
        depth=depth,
        divisor=positive("divisor", divisor),
        expand_first=expand_first,
        padding=padding,
        downsampling=downsampling,
    )
    return Architecture(
        variant,
        size,
        UNIT.at(size),
        features,
        top,
        ("global_average_pooling2d", "global_max_pooling2d"),
        f"mobilenetv2_{total:.2f}_{{rows}}",
        settings=("padding", "downsampling"),
    )


MobileNetV2 = publish(
    "MobileNetV2",
    design,
    "MobileNetV2; images as `keras_effconv.applications.mobilenet_v2.preprocess_input` leaves them.",
    "MobileNetV2",
    ORDER,
    {"name": None},
)

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
