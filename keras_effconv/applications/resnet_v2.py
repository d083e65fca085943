"""Pre-activation ResNets (arXiv:1603.05027): Keras' V2 networks, and the OctConv ablation's ResNet-26 and 200."""

import functools
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

from keras import layers
from keras.applications.resnet_v2 import preprocess_input

from keras_effconv.applications.application import Architecture, publish
from keras_effconv.applications.blocks import Stage, act, add, before_stride, entering, norm, pad_layer, rebanded, trunk
from keras_effconv.applications.resnet import FILTERS, STEMS, label, pool, stem, top, widened
from keras_effconv.applications.resnet_blocks import EPSILON, Options, gated
from keras_effconv.applications.scaling import deeper, pixels
from keras_effconv.feature_maps import channels, lift
from keras_effconv.preprocessing import UNIT
from keras_effconv.utils.arguments import positive
from keras_effconv.zoo import decode_predictions


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
    """Normalisation and ReLU: `{name}_bn`, `{name}_relu`."""
    return act(norm(x, f"{name}_bn", epsilon=EPSILON), "relu", f"{name}_relu")


def bottleneck(kind, x, filters, stride, name, options, pool_name):
    """Pre-activated 1 x 1, 3 x 3, 1 x 1: (n, h, w, c) -> (n, h / stride, w / stride, 4 * filters)."""
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
            x = lift(layers.MaxPooling2D, x, name=pool_name, pool_size=1, strides=stride)
    return add(x, y, f"{name}_out")


def strides_of(count, stage, strides_last):
    """The strides of a stage's blocks: Keras' at the end, but in the last stage; else at the start, but in the first.

    >>> strides_of(3, 0, True), strides_of(3, 3, True), strides_of(3, 0, False), strides_of(3, 3, False)
    ((1, 1, 2), (1, 1, 1), (1, 1, 1), (2, 1, 1))
    """
    if strides_last:
        return entering(1 if stage == len(FILTERS) - 1 else 2, count)[::-1]
    return entering(1 if stage == 0 else 2, count)


def body(x, kind, blocks, options, strides_last, width, depth):
    """Image -> the last feature map, 32 times smaller."""
    scale = widened(width)
    x = stem(x, STEMS["7x7"].convolutions, scale, options.ahead(), last_norm=options.more_norms)
    maps = {2: x}
    x = pool(x, False, scale, options.ahead())
    stages = []
    for i, (filters, count) in enumerate(zip(FILTERS, blocks)):
        pool_name = f"max_pooling2d_{i}" if i else "max_pooling2d"
        strides = strides_of(deeper(count, depth), i, strides_last)
        stages.append(Stage(bottleneck, scale(filters), strides, {"options": options, "pool_name": pool_name}))
    x, more = trunk(x, stages, kind, stride=4, label=label)
    x = norm_relu(x, "post")
    return x, {**maps, **more, 32: x}


def design(
    variant,
    padding="symmetric",
    strides_last=True,
    use_bias=True,
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
        padding: of strided convolutions: `"symmetric"`, as Keras' ResNets and torch pad, or `"same"`, as
            TensorFlow does. Default `"symmetric"`.
        strides_last: bool; whether a stage strides in its last block, as Keras has it, or in its first, as the papers
            have it. Default `{strides_last}`.
        use_bias: bool; of the convolutions that no normalisation follows. Default `{use_bias}`.
        se: bool; squeeze-and-excite with reduction 16 in each block. Default `False`.
        groups: int, of the 3 x 3 of blocks; 32 with a `group_width` of 4 is ResNeXt's. Default 1.
        group_width: int, filters of a group in the first stage. Default 64.
        more_norms: bool; normalisation and ReLU after the first convolution, and others before a projecting shortcut
            than before the branch, as in the OctConv authors' published weights. Default `False`.
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling before each convolution of a block that would
            stride, as the OctConv authors have it also in layers of one band. Default `"stride"`.
        width: float, multiplies the filters: 64 cut to a whole number, its multiples. Default 1.
        depth: float, multiplies the blocks of each stage (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
    """
    size = pixels(224, resolution)
    groups, group_width = positive("groups", groups), positive("group_width", group_width)
    options = Options("middle", padding, use_bias, se, groups, group_width, more_norms, downsampling)
    shared = {"options": options, "strides_last": strides_last, "width": width, "depth": depth}
    features = functools.partial(body, blocks=variant.blocks, **shared)
    settings = ("padding", "strides_last", "downsampling")
    return Architecture(variant.name, size, UNIT.at(size), features, top, settings=settings)


def _publish(variant):
    summary = f"{variant.name}; images as `keras_effconv.applications.resnet_v2.preprocess_input` leaves them."
    return publish(variant.name, design, summary, variant, defaults=variant.defaults)


ResNet50V2, ResNet101V2, ResNet152V2, ResNet26, ResNet200 = map(_publish, VARIANTS)

__all__ = ["decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
