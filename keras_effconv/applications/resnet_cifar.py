"""ResNets for 32 x 32 images (arXiv:1512.03385, section 4.2): basic blocks, shortcuts without weights."""

import functools
from typing import NamedTuple

from keras import layers

from keras_effconv.applications.application import Architecture, publish
from keras_effconv.applications.blocks import Stage, act, add, entering, merge, norm, pad_layer, shares, split, trunk
from keras_effconv.applications.resnet import label, top
from keras_effconv.applications.scaling import deeper, pixels
from keras_effconv.feature_maps import bands, lift, shapes
from keras_effconv.kinds import Conv
from keras_effconv.layers import PadChannels
from keras_effconv.preprocessing import CIFAR

FILTERS = (16, 32, 64)


class Variant(NamedTuple):
    """A row: 6 n + 2 layers."""

    name: str
    blocks: int  # n, of each stage


VARIANTS = (
    Variant("ResNet20", 3),
    Variant("ResNet32", 5),
    Variant("ResNet44", 7),
    Variant("ResNet56", 9),
    Variant("ResNet110", 18),
)


def shortcut(x, y, stride, name):
    """X in the shapes of y: every `stride`-th pixel, zeros for new channels ("option A"), the bands of y."""
    if not isinstance(y, dict):
        x = merge(x, f"{name}_0_merge")
    elif not isinstance(x, dict):
        x = split(x, bands(y), f"{name}_0_split")
    if stride > 1:
        x = lift(layers.MaxPooling2D, x, name=f"{name}_0_pool", pool_size=1, strides=stride)
    wanted = shares(y)
    padded = {
        band: PadChannels(wanted[band], name=f"{name}_0_pad" + f"_{band}" * isinstance(y, dict))(tensor)
        for band, tensor in bands(x).items()
    }
    return padded if isinstance(y, dict) else padded["high"]


def block(kind, x, filters, stride, name, padding):
    """3 x 3, 3 x 3: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""
    pad = pad_layer(padding, 3, stride, f"{name}_1_pad") if stride > 1 else None
    y = kind.conv(x, filters, 3, stride, pad, name=f"{name}_1_conv", use_bias=False)
    y = act(norm(y, f"{name}_1_bn"), "relu", f"{name}_1_relu")
    y = norm(kind.conv(y, filters, 3, name=f"{name}_2_conv", use_bias=False), f"{name}_2_bn")
    if shapes(x) != shapes(y):
        x = shortcut(x, y, stride, name)
    return act(add(x, y, f"{name}_add"), "relu", f"{name}_out")


def body(x, kind, blocks, width, padding):
    """Image -> the last feature map, 4 times smaller. The first convolution, of the image, is plain."""
    x = Conv().conv(x, int(FILTERS[0] * width), 3, name="conv1_conv", use_bias=False)
    x = act(norm(x, "conv1_bn"), "relu", "conv1_relu")
    rows = zip(FILTERS, (1, 2, 2))
    stages = [Stage(block, int(n * width), entering(s, blocks), {"padding": padding}) for n, s in rows]
    return trunk(x, stages, kind, stride=1, label=label)


def design(variant, padding="symmetric", width=1.0, depth=1.0, resolution=1.0):
    """A row of the table.

    Args:
        variant: a row of the table.
        padding: of strided convolutions: `"symmetric"`, as torch pads, or `"same"`, as TensorFlow does. Default
            `"symmetric"`, as in the published weights.
        width: float, multiplies the filters (cut to whole numbers). Default 1.
        depth: float, multiplies the blocks of each stage (rounded up). Default 1.
        resolution: float, multiplies the default size of the image. Default 1.
    """
    size = pixels(32, resolution)
    features = functools.partial(body, blocks=deeper(variant.blocks, depth), width=width, padding=padding)
    return Architecture(variant.name, size, CIFAR.at(size), features, top, settings=("padding",))


def _publish(variant):
    summary = f"{variant.name} for 32 x 32 images: {variant.blocks} blocks in each of three stages."
    return publish(variant.name, design, summary, variant, defaults={"weights": None, "classes": 10})


ResNet20, ResNet32, ResNet44, ResNet56, ResNet110 = map(_publish, VARIANTS)

__all__ = [variant.name for variant in VARIANTS]
