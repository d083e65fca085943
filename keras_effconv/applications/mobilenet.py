"""MobileNet (arXiv:1704.04861): a table of depthwise separable blocks."""

import dataclasses
import functools
import itertools
from typing import Literal, NamedTuple

from keras import layers
from keras.applications.mobilenet import preprocess_input

from keras_effconv.applications.application import USUAL, publish
from keras_effconv.applications.blocks import (
    DOWNSAMPLINGS,
    PADDINGS,
    before_stride,
    free_name,
    head_dtype,
    lift,
    merge,
    norm,
    pad_layer,
)
from keras_effconv.applications.scaling import Multipliers, deeper, divisible, pixels
from keras_effconv.architecture import Architecture, Block, Pair, Unit
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import UNIT
from keras_effconv.utils.arguments import one_of, positive, positive_number
from keras_effconv.zoo import decode_predictions
from keras_effconv.zoo.names import mobilenet as producers
from keras_effconv.zoo.names import octaves


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


def unit(conv):
    """Return the names of a convolution and of what follows it, as Keras has them."""
    return Unit(conv, f"{conv}_bn", f"{conv}_relu")


def pair(i):
    """Return the names of block i's depthwise and pointwise convolution."""
    return Pair(unit(f"conv_dw_{i}"), unit(f"conv_pw_{i}"))


def finish(x, conv, max_value):
    """Apply normalization and a ReLU, up to a value if it is not `None`, behind a convolution of that name."""
    return lift(layers.ReLU, norm(x, unit(conv).norm), name=unit(conv).activation, max_value=max_value)


def strided_padding(padding, name):
    """Return the padding before a strided 3 x 3."""
    one_of("padding", padding, ("end", "same", "symmetric"))
    return layers.ZeroPadding2D(((0, 1), (0, 1)), name=name) if padding == "end" else pad_layer(padding, 3, 2, name)


def blocks_of(depth):
    """Return (filters, stride) of each block; the first row is not repeated, as in the paper's own scaled baseline."""
    for i, row in enumerate(ROWS):
        for j in range(deeper(row.repeats, depth if i else 1)):
            yield row.filters, row.stride if j == 0 else 1


def body(x, kind, options):
    """Build the network from an image to the last feature map, 32 times smaller."""
    done, alpha = functools.partial(finish, max_value=MAXIMA[options.activation]), options.alpha * options.width
    pad = pad_layer(options.padding, 3, 2, "conv1_pad") if options.padding == "symmetric" else None
    x = done(Conv().conv(x, divisible(32 * alpha, 1), 3, 2, pad, name="conv1", use_bias=False), "conv1")
    blocks, stride, maps = [*blocks_of(options.depth), (None, 1)], 2, {2: x}
    for i, ((filters, step), (_, next_step)) in enumerate(itertools.pairwise(blocks), 1):
        stride *= step
        pad = strided_padding(options.padding, f"conv_pad_{i}") if step > 1 else None
        pad = before_stride(options.downsampling, step, f"conv_avg_{i}", pad)
        x = maps[stride] = kind.at(stride).separable(
            x,
            divisible(filters * alpha, 1),
            3,
            step,
            pad,
            done,
            names=tuple(each.conv for each in pair(i)),
            into=kind.at(stride * next_step),
            depth_multiplier=options.depth_multiplier,
        )
    x = maps[stride] = merge(x)
    return x, maps


def top(x, classes, activation, dropout):
    """Build the classifier: the last map -> predictions (n, classes), by a 1 x 1 convolution as in published files."""
    x = layers.GlobalAveragePooling2D(keepdims=True, name=free_name(x, "global_average_pooling2d"))(x)
    x = layers.Dropout(dropout, name=free_name(x, "dropout"))(x)
    x = layers.Conv2D(classes, 1, padding="same", dtype=head_dtype(), name="conv_preds")(x)
    x = layers.Reshape((classes,), dtype=head_dtype(), name="reshape_2")(x)
    return layers.Activation(activation, dtype=head_dtype(), name="predictions")(x)


@dataclasses.dataclass(frozen=True)
class Options(Multipliers):
    """The options of MobileNet.

    Args:
        alpha: float, multiplies the filters (cut to whole numbers); `width` multiplies it, so that
            `keras_effconv.compound` fits.
        depth_multiplier: int, filters per channel of depthwise convolutions.
        dropout: float, ahead of the classifier.
        padding: `"end"`, `"same"` or `"symmetric"`, the padding of strided convolutions: as Keras pads (a row at the
            end, whatever the size), as TensorFlow does (which differs at odd sizes), or as torch does.
        activation: `"relu6"`, as Keras has it, or `"relu"`, as the OctConv authors have it.
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling ahead of each depthwise convolution that would
            stride, as the OctConv authors have it also in layers of one band.
    """

    alpha: float = 1.0
    depth_multiplier: int = 1
    dropout: float = 1e-3
    padding: Literal["end", "same", "symmetric"] = "end"
    activation: Literal["relu6", "relu"] = "relu6"
    downsampling: Literal["stride", "pool"] = "stride"

    def __post_init__(self):
        super().__post_init__()
        positive_number("alpha", self.alpha)
        positive("depth_multiplier", self.depth_multiplier)
        one_of("padding", self.padding, ("end", *PADDINGS))
        one_of("activation", self.activation, tuple(MAXIMA))
        one_of("downsampling", self.downsampling, DOWNSAMPLINGS)


def architecture(variant, options):
    """Return the `Architecture`. A block is a depthwise and a pointwise convolution."""
    size, numbers = pixels(224, options.resolution), range(1, 1 + len([*blocks_of(options.depth)]))
    pairs = tuple(map(pair, numbers))
    layer_names = ("conv_pad_{}", "conv_avg_{}", "conv_dw_{}", "conv_pw_{}")
    return Architecture(
        variant,
        size,
        UNIT.at(size),
        functools.partial(body, options=options),
        functools.partial(top, dropout=options.dropout),
        head=("conv_preds",),
        blocks=tuple(Block(f"block{i}", tuple(name.format(i) for name in layer_names)) for i in numbers),
        stem=("conv1",),
        depthwise=tuple(first.conv for first, _ in pairs),
        pairs=pairs,
        settings=("padding", "depth_multiplier", "activation", "downsampling"),
        producers=producers.V1 + octaves.MOBILENET,
        pool_names=("global_average_pooling2d", "global_max_pooling2d"),
        model_name=f"mobilenet_{options.alpha * options.width:.2f}_{{rows}}",
    )


MobileNet = publish(
    "MobileNet",
    architecture,
    Options,
    "MobileNet; images as `keras_effconv.applications.mobilenet.preprocess_input` leaves them.",
    "MobileNet",
    ORDER,
    {"name": None},
)

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
