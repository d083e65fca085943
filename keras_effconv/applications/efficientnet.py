"""EfficientNet B0-B7 (arXiv:1905.11946) and EfficientNet-Lite 0-4: one table, one block."""

import dataclasses
import functools
from typing import Literal, NamedTuple

from keras import layers
from keras.applications.efficientnet import preprocess_input

from keras_effconv.applications.application import publish
from keras_effconv.applications.blocks import (
    PADDINGS,
    Stage,
    act,
    add,
    drop_path,
    entering,
    free_name,
    head_dtype,
    labelled,
    norm,
    pad_layer,
    rebanded,
    squeeze_excite,
    trunk,
)
from keras_effconv.applications.scaling import Multipliers, deeper, divisible, pixels
from keras_effconv.architecture import Architecture, Pair, Unit
from keras_effconv.feature_maps import channels
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import keras_preprocessing, lite_preprocessing
from keras_effconv.utils.arguments import fraction, one_of
from keras_effconv.zoo import decode_predictions
from keras_effconv.zoo.names import efficientnet as producers

NORMALIZATION = "normalization"  # the layer that holds mean and variance of the images

CONV_INIT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
DENSE_INIT = {"class_name": "VarianceScaling", "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"}}


class Row(NamedTuple):
    """A stage of B0, Table 1 of the paper."""

    kernel_size: int
    repeats: int
    filters: int
    expand: int
    stride: int


# fmt: off
ROWS = (
    Row(kernel_size=3, repeats=1, filters=16, expand=1, stride=1),
    Row(kernel_size=3, repeats=2, filters=24, expand=6, stride=2),
    Row(kernel_size=5, repeats=2, filters=40, expand=6, stride=2),
    Row(kernel_size=3, repeats=3, filters=80, expand=6, stride=2),
    Row(kernel_size=5, repeats=3, filters=112, expand=6, stride=1),
    Row(kernel_size=5, repeats=4, filters=192, expand=6, stride=2),
    Row(kernel_size=3, repeats=1, filters=320, expand=6, stride=1),
)


class Variant(NamedTuple):
    """A network: compound scaling of the rows, and what Lite leaves out."""

    name: str
    width: float
    depth: float
    size: int
    dropout: float
    activation: str = "swish"
    se_ratio: float = 0.25
    fixed_ends: bool = False  # stem and head keep their widths, first and last stage their depths


_lite = functools.partial(Variant, activation="relu6", se_ratio=0, fixed_ends=True)

VARIANTS = (
    Variant("EfficientNetB0", width=1.0, depth=1.0, size=224, dropout=0.2),
    Variant("EfficientNetB1", width=1.0, depth=1.1, size=240, dropout=0.2),
    Variant("EfficientNetB2", width=1.1, depth=1.2, size=260, dropout=0.3),
    Variant("EfficientNetB3", width=1.2, depth=1.4, size=300, dropout=0.3),
    Variant("EfficientNetB4", width=1.4, depth=1.8, size=380, dropout=0.4),
    Variant("EfficientNetB5", width=1.6, depth=2.2, size=456, dropout=0.4),
    Variant("EfficientNetB6", width=1.8, depth=2.6, size=528, dropout=0.5),
    Variant("EfficientNetB7", width=2.0, depth=3.1, size=600, dropout=0.5),
    _lite("EfficientNetLite0", width=1.0, depth=1.0, size=224, dropout=0.2),
    _lite("EfficientNetLite1", width=1.0, depth=1.1, size=240, dropout=0.2),
    _lite("EfficientNetLite2", width=1.1, depth=1.2, size=260, dropout=0.3),
    _lite("EfficientNetLite3", width=1.2, depth=1.4, size=280, dropout=0.3),
    _lite("EfficientNetLite4", width=1.4, depth=1.8, size=300, dropout=0.3),
)
# fmt: on


def repeats(variant):
    """Return the number of blocks of each stage.

    >>> repeats(VARIANTS[0]), repeats(VARIANTS[-1])
    ([1, 2, 2, 3, 3, 4, 1], [1, 4, 4, 6, 6, 8, 1])
    """
    scaled = [deeper(row.repeats, variant.depth) for row in ROWS]
    return [ROWS[0].repeats, *scaled[1:-1], ROWS[-1].repeats] if variant.fixed_ends else scaled


def label(stage, block):
    """Return the name of a block, with which its layers' names begin.

    >>> label(0, 0), label(6, 1)
    ('block1a', 'block7b')
    """
    return f"block{stage + 1}{chr(ord('a') + block)}"


def pair(name):
    """Return the names of a block's expansion and depthwise convolution, as Keras has them."""
    expand = Unit(f"{name}_expand_conv", f"{name}_expand_bn", f"{name}_expand_activation")
    return Pair(expand, Unit(f"{name}_dwconv", f"{name}_bn", f"{name}_activation"))


def inverted_residual(kind, x, filters, stride, name, kernel_size, expand, variant, drop_rate, padding):
    """Expand, depthwise, squeeze-and-excite, project: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""
    units = {unit.conv: unit for unit in pair(name)}
    names = tuple(units)

    def finish(y, conv):
        return act(norm(y, units[conv].norm), variant.activation, units[conv].activation)

    pad = pad_layer(padding, kernel_size, stride, f"{name}_dwconv_pad") if stride > 1 else None
    if expand == 1:
        config = {"use_bias": False, "depthwise_initializer": CONV_INIT}
        y = finish(kind.depthwise(x, kernel_size, stride, pad, name=names[1], **config), names[1])
    else:
        config = {"names": names, "kernel_initializer": CONV_INIT}
        y = kind.expand_depthwise(x, expand * channels(x), kernel_size, stride, pad, finish, **config)
    if variant.se_ratio:
        squeezed = max(1, int(variant.se_ratio * channels(x)))
        y = squeeze_excite(y, squeezed, name, activation=variant.activation, kernel_initializer=CONV_INIT)
    y = kind.conv(y, filters, 1, name=f"{name}_project_conv", use_bias=False, kernel_initializer=CONV_INIT)
    y = norm(y, f"{name}_project_bn")
    if stride > 1 or channels(x) != channels(y):
        return y
    return add(drop_path(y, drop_rate(name), f"{name}_drop"), rebanded(x, y, f"{name}_add"), f"{name}_add")


def stages(variant, options):
    """Return the table of a variant; stochastic depth grows linearly from 0 over the blocks."""
    counts = repeats(variant)
    names = [label(i, j) for i, count in enumerate(counts) for j in range(count)]

    def drop_rate(name):
        return options.drop_connect_rate * names.index(name) / len(names)

    shared = {"variant": variant, "drop_rate": drop_rate, "padding": options.padding}
    return [
        Stage(
            inverted_residual,
            divisible(variant.width * row.filters),
            entering(row.stride, count),
            {"kernel_size": row.kernel_size, "expand": row.expand, **shared},
        )
        for row, count in zip(ROWS, counts)
    ]


def body(x, kind, variant, options):
    """Build the network from an image in 0..255 to the last feature map.

    Normalization is part of the network; its constants are weights.
    """
    ends = 1.0 if variant.fixed_ends else variant.width
    config = {"use_bias": False, "kernel_initializer": CONV_INIT}
    x = layers.Rescaling(1 / 255, name=free_name(x, "rescaling"))(x)
    x = layers.Normalization(axis=-1, name=NORMALIZATION)(x)
    pad = pad_layer(options.padding, 3, 2, "stem_conv_pad")
    x = Conv().conv(x, divisible(32 * ends), 3, 2, pad, name="stem_conv", **config)
    x = act(norm(x, "stem_bn"), variant.activation, "stem_activation")
    x, maps = trunk(x, stages(variant, options), kind, stride=2, label=label)
    x = Conv().conv(x, divisible(1280 * ends), 1, name="top_conv", **config)
    return act(norm(x, "top_bn"), variant.activation, "top_activation"), maps


def top(x, classes, activation, dropout):
    """Build the classifier: the last feature map -> predictions (n, classes)."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return layers.Dense(
        classes, activation=activation, kernel_initializer=DENSE_INIT, dtype=head_dtype(), name="predictions"
    )(x)


@dataclasses.dataclass(frozen=True)
class Options(Multipliers):
    """The options of EfficientNets.

    Args:
        drop_connect_rate: float, stochastic depth of the last block.
        padding: `"same"` or `"symmetric"`, the padding of strided convolutions: as TensorFlow pads, or as torch does.
    """

    drop_connect_rate: float = 0.2
    padding: Literal["same", "symmetric"] = "same"

    def __post_init__(self):
        super().__post_init__()
        fraction("drop_connect_rate", self.drop_connect_rate)
        one_of("padding", self.padding, PADDINGS)


def architecture(variant, options):
    """Return the `Architecture` of a row, scaled further by the options."""
    scaled = variant._replace(width=options.width * variant.width, depth=options.depth * variant.depth)
    size = pixels(variant.size, options.resolution)
    blocks = labelled(repeats(scaled), label)
    pairs = tuple(pair(block.name) for block in blocks)
    return Architecture(
        variant.name,
        size,
        (keras_preprocessing if variant.se_ratio else lite_preprocessing)(size),
        functools.partial(body, variant=scaled, options=options),
        functools.partial(top, dropout=variant.dropout),
        head=("predictions",),
        blocks=blocks,
        stem=("stem",),
        end=("top_conv", "top_bn", "top_activation"),
        depthwise=tuple(second.conv for _, second in pairs),
        pairs=pairs,
        normalization=NORMALIZATION,
        settings=("padding",),
        producers=producers.PORTS if variant.name in producers.PORTED else producers.PRODUCERS,
    )


def _publish(variant):
    summary = f"{variant.name}: width {variant.width}, depth {variant.depth}; images RGB, 0..255, not divided by 255."
    return publish(variant.name, architecture, Options, summary, variant)


EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3 = map(_publish, VARIANTS[:4])
EfficientNetB4, EfficientNetB5, EfficientNetB6, EfficientNetB7 = map(_publish, VARIANTS[4:8])
EfficientNetLite0, EfficientNetLite1, EfficientNetLite2 = map(_publish, VARIANTS[8:11])
EfficientNetLite3, EfficientNetLite4 = map(_publish, VARIANTS[11:])
EfficientNet = publish(
    "EfficientNet",
    architecture,
    Options,
    "The EfficientNet of any width, depth and resolution, from B0; see `keras_effconv.compound`.",
    VARIANTS[0],
    defaults={"weights": None},
)

__all__ = ["EfficientNet", "decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
