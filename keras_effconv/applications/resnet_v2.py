"""Pre-activation ResNets (arXiv:1603.05027): Keras' V2 networks, and the OctConv ablation's ResNet-26 and 200."""

import dataclasses
import functools
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

from keras import layers
from keras.applications.resnet_v2 import preprocess_input

from keras_effconv.applications.application import publish
from keras_effconv.applications.blocks import (
    Stage,
    act,
    add,
    before_stride,
    entering,
    free_name,
    labelled,
    norm,
    pad_layer,
    rebanded,
    trunk,
)
from keras_effconv.applications.resnet import FILTERS, depths, label, pool, stem, stem_names, top, widened
from keras_effconv.applications.resnet_blocks import EPSILON, ResidualOptions, gated
from keras_effconv.applications.scaling import pixels
from keras_effconv.architecture import Architecture
from keras_effconv.feature_maps import channels, lift
from keras_effconv.preprocessing import UNIT
from keras_effconv.zoo import decode_predictions
from keras_effconv.zoo.names import octaves
from keras_effconv.zoo.names import resnet as producers


class Variant(NamedTuple):
    """A row: blocks of each stage, and the options where they are not Keras'."""

    name: str
    blocks: tuple[int, ...]
    defaults: Mapping[str, Any] = types.MappingProxyType({})


PAPER = {"strides_last": False, "use_bias": False}
VARIANTS = (
    Variant("ResNet50V2", (3, 4, 6, 3)),
    Variant("ResNet101V2", (3, 4, 23, 3)),
    Variant("ResNet152V2", (3, 8, 36, 3)),
    Variant("ResNet26", (2, 2, 2, 2), PAPER),
    Variant("ResNet200", (3, 24, 36, 3), PAPER),
)


def norm_relu(x, name):
    """Apply normalization and ReLU: `{name}_bn`, `{name}_relu`."""
    return act(norm(x, f"{name}_bn", epsilon=EPSILON), "relu", f"{name}_relu")


def bottleneck(kind, x, filters, stride, name, options, pool_name):
    """Apply pre-activated 1 x 1, 3 x 3, 1 x 1: (n, h, w, c) -> (n, h / stride, w / stride, 4 * filters)."""
    active = entry = norm_relu(x, f"{name}_preact")
    middle, config = options.inner(filters), {"use_bias": False, "groups": options.groups}
    y = kind.conv(active, middle, 1, name=f"{name}_1_conv", use_bias=False)
    pad = pad_layer(options.padding, 3, stride, f"{name}_2_pad")
    pad = before_stride(options.downsampling, stride, f"{name}_2_avg", pad)
    y = kind.conv(norm_relu(y, f"{name}_1"), middle, 3, stride, pad, name=f"{name}_2_conv", **config)
    y = kind.conv(norm_relu(y, f"{name}_2"), 4 * filters, 1, name=f"{name}_3_conv", use_bias=options.use_bias)
    y = gated(y, name, options)
    if channels(x) != channels(y):
        if options.more_norms:
            entry = norm_relu(x, f"{name}_0_preact")
        pad = before_stride(options.downsampling, stride, f"{name}_0_avg")
        x = kind.conv(entry, 4 * filters, 1, stride, pad, name=f"{name}_0_conv", use_bias=options.use_bias)
    else:
        x = rebanded(x, y, f"{name}_0")
        if stride > 1:
            x = lift(layers.MaxPooling2D, x, name=free_name(x, pool_name), pool_size=1, strides=stride)
    return add(x, y, f"{name}_out")


def strides_of(count, stage, strides_last):
    """Return the strides of a stage's blocks.

    Keras strides in the last block, except in the last stage; the papers in the first block, except in the first stage.

    >>> strides_of(3, 0, True), strides_of(3, 3, True), strides_of(3, 0, False), strides_of(3, 3, False)
    ((1, 1, 2), (1, 1, 1), (1, 1, 1), (2, 1, 1))
    """
    if strides_last:
        return entering(1 if stage == len(FILTERS) - 1 else 2, count)[::-1]
    return entering(1 if stage == 0 else 2, count)


def body(x, kind, variant, options):
    """Build the network from an image to the last feature map, 32 times smaller."""
    scale = widened(options.width)
    x = stem(x, "7x7", scale, options.ahead(), last_norm=options.more_norms)
    maps = {2: x}
    x = pool(x, False, scale, options.ahead())
    stages = []
    for i, (filters, count) in enumerate(zip(FILTERS, depths(variant, options))):
        pool_name = f"max_pooling2d_{i}" if i else "max_pooling2d"
        strides = strides_of(count, i, options.strides_last)
        stages.append(Stage(bottleneck, scale(filters), strides, {"options": options, "pool_name": pool_name}))
    x, more = trunk(x, stages, kind, stride=4, label=label)
    x = norm_relu(x, "post")
    return x, {**maps, **more, 32: x}


@dataclasses.dataclass(frozen=True)
class Options(ResidualOptions):
    """The options of pre-activated ResNets.

    Args:
        strides_last: bool; whether a stage strides in its last block, as Keras has it, or in its first, as the papers
            have it.
    """

    strides_last: bool = True


def architecture(variant, options):
    """Return the `Architecture` of a row. The last normalization counts as a part of the last block."""
    size = pixels(224, options.resolution)
    *blocks, last = labelled(depths(variant, options), label)
    return Architecture(
        variant.name,
        size,
        UNIT.at(size),
        functools.partial(body, variant=variant, options=options),
        top,
        head=("predictions",),
        blocks=(*blocks, last._replace(prefixes=(*last.prefixes, "post"))),
        stem=(*stem_names("7x7"), "pool1"),
        settings=("padding", "strides_last", "downsampling"),
        producers=producers.V2 + octaves.RESNET_V2,
    )


def _publish(variant):
    summary = f"{variant.name}; images as `keras_effconv.applications.resnet_v2.preprocess_input` leaves them."
    return publish(variant.name, architecture, Options, summary, variant, defaults=variant.defaults)


ResNet50V2, ResNet101V2, ResNet152V2, ResNet26, ResNet200 = map(_publish, VARIANTS)

__all__ = ["decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
