"""VGG-11, 13, 16 and 19 (arXiv:1409.1556), and VGG-16 for 32 x 32 images as in the HetConv paper."""

import dataclasses
import functools
from typing import NamedTuple

from keras import layers
from keras.applications.vgg16 import preprocess_input

from keras_effconv.applications.application import publish
from keras_effconv.applications.blocks import act, head_dtype, max_pool, merge, norm, squeeze_excite
from keras_effconv.applications.scaling import divisible
from keras_effconv.architecture import Architecture, Block
from keras_effconv.feature_maps import channels
from keras_effconv.kinds import Conv
from keras_effconv.preprocessing import CAFFE, CIFAR
from keras_effconv.utils.arguments import positive_number
from keras_effconv.zoo import decode_predictions
from keras_effconv.zoo.names import vgg as producers

FILTERS = (64, 128, 256, 512, 512)
FIRST = "block1_conv1"


class Variant(NamedTuple):
    """A row: convolutions of each block."""

    name: str
    convolutions: tuple[int, ...]


VARIANTS = (
    Variant("VGG11", (1, 1, 2, 2, 2)),
    Variant("VGG13", (2, 2, 2, 2, 2)),
    Variant("VGG16", (2, 2, 3, 3, 3)),
    Variant("VGG19", (2, 2, 4, 4, 4)),
)


def conv_relu(kind, x, filters, name):
    """Apply a convolution with ReLU, as the paper has it."""
    return kind.conv(x, filters, 3, activation="relu", name=name)


def conv_bn_relu(kind, x, filters, name):
    """Apply a convolution, batch normalization and ReLU."""
    return act(norm(kind.conv(x, filters, 3, name=name), f"{name}_bn"), "relu", f"{name}_relu")


def conv_bn_relu_se(kind, x, filters, name):
    """Apply `conv_bn_relu`, then squeeze-and-excite with reduction 16, except after the network's first convolution."""
    y = conv_bn_relu(kind, x, filters, name)
    if name == FIRST:
        return y
    return squeeze_excite(y, max(1, channels(y) // 16), name, activation="relu")


def names_of(convolutions):
    """Return the names of the convolutions of each block, as Keras has them.

    >>> names_of((1, 2))
    (('block1_conv1',), ('block2_conv1', 'block2_conv2'))
    """
    return tuple(tuple(f"block{i}_conv{j}" for j in range(1, count + 1)) for i, count in enumerate(convolutions, 1))


def body(x, kind, convolutions, block, width):
    """Build the network from an image to the last map, 32 times smaller. The first convolution is always plain."""
    maps = {}
    for i, (filters, names) in enumerate(zip(FILTERS, names_of(convolutions)), 1):
        stride, filters = 2 ** (i - 1), divisible(filters * width, 1)
        for name in names:
            x = maps[stride] = block(Conv() if name == FIRST else kind.at(stride), x, filters, name)
        x = max_pool(x, f"block{i}_pool")
    x = maps[2 * stride] = merge(x)
    return x, maps


def top(x, classes, activation):
    """Build the classifier, through two layers of 4096: the last feature map -> predictions (n, classes)."""
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    return layers.Dense(classes, activation=activation, dtype=head_dtype(), name="predictions")(x)


def cifar_top(x, classes, activation, dropout):
    """Build the classifier, through one layer of 512: the last feature map -> predictions (n, classes)."""
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="flatten_dropout")(x)
    x = act(norm(layers.Dense(512, name="fc1")(x), "fc1_bn"), "relu", "fc1_relu")
    x = layers.Dropout(dropout, name="fc1_dropout")(x)
    return layers.Dense(classes, activation=activation, dtype=head_dtype(), name="predictions")(x)


@dataclasses.dataclass(frozen=True)
class Width:
    """What all VGGs take.

    Args:
        width: float, multiplies the filters of the convolutions (cut to whole numbers).
    """

    width: float = 1.0

    def __post_init__(self):
        positive_number("width", self.width)


@dataclasses.dataclass(frozen=True)
class Options(Width):
    """The options of VGGs for ImageNet.

    Args:
        batch_norm: bool; batch normalization between each convolution and its ReLU.
    """

    batch_norm: bool = False


@dataclasses.dataclass(frozen=True)
class CifarOptions(Width):
    """The options of VGGs for small images.

    Args:
        se: bool; squeeze-and-excite after each convolution but the first.
        dropout_rate: float, before and after the layer of 512.
    """

    se: bool = False
    dropout_rate: float = 0.5


def architecture(variant, options):
    """Return the `Architecture` of a row."""
    block = conv_bn_relu if options.batch_norm else conv_relu
    return _architecture(variant, options, block, 224, CAFFE, top, ("fc1", "fc2", "predictions"))._replace(
        producers=producers.PRODUCERS, pool_names=("global_average_pooling2d", "global_max_pooling2d")
    )


def cifar_architecture(variant, options):
    """Return the `Architecture` of a row for small images."""
    block = conv_bn_relu_se if options.se else conv_bn_relu
    head = functools.partial(cifar_top, dropout=options.dropout_rate)
    return _architecture(variant, options, block, 32, CIFAR, head, ("fc1", "fc1_bn", "predictions"))._replace(
        classes=10
    )


def _architecture(variant, options, block, size, preprocessing, head, head_names):
    names = enumerate(names_of(variant.convolutions), 1)
    return Architecture(
        variant.name,
        size,
        preprocessing,
        functools.partial(body, convolutions=variant.convolutions, block=block, width=options.width),
        head,
        head=head_names,
        blocks=tuple(Block(f"block{i}", (*convolutions, f"block{i}_pool")) for i, convolutions in names),
    )


def _publish(variant):
    summary = f"{variant.name}; images as `keras_effconv.applications.vgg.preprocess_input` leaves them."
    return publish(variant.name, architecture, Options, summary, variant)


VGG11, VGG13, VGG16, VGG19 = map(_publish, VARIANTS)
VGG16CIFAR = publish(
    "VGG16CIFAR",
    cifar_architecture,
    CifarOptions,
    "VGG-16 for 32 x 32 images as in Table 1 of the HetConv paper: 13 convolutions with batch normalization.",
    Variant("VGG16CIFAR", (2, 2, 3, 3, 3)),
    defaults={"weights": None, "classes": 10},
)

__all__ = ["VGG16CIFAR", "decode_predictions", "preprocess_input", *(variant.name for variant in VARIANTS)]
