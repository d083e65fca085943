"""ResNet (arXiv:1512.03385), ResNeXt (1611.05431) and their squeeze-and-excite variants (1709.01507)."""

import functools
import types
from collections.abc import Callable
from typing import NamedTuple

from keras import layers
from keras.applications.resnet import preprocess_input

from keras_effconv.applications import Architecture, publish
from keras_effconv.blocks import Stage, act, add, entering, norm, pad_layer, rebanded, squeeze_excite, trunk
from keras_effconv.feature_maps import channels
from keras_effconv.kinds import Conv
from keras_effconv.layers.base import one_of, positive
from keras_effconv.preprocessing import CAFFE
from keras_effconv.scaling import deeper, pixels
from keras_effconv.zoo import decode_predictions

FILTERS = (64, 128, 256, 512)
EPSILON = 1.001e-5
POSITIONS = ("first", "middle", "last")


class StemConv(NamedTuple):
    """A convolution ahead of the stages."""

    filters: int
    kernel_size: int
    stride: int


class Stem(NamedTuple):
    """What comes before the stages; `residual` puts a small bottleneck block where the max pooling is."""

    convolutions: tuple[StemConv, ...]
    residual: bool = False


STEMS = {
    "7x7": Stem((StemConv(64, 7, 2),)),
    "deep": Stem((StemConv(32, 3, 2), StemConv(32, 3, 1), StemConv(64, 3, 1))),
    "bL": Stem((StemConv(64, 7, 2),), residual=True),
    "deep bL": Stem((StemConv(8, 3, 1), StemConv(32, 3, 2), StemConv(64, 3, 1)), residual=True),
}


class Options(NamedTuple):
    """What all blocks of a network share."""

    position: str = "first"  # the convolution of a block that strides
    padding: str = "symmetric"
    use_bias: bool = True
    se: bool = False
    groups: int = 1
    group_width: int = 64


class Variant(NamedTuple):
    """A row: blocks of each stage, and where the defaults of a network differ from Keras' ResNet50."""

    name: str
    blocks: tuple[int, ...]
    block: Callable
    defaults: dict[str, object] = types.MappingProxyType({})


def conv_norm(kind, x, filters, kernel_size, stride, name, options, groups=1, activation="relu"):
    """A convolution, normalisation and, but for `activation=None`, an activation: `{name}_conv`, `_bn`, `_relu`."""
    pad = pad_layer(options.padding, kernel_size, stride, f"{name}_pad") if stride > 1 and kernel_size > 1 else None
    x = kind.conv(x, filters, kernel_size, stride, pad, name=f"{name}_conv", groups=groups, use_bias=options.use_bias)
    x = norm(x, f"{name}_bn", epsilon=EPSILON)
    return act(x, activation, f"{name}_relu") if activation else x


def residual(kind, x, y, stride, name, options):
    """The block's branch y, gated if wanted, plus x, projected where the shapes ask for it; then ReLU."""
    if options.se:
        y = squeeze_excite(y, channels(y) // 16, f"{name}_se_", activation="relu")
    if stride > 1 or channels(x) != channels(y):
        x = conv_norm(kind, x, channels(y), 1, stride, f"{name}_0", options, activation=None)
    else:
        x = rebanded(x, y, f"{name}_0")
    return act(add(x, y, f"{name}_add"), "relu", f"{name}_out")


def bottleneck(kind, x, filters, stride, name, options, expansion=4):
    """1 x 1, 3 x 3, 1 x 1: (n, h, w, c) -> (n, h / stride, w / stride, expansion * filters)."""
    middle = filters * options.group_width // 64 * options.groups
    first, second, third = (stride if options.position == p else 1 for p in POSITIONS)
    y = conv_norm(kind, x, middle, 1, first, f"{name}_1", options)
    y = conv_norm(kind, y, middle, 3, second, f"{name}_2", options, groups=options.groups)
    y = conv_norm(kind, y, expansion * filters, 1, third, f"{name}_3", options, activation=None)
    return residual(kind, x, y, stride, name, options)


def basic(kind, x, filters, stride, name, options):
    """3 x 3, 3 x 3: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""
    y = conv_norm(kind, x, filters, 3, stride, f"{name}_1", options)
    y = conv_norm(kind, y, filters, 3, 1, f"{name}_2", options, activation=None)
    return residual(kind, x, y, stride, name, options)


def stem(x, convolutions, scale, options, last_norm=True):
    """The convolutions ahead of the stages, always plain. Keras pads the first one symmetrically, so do we."""
    single = len(convolutions) == 1
    for i, (filters, kernel_size, stride) in enumerate(convolutions, 1):
        name = "conv1" if single else f"conv1_{i}"
        if single and not last_norm:
            pad = pad_layer(options.padding, kernel_size, stride, f"{name}_pad")
            config = {"name": f"{name}_conv", "use_bias": options.use_bias}
            return Conv().conv(x, scale(filters), kernel_size, stride, pad, **config)
        x = conv_norm(Conv(), x, scale(filters), kernel_size, stride, name, options)
    return x


def pool(x, is_residual, scale, options):
    """The second halving: 3 x 3 max pooling, or a bottleneck block of 32 filters ("Big-Little Net", 1807.03848)."""
    if is_residual:
        plain = options._replace(position="middle", se=False, groups=1, group_width=64)
        return bottleneck(Conv(), x, scale(32), 2, "pool1", plain, expansion=2)
    x = pad_layer(options.padding, 3, 2, "pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def label(stage, block):
    """The prefix of a block's layers, as Keras has it.

    >>> label(0, 0)
    'conv2_block1'
    """
    return f"conv{stage + 2}_block{block + 1}"


def widened(width):
    """Filters -> filters at a width: the narrowest stage's 64 are cut to a whole number, the others are its multiples.

    >>> widened(1.2)(64), widened(1.2)(512), widened(1.2)(32)
    (76, 608, 38)
    """
    return lambda filters: filters * int(64 * width) // 64


def body(x, kind, variant, stem_name, options, width, depth):
    """Image -> the last feature map, 32 times smaller."""
    scale = widened(width)
    chosen = STEMS[stem_name]
    x = stem(x, chosen.convolutions, scale, options)
    maps = {2: x}
    x = pool(x, chosen.residual, scale, options)
    rows = zip(FILTERS, variant.blocks, (1, 2, 2, 2))
    stages = [
        Stage(variant.block, scale(filters), entering(stride, deeper(count, depth)), {"options": options})
        for filters, count, stride in rows
    ]
    x, more = trunk(x, stages, kind, stride=4, label=label)
    return x, {**maps, **more}


def top(x, classes, activation):
    """The last feature map -> predictions (n, classes)."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def design(
    variant,
    stride_position="first",
    padding="symmetric",
    use_bias=True,
    stem="7x7",
    se=False,
    groups=1,
    group_width=64,
    width=1.0,
    depth=1.0,
    resolution=1.0,
):
    """A row of the table.

    Args:
        variant: a row of the table.
        stride_position: the convolution of a bottleneck block that strides: `"first"`, as Keras has it, `"middle"`, the
            3 x 3 ("v1.5", as torch and most papers have it), or `"last"`. Default {stride_position!r}.
        padding: of strided convolutions: `"symmetric"`, as Keras' ResNets and torch pad, or `"same"`, as
            TensorFlow does. Default `"symmetric"`.
        use_bias: bool; whether convolutions have biases. Default `{use_bias}`.
        stem: `"7x7"`; `"deep"` for three 3 x 3; `"bL"` and `"deep bL"` with a bottleneck block in place of the max
            pooling, as in Oct-ResNet-152. Default `"7x7"`.
        se: bool; squeeze-and-excite with reduction 16 in each block. Default `False`.
        groups: int, of the 3 x 3 of bottleneck blocks. Default {groups}.
        group_width: int, filters of a group in the first stage. Default {group_width}.
        width: float, multiplies the filters: 64 cut to a whole number, its multiples. Default 1.
        depth: float, multiplies the blocks of each stage (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
    """
    one_of("stride_position", stride_position, POSITIONS)
    one_of("stem", stem, tuple(STEMS))
    options = Options(
        stride_position, padding, use_bias, se, positive("groups", groups), positive("group_width", group_width)
    )
    features = functools.partial(body, variant=variant, stem_name=stem, options=options, width=width, depth=depth)
    size = pixels(224, resolution)
    return Architecture(variant.name, size, CAFFE.at(size), features, top, settings=("stride_position", "padding"))


V1_5 = {"stride_position": "middle", "use_bias": False}
X32X4D = {**V1_5, "groups": 32, "group_width": 4}
VARIANTS = (
    Variant("ResNet18", (2, 2, 2, 2), basic, V1_5),
    Variant("ResNet34", (3, 4, 6, 3), basic, V1_5),
    Variant("ResNet50", (3, 4, 6, 3), bottleneck),
    Variant("ResNet101", (3, 4, 23, 3), bottleneck),
    Variant("ResNet152", (3, 8, 36, 3), bottleneck),
    Variant("ResNeXt50", (3, 4, 6, 3), bottleneck, X32X4D),
    Variant("ResNeXt101", (3, 4, 23, 3), bottleneck, X32X4D),
)


def _publish(variant):
    summary = f"{variant.name}; images as `keras_effconv.resnet.preprocess_input` leaves them."
    return publish(variant.name, design, summary, variant, defaults=variant.defaults)


ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, ResNeXt50, ResNeXt101 = map(_publish, VARIANTS)

__all__ = ["decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
