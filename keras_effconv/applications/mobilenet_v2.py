"""MobileNetV2 (arXiv:1801.04381): a table of inverted residual blocks."""

import dataclasses
import functools
import itertools
from typing import Literal, NamedTuple

from keras import layers
from keras.applications.mobilenet_v2 import preprocess_input

from keras_effconv.applications.application import USUAL, publish
from keras_effconv.applications.blocks import (
    DOWNSAMPLINGS,
    PADDINGS,
    Stage,
    add,
    before_stride,
    entering,
    free_name,
    head_dtype,
    lift,
    norm,
    pad_layer,
    trunk,
)
from keras_effconv.applications.scaling import Multipliers, deeper, divisible, pixels
from keras_effconv.architecture import Architecture, Block, Pair, Unit
from keras_effconv.feature_maps import shapes
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import UNIT
from keras_effconv.utils.arguments import one_of, positive, positive_number
from keras_effconv.zoo import decode_predictions
from keras_effconv.zoo.names import mobilenet as producers
from keras_effconv.zoo.names import octaves


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
    """Apply batch normalization with the paper's momentum."""
    return norm(x, name, epsilon=1e-3, momentum=0.999)


def relu6(x, name):
    """Apply ReLU6 to each band."""
    return lift(layers.ReLU, x, name=name, max_value=6.0)


def label(number):
    """Return the name of a block, with which its layers' names begin, as Keras has it.

    >>> label(0), label(1)
    ('expanded_conv', 'block_1')
    """
    return f"block_{number}" if number else "expanded_conv"


def pair(name):
    """Return the names of a block's expansion and depthwise convolution, as Keras has them."""
    return Pair(
        *(Unit(f"{name}_{part}", f"{name}_{part}_BN", f"{name}_{part}_relu") for part in ("expand", "depthwise"))
    )


def inverted_residual(kind, x, filters, stride, name, expand, options):
    """Expand, depthwise, project: (n, h, w, c) -> (n, h / stride, w / stride, filters).

    Only the expanded map is in bands, as the OctConv authors have it: what comes in and goes out is one map.
    """
    units = {unit.conv: unit for unit in pair(name)}
    names = tuple(units)

    def finish(y, conv):
        return relu6(batch_norm(y, units[conv].norm), units[conv].activation)

    pad = pad_layer(options.padding, 3, stride, f"{name}_pad") if stride > 1 else None
    pad = before_stride(options.downsampling, stride, f"{name}_avg", pad)
    if expand:
        config = {"names": names, "kernel_initializer": "glorot_uniform"}
        y = kind.expand_depthwise(x, expand * x.shape[-1], 3, stride, pad, finish, **config)
    else:
        y = finish(kind.depthwise(x, 3, stride, pad, name=names[1], use_bias=False), names[1])
    y = kind.closing().conv(y, filters, 1, name=f"{name}_project", use_bias=False)
    y = batch_norm(y, f"{name}_project_BN")
    alike = shapes(x) == shapes(y)  # both are one map; without a high band between them, an odd size became even
    return add(x, y, f"{name}_add") if stride == 1 and alike else y


def depths(options):
    """Return the blocks of each stage."""
    return [deeper(row.repeats, options.depth) for row in ROWS]


def stages(options):
    """Return the table at a width and a depth."""
    alpha = options.alpha * options.width
    expansions = [row.expand if row.expand > 1 else int(options.expand_first) for row in ROWS]
    return [
        Stage(
            inverted_residual,
            divisible(int(row.filters * alpha), options.divisor),
            entering(row.stride, count),
            {"expand": expand, "options": options},
        )
        for row, count, expand in zip(ROWS, depths(options), expansions)
    ]


def body(x, kind, options):
    """Build the network from an image to the last feature map, 32 times smaller."""
    alpha, divisor = options.alpha * options.width, options.divisor
    pad = pad_layer(options.padding, 3, 2, "Conv1_pad") if options.padding == "symmetric" else None
    x = Conv().conv(x, divisible(32 * alpha, divisor), 3, 2, pad, name="Conv1", use_bias=False)
    x = relu6(batch_norm(x, "bn_Conv1"), "Conv1_relu")
    names = map(label, itertools.count())  # blocks are numbered through
    x, maps = trunk(x, stages(options), kind, stride=2, label=lambda *_: next(names))
    x = Conv().conv(x, divisible(1280 * max(alpha, 1.0), divisor), 1, name="Conv_1", use_bias=False)
    return relu6(batch_norm(x, "Conv_1_bn"), "out_relu"), maps


def top(x, classes, activation):
    """Build the classifier: the last feature map -> predictions (n, classes)."""
    x = layers.GlobalAveragePooling2D(name=free_name(x, "global_average_pooling2d"))(x)
    return layers.Dense(classes, activation=activation, dtype=head_dtype(), name="predictions")(x)


@dataclasses.dataclass(frozen=True)
class Options(Multipliers):
    """The options of MobileNetV2.

    Args:
        alpha: float, multiplies the filters; `width` multiplies it, so that `keras_effconv.compound` fits.
        divisor: int; filters are rounded to its multiples. The OctConv authors' networks have 1.
        expand_first: bool; a 1 x 1 convolution in the first block too, as in the OctConv authors' networks.
        padding: `"same"` or `"symmetric"`, the padding of strided convolutions: as Keras pads, or as torch does.
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling ahead of each depthwise convolution that would
            stride, as the OctConv authors have it also in layers of one band.
    """

    alpha: float = 1.0
    divisor: int = 8
    expand_first: bool = False
    padding: Literal["same", "symmetric"] = "same"
    downsampling: Literal["stride", "pool"] = "stride"

    def __post_init__(self):
        super().__post_init__()
        positive_number("alpha", self.alpha)
        positive("divisor", self.divisor)
        one_of("padding", self.padding, PADDINGS)
        one_of("downsampling", self.downsampling, DOWNSAMPLINGS)


def architecture(variant, options):
    """Return the `Architecture`."""
    size = pixels(224, options.resolution)
    names = tuple(label(i) for i in range(sum(depths(options))))
    pairs = tuple(map(pair, names))
    return Architecture(
        variant,
        size,
        UNIT.at(size),
        functools.partial(body, options=options),
        top,
        head=("predictions",),
        blocks=tuple(Block(name, (name,)) for name in names),
        stem=("Conv1", "bn_Conv1"),
        end=("Conv_1", "out_relu"),
        depthwise=tuple(second.conv for _, second in pairs),
        pairs=pairs,
        settings=("padding", "downsampling"),
        producers=producers.V2 + octaves.MOBILENET_V2,
        pool_names=("global_average_pooling2d", "global_max_pooling2d"),
        model_name=f"mobilenetv2_{options.alpha * options.width:.2f}_{{rows}}",
    )


MobileNetV2 = publish(
    "MobileNetV2",
    architecture,
    Options,
    "MobileNetV2; images as `keras_effconv.applications.mobilenet_v2.preprocess_input` leaves them.",
    "MobileNetV2",
    ORDER,
    {"name": None},
)

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
