"""MobileNet (arXiv:1704.04861): a table of depthwise separable blocks."""

import functools
import itertools
from typing import NamedTuple

from keras import layers
from keras.applications.mobilenet import preprocess_input

from keras_effconv.applications.application import USUAL, Architecture, publish
from keras_effconv.applications.blocks import before_stride, lift, merge, norm, pad_layer
from keras_effconv.applications.scaling import deeper, pixels
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import UNIT
from keras_effconv.utils.arguments import one_of
from keras_effconv.zoo import decode_predictions


class Row(NamedTuple):
    """Blocks of one width; the first one strides."""

    filters: int
    repeats: int
    stride: int


# fmt: off
ROWS = (
    Row(filters=64, repeats=1, stride=1),
    Row(filters=128, repeats=2, stride=2),
    Row(filters=256, repeats=2, stride=2),
    Row(filters=512, repeats=6, stride=2),
    Row(filters=1024, repeats=2, stride=2),
)
# fmt: on
MAXIMA = {"relu6": 6.0, "relu": None}  # of each activation's values
ORDER = ("input_shape", "alpha", "depth_multiplier", "dropout")
ORDER += tuple(key for key in USUAL if key not in ("input_shape", "conv"))


def finish(x, name, max_value):
    """Normalisation and a ReLU, up to a value if it is not `None`: `{name}_bn`, `{name}_relu`."""
    return lift(layers.ReLU, norm(x, f"{name}_bn"), name=f"{name}_relu", max_value=max_value)


def strided_padding(padding, name):
    """The padding before a strided 3 x 3."""
    one_of("padding", padding, ("end", "same", "symmetric"))
    return layers.ZeroPadding2D(((0, 1), (0, 1)), name=name) if padding == "end" else pad_layer(padding, 3, 2, name)


def blocks_of(depth):
    """(filters, stride) of each block; the first row is not repeated, as the paper's own scaled baseline has it."""
    for i, row in enumerate(ROWS):
        for j in range(deeper(row.repeats, depth if i else 1)):
            yield row.filters, row.stride if j == 0 else 1


def body(x, kind, alpha, depth_multiplier, depth, padding, activation, downsampling):
    """Image -> the last feature map, 32 times smaller."""
    done = functools.partial(finish, max_value=MAXIMA[activation])
    pad = pad_layer(padding, 3, 2, "conv1_pad") if padding == "symmetric" else None
    x = done(Conv().conv(x, int(32 * alpha), 3, 2, pad, name="conv1", use_bias=False), "conv1")
    blocks, stride, maps = [*blocks_of(depth), (None, 1)], 2, {2: x}
    for i, ((filters, step), (_, next_step)) in enumerate(itertools.pairwise(blocks), 1):
        stride *= step
        pad = strided_padding(padding, f"conv_pad_{i}") if step > 1 else None
        pad = before_stride(downsampling, step, f"conv_avg_{i}", pad)
        x = maps[stride] = kind.at(stride).separable(
            x,
            int(filters * alpha),
            3,
            step,
            pad,
            done,
            names=(f"conv_dw_{i}", f"conv_pw_{i}"),
            into=kind.at(stride * next_step),
            depth_multiplier=depth_multiplier,
        )
    x = maps[stride] = merge(x)
    return x, maps


def top(x, classes, activation, dropout):
    """The last feature map -> predictions (n, classes), through a 1 x 1 convolution as in the published weights."""
    x = layers.GlobalAveragePooling2D(keepdims=True, name="global_average_pooling2d")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((classes,), name="reshape_2")(x)
    return layers.Activation(activation, name="predictions")(x)


def design(
    variant,
    alpha=1.0,
    depth_multiplier=1,
    dropout=1e-3,
    width=1.0,
    depth=1.0,
    resolution=1.0,
    padding="end",
    activation="relu6",
    downsampling="stride",
):
    """The network of a width.

    Args:
        variant: a row of the table.
        alpha: float, multiplies the filters (cut to whole numbers). Default 1.
        depth_multiplier: int, filters per channel of depthwise convolutions. Default 1.
        dropout: float, before the classifier. Default 0.001.
        width: float, multiplies alpha, so that `keras_effconv.compound` fits. Default 1.
        depth: float, multiplies the blocks of each width but the first (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
        padding: of strided convolutions: `"end"`, as Keras pads (a row at the end, whatever the size), `"same"`, as
            TensorFlow does (which differs at odd sizes), or `"symmetric"`, as torch does. Default `"end"`.
        activation: `"relu6"`, as Keras has it, or `"relu"`, as the OctConv authors have it. Default `"relu6"`.
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling before each depthwise convolution that would
            stride, as the OctConv authors have it also in layers of one band. Default `"stride"`.
    """
    one_of("activation", activation, tuple(MAXIMA))
    size = pixels(224, resolution)
    total = alpha * width
    shared = {"padding": padding, "activation": activation, "downsampling": downsampling}
    pool_names = ("global_average_pooling2d", "global_max_pooling2d")
    return Architecture(
        variant,
        size,
        UNIT.at(size),
        functools.partial(body, alpha=total, depth_multiplier=depth_multiplier, depth=depth, **shared),
        functools.partial(top, dropout=dropout),
        pool_names,
        f"mobilenet_{total:.2f}_{{rows}}",
        settings=("padding", "depth_multiplier", "activation", "downsampling"),
    )


MobileNet = publish(
    "MobileNet",
    design,
    "MobileNet; images as `keras_effconv.applications.mobilenet.preprocess_input` leaves them.",
    "MobileNet",
    ORDER,
    {"name": None},
)

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
