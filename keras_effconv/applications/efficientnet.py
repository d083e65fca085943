"""EfficientNet B0-B7 (arXiv:1905.11946) and EfficientNet-Lite 0-4: one table, one block."""

import functools
from typing import NamedTuple

from keras import layers
from keras.applications.efficientnet import preprocess_input

from keras_effconv.applications.application import Architecture, publish
from keras_effconv.applications.blocks import (
    Stage,
    act,
    add,
    drop_path,
    entering,
    free_name,
    norm,
    pad_layer,
    squeeze_excite,
    trunk,
)
from keras_effconv.applications.scaling import deeper, divisible, pixels
from keras_effconv.feature_maps import channels, shapes
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import keras_preprocessing, lite_preprocessing
from keras_effconv.zoo import decode_predictions

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
    """The blocks of each stage.

    >>> repeats(VARIANTS[0]), repeats(VARIANTS[-1])
    ([1, 2, 2, 3, 3, 4, 1], [1, 4, 4, 6, 6, 8, 1])
    """
    scaled = [deeper(row.repeats, variant.depth) for row in ROWS]
    return [ROWS[0].repeats, *scaled[1:-1], ROWS[-1].repeats] if variant.fixed_ends else scaled


def label(stage, block):
    """The prefix of a block's layers.

    >>> label(0, 0), label(6, 1)
    ('block1a_', 'block7b_')
    """
    return f"block{stage + 1}{chr(ord('a') + block)}_"


def inverted_residual(kind, x, filters, stride, name, kernel_size, expand, variant, drop_rate, padding):
    """Expand, depthwise, squeeze-and-excite, project: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""

    def finish(y, layer_name):
        prefix = layer_name.removesuffix("conv").removesuffix("dw")
        return act(norm(y, f"{prefix}bn"), variant.activation, f"{prefix}activation")

    pad = pad_layer(padding, kernel_size, stride, f"{name}dwconv_pad") if stride > 1 else None
    names = (f"{name}expand_conv", f"{name}dwconv")
    if expand == 1:
        config = {"use_bias": False, "depthwise_initializer": CONV_INIT}
        y = finish(kind.depthwise(x, kernel_size, stride, pad, name=names[1], **config), names[1])
    else:
        expanded = expand * channels(x)
        y = kind.expand_depthwise(
            x, expanded, kernel_size, stride, pad, finish, names=names, kernel_initializer=CONV_INIT
        )
    if variant.se_ratio:
        squeezed = max(1, int(variant.se_ratio * channels(x)))
        y = squeeze_excite(y, squeezed, f"{name}se_", activation=variant.activation, kernel_initializer=CONV_INIT)
    y = kind.conv(y, filters, 1, name=f"{name}project_conv", use_bias=False, kernel_initializer=CONV_INIT)
    y = norm(y, f"{name}project_bn")
    if stride > 1 or shapes(x) != shapes(y):
        return y
    return add(drop_path(y, drop_rate(name), f"{name}drop"), x, f"{name}add")


def stages(variant, drop_connect_rate, padding):
    """The table of a variant; stochastic depth grows linearly from 0 over the blocks."""
    counts = repeats(variant)
    names = [label(i, j) for i, count in enumerate(counts) for j in range(count)]

    def drop_rate(name):
        return drop_connect_rate * names.index(name) / len(names)

    shared = {"variant": variant, "drop_rate": drop_rate, "padding": padding}
    return [
        Stage(
            inverted_residual,
            divisible(variant.width * row.filters),
            entering(row.stride, count),
            {"kernel_size": row.kernel_size, "expand": row.expand, **shared},
        )
        for row, count in zip(ROWS, counts)
    ]


def body(x, kind, variant, drop_connect_rate, padding):
    """Image in 0..255 -> the last feature map. Normalisation is part of the network; its constants are weights."""
    ends = 1.0 if variant.fixed_ends else variant.width
    config = {"use_bias": False, "kernel_initializer": CONV_INIT}
    x = layers.Rescaling(1 / 255, name=free_name(x, "rescaling"))(x)
    x = layers.Normalization(axis=-1, name="normalization")(x)
    pad = pad_layer(padding, 3, 2, "stem_conv_pad")
    x = Conv().conv(x, divisible(32 * ends), 3, 2, pad, name="stem_conv", **config)
    x = act(norm(x, "stem_bn"), variant.activation, "stem_activation")
    x, maps = trunk(x, stages(variant, drop_connect_rate, padding), kind, stride=2, label=label)
    x = Conv().conv(x, divisible(1280 * ends), 1, name="top_conv", **config)
    return act(norm(x, "top_bn"), variant.activation, "top_activation"), maps


def top(x, classes, activation, dropout):
    """The last feature map -> predictions (n, classes)."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return layers.Dense(classes, activation=activation, kernel_initializer=DENSE_INIT, name="predictions")(x)


def design(variant, width=1.0, depth=1.0, resolution=1.0, drop_connect_rate=0.2, padding="same"):
    """A variant, scaled further.

    Args:
        variant: a row of the table.
        width: float, multiplies the filters (rounded to multiples of 8). Default 1.
        depth: float, multiplies the blocks of each stage (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
        drop_connect_rate: float, stochastic depth of the last block. Default 0.2.
        padding: of strided convolutions: `"same"` as TensorFlow pads, `"symmetric"` as torch does. Default `"same"`.
    """
    scaled = variant._replace(width=width * variant.width, depth=depth * variant.depth)
    size = pixels(variant.size, resolution)
    return Architecture(
        variant.name,
        size,
        (keras_preprocessing if variant.se_ratio else lite_preprocessing)(size),
        functools.partial(body, variant=scaled, drop_connect_rate=drop_connect_rate, padding=padding),
        functools.partial(top, dropout=variant.dropout),
        settings=("padding",),
    )


def _publish(variant):
    summary = f"{variant.name}: width {variant.width}, depth {variant.depth}; images RGB, 0..255, not divided by 255."
    return publish(variant.name, design, summary, variant)


EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3 = map(_publish, VARIANTS[:4])
EfficientNetB4, EfficientNetB5, EfficientNetB6, EfficientNetB7 = map(_publish, VARIANTS[4:8])
EfficientNetLite0, EfficientNetLite1, EfficientNetLite2 = map(_publish, VARIANTS[8:11])
EfficientNetLite3, EfficientNetLite4 = map(_publish, VARIANTS[11:])
EfficientNet = publish(
    "EfficientNet",
    design,
    "The EfficientNet of any width, depth and resolution, from B0; see `keras_effconv.compound`.",
    VARIANTS[0],
    defaults={"weights": None},
)

__all__ = ["EfficientNet", "decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
