"""ResNet (arXiv:1512.03385), ResNeXt (1611.05431) and their squeeze-and-excite variants (1709.01507)."""

import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Literal, NamedTuple

from keras import layers
from keras.applications.resnet import preprocess_input

from keras_effconv.applications.application import publish
from keras_effconv.applications.blocks import Stage, entering, head_dtype, labelled, pad_layer, trunk
from keras_effconv.applications.resnet_blocks import POSITIONS, ResidualOptions, basic, bottleneck, conv_norm
from keras_effconv.applications.scaling import deeper, pixels
from keras_effconv.architecture import Architecture
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import CAFFE
from keras_effconv.utils.arguments import one_of
from keras_effconv.zoo import decode_predictions
from keras_effconv.zoo.names import octaves
from keras_effconv.zoo.names import resnet as producers

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


def stem_names(name):
    """Return the names of a stem's convolutions, with which their layers' names begin.

    >>> stem_names("7x7"), stem_names("deep")
    (('conv1',), ('conv1_1', 'conv1_2', 'conv1_3'))
    """
    count = len(STEMS[name].convolutions)
    return ("conv1",) if count == 1 else tuple(f"conv1_{i}" for i in range(1, count + 1))


def stem(x, stem_name, scale, options, last_norm=True):
    """Build the convolutions ahead of the stages, always plain. The first one is padded symmetrically, as in Keras."""
    convolutions = STEMS[stem_name].convolutions
    for name, (filters, kernel_size, stride) in zip(stem_names(stem_name), convolutions):
        if len(convolutions) == 1 and not last_norm:
            pad = pad_layer(options.padding, kernel_size, stride, f"{name}_pad")
            config = {"name": f"{name}_conv", "use_bias": options.use_bias}
            return Conv().conv(x, scale(filters), kernel_size, stride, pad, **config)
        x = conv_norm(Conv(), x, scale(filters), kernel_size, stride, name, options)
    return x


def pool(x, is_residual, scale, options):
    """Halve a second time: 3 x 3 max pooling, or a bottleneck block of 32 filters ("Big-Little Net", 1807.03848)."""
    if is_residual:
        return bottleneck(Conv(), x, scale(32), 2, "pool1", options, expansion=2)
    x = pad_layer(options.padding, 3, 2, "pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def label(stage, block):
    """Return the prefix of a block's layers, as Keras has it.

    >>> label(0, 0)
    'conv2_block1'
    """
    return f"conv{stage + 2}_block{block + 1}"


def widened(width):
    """Return a callable filters -> filters at a width: multiples of the narrowest stage's 64, cut to a whole number.

    >>> widened(1.2)(64), widened(1.2)(512), widened(1.2)(32)
    (76, 608, 38)
    """
    return lambda filters: filters * int(64 * width) // 64


def body(x, kind, variant, options):
    """Build the network from an image to the last feature map, 32 times smaller."""
    scale, ahead = widened(options.width), options.ahead()
    x = stem(x, options.stem, scale, ahead)
    maps = {2: x}
    x = pool(x, STEMS[options.stem].residual, scale, ahead)
    rows = zip(FILTERS, depths(variant, options), (1, 2, 2, 2))
    stages = [
        Stage(variant.block, scale(filters), entering(stride, count), {"options": options})
        for filters, count, stride in rows
    ]
    x, more = trunk(x, stages, kind, stride=4, label=label)
    return x, {**maps, **more}


def depths(variant, options):
    """Return the blocks of each stage."""
    return [deeper(count, options.depth) for count in variant.blocks]


def top(x, classes, activation):
    """Build the classifier: the last feature map -> predictions (n, classes)."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(classes, activation=activation, dtype=head_dtype(), name="predictions")(x)


@dataclasses.dataclass(frozen=True)
class Options(ResidualOptions):
    """The options of ResNets.

    Args:
        stride_position: the convolution of a bottleneck block that strides: `"first"`, as Keras has it, `"middle"`, the
            3 x 3 ("v1.5", as torch and most papers have it), or `"last"`.
        stem: `"7x7"`; `"deep"` for three 3 x 3; `"bL"` and `"deep bL"` with a bottleneck block in place of the max
            pooling, as in Oct-ResNet-152.
    """

    stride_position: Literal["first", "middle", "last"] = "first"
    stem: Literal["7x7", "deep", "bL", "deep bL"] = "7x7"

    def __post_init__(self):
        super().__post_init__()
        one_of("stride_position", self.stride_position, POSITIONS)
        one_of("stem", self.stem, tuple(STEMS))

    def ahead(self):
        return dataclasses.replace(super().ahead(), stride_position="middle")


def architecture(variant, options):
    """Return the `Architecture` of a row."""
    size = pixels(224, options.resolution)
    return Architecture(
        variant.name,
        size,
        CAFFE.at(size),
        functools.partial(body, variant=variant, options=options),
        top,
        head=("predictions",),
        blocks=labelled(depths(variant, options), label),
        stem=(*stem_names(options.stem), "pool1"),
        settings=("stride_position", "padding", "downsampling"),
        producers=producers.V1 + octaves.RESNET,
    )


V1_5 = {"stride_position": "middle", "use_bias": False}
X32X4D = {**V1_5, "groups": 32, "group_width": 4}
VARIANTS = (
    Variant("ResNet18", (2, 2, 2, 2), basic, V1_5),
    Variant("ResNet26V1", (2, 2, 2, 2), bottleneck, V1_5),
    Variant("ResNet34", (3, 4, 6, 3), basic, V1_5),
    Variant("ResNet50", (3, 4, 6, 3), bottleneck),
    Variant("ResNet101", (3, 4, 23, 3), bottleneck),
    Variant("ResNet152", (3, 8, 36, 3), bottleneck),
    Variant("ResNeXt50", (3, 4, 6, 3), bottleneck, X32X4D),
    Variant("ResNeXt101", (3, 4, 23, 3), bottleneck, X32X4D),
)


def _publish(variant):
    summary = f"{variant.name}; images as `keras_effconv.applications.resnet.preprocess_input` leaves them."
    return publish(variant.name, architecture, Options, summary, variant, defaults=variant.defaults)


ResNet18, ResNet26V1, ResNet34, ResNet50, ResNet101, ResNet152, ResNeXt50, ResNeXt101 = map(_publish, VARIANTS)

__all__ = ["decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
