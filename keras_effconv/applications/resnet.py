"""ResNet (arXiv:1512.03385), ResNeXt (1611.05431) and their squeeze-and-excite variants (1709.01507)."""

import functools
import types
from collections.abc import Callable
from typing import NamedTuple

from keras import layers
from keras.applications.resnet import preprocess_input

from keras_effconv.applications.application import Architecture, publish
from keras_effconv.applications.blocks import Stage, entering, pad_layer, trunk
from keras_effconv.applications.resnet_blocks import POSITIONS, Options, basic, bottleneck, conv_norm
from keras_effconv.applications.scaling import deeper, pixels
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import CAFFE
from keras_effconv.utils.arguments import one_of, positive
from keras_effconv.zoo import decode_predictions

FILTERS = (64, 128, 256, 512)


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


class Variant(NamedTuple):
    """A row: blocks of each stage, and where the defaults of a network differ from Keras' ResNet50."""

    name: str
    blocks: tuple[int, ...]
    block: Callable
    defaults: dict[str, object] = types.MappingProxyType({})


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
        return bottleneck(Conv(), x, scale(32), 2, "pool1", options, expansion=2)
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
    x = stem(x, chosen.convolutions, scale, options.ahead())
    maps = {2: x}
    x = pool(x, chosen.residual, scale, options.ahead())
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
    more_norms=False,
    downsampling="stride",
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
        more_norms: bool; normalisation without scale and offset of what a block's branch and projection read, as in the
            OctConv authors' SE-ResNet-152. Default `False`.
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling before each convolution of a block that would
            stride, as the OctConv authors have it also in layers of one band. Default `"stride"`.
        width: float, multiplies the filters: 64 cut to a whole number, its multiples. Default 1.
        depth: float, multiplies the blocks of each stage (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
    """
    one_of("stride_position", stride_position, POSITIONS)
    one_of("stem", stem, tuple(STEMS))
    groups, group_width = positive("groups", groups), positive("group_width", group_width)
    options = Options(stride_position, padding, use_bias, se, groups, group_width, more_norms, downsampling)
    features = functools.partial(body, variant=variant, stem_name=stem, options=options, width=width, depth=depth)
    size = pixels(224, resolution)
    settings = ("stride_position", "padding", "downsampling")
    return Architecture(variant.name, size, CAFFE.at(size), features, top, settings=settings)


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
    summary = f"{variant.name}; images as `keras_effconv.applications.resnet.preprocess_input` leaves them."
    return publish(variant.name, design, summary, variant, defaults=variant.defaults)


ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, ResNeXt50, ResNeXt101 = map(_publish, VARIANTS)

__all__ = ["decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
