"""ResNets for 32 x 32 images (arXiv:1512.03385, section 4.2): basic blocks, shortcuts without weights."""

import dataclasses
import functools
from typing import Literal, NamedTuple

from keras import layers

from keras_effconv.applications.application import publish
from keras_effconv.applications.blocks import (
    PADDINGS,
    Stage,
    act,
    add,
    entering,
    labelled,
    merge,
    norm,
    pad_layer,
    shares,
    split,
    trunk,
)
from keras_effconv.applications.resnet import label, top
from keras_effconv.applications.scaling import Multipliers, deeper, pixels
from keras_effconv.architecture import Architecture
from keras_effconv.feature_maps import bands, lift, shapes
from keras_effconv.kinds import Conv
from keras_effconv.layers import PadChannels
from keras_effconv.preprocessing import CIFAR
from keras_effconv.utils.arguments import one_of
from keras_effconv.zoo.names import resnet as producers

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
    """Bring x to the shapes of y: every `stride`-th pixel, zeros for new channels ("option A"), the bands of y."""
    counts = shares(y)
    fits = shares(x).keys() == counts.keys() and all(count <= counts[band] for band, count in shares(x).items())
    if not (isinstance(x, dict) and isinstance(y, dict) and fits):
        x = merge(x, f"{name}_0_merge")
    if isinstance(y, dict) and not isinstance(x, dict):
        x = split(x, bands(y), f"{name}_0_split")
    if stride > 1:
        x = lift(layers.MaxPooling2D, x, name=f"{name}_0_pool", pool_size=1, strides=stride)
    padded = {
        band: PadChannels(counts[band], name=f"{name}_0_pad" + f"_{band}" * isinstance(y, dict))(tensor)
        for band, tensor in bands(x).items()
    }
    return padded if isinstance(y, dict) else padded["high"]


def block(kind, x, filters, stride, name, padding):
    """Apply 3 x 3, 3 x 3: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""
    pad = pad_layer(padding, 3, stride, f"{name}_1_pad") if stride > 1 else None
    y = kind.conv(x, filters, 3, stride, pad, name=f"{name}_1_conv", use_bias=False)
    y = act(norm(y, f"{name}_1_bn"), "relu", f"{name}_1_relu")
    y = norm(kind.conv(y, filters, 3, name=f"{name}_2_conv", use_bias=False), f"{name}_2_bn")
    if shapes(x) != shapes(y):
        x = shortcut(x, y, stride, name)
    return act(add(x, y, f"{name}_add"), "relu", f"{name}_out")


def body(x, kind, blocks, options):
    """Build the network from an image to the last map, 4 times smaller. The first convolution is always plain."""
    x = Conv().conv(x, int(FILTERS[0] * options.width), 3, name="conv1_conv", use_bias=False)
    x = act(norm(x, "conv1_bn"), "relu", "conv1_relu")
    rows = zip(FILTERS, (1, 2, 2))
    stages = [Stage(block, int(n * options.width), entering(s, blocks), {"padding": options.padding}) for n, s in rows]
    return trunk(x, stages, kind, stride=1, label=label)


@dataclasses.dataclass(frozen=True)
class Options(Multipliers):
    """The options of ResNets for small images.

    Args:
        padding: `"symmetric"` or `"same"`, the padding of strided convolutions: as torch pads and as the published
            weights want it, or as TensorFlow does.
    """

    padding: Literal["symmetric", "same"] = "symmetric"

    def __post_init__(self):
        super().__post_init__()
        one_of("padding", self.padding, PADDINGS)


def architecture(variant, options):
    """Return the `Architecture` of a row."""
    size, blocks = pixels(32, options.resolution), deeper(variant.blocks, options.depth)
    return Architecture(
        variant.name,
        size,
        CIFAR.at(size),
        functools.partial(body, blocks=blocks, options=options),
        top,
        head=("predictions",),
        blocks=labelled([blocks] * len(FILTERS), label),
        stem=("conv1",),
        settings=("padding",),
        producers=producers.CIFAR10,
        classes=10,
    )


def _publish(variant):
    summary = f"{variant.name} for 32 x 32 images: {variant.blocks} blocks in each of three stages."
    return publish(variant.name, architecture, Options, summary, variant, defaults={"weights": None, "classes": 10})


ResNet20, ResNet32, ResNet44, ResNet56, ResNet110 = map(_publish, VARIANTS)

__all__ = [variant.name for variant in VARIANTS]
