"""Who names what how: from the names in a weights file to those of the plain network."""

import re
from typing import NamedTuple

from keras_effconv.zoo.names import efficientnet, mobilenet, octaves, resnet, vgg
from keras_effconv.zoo.names.bands import check_bands, in_bands, join
from keras_effconv.zoo.names.producer import Producer, rename

__all__ = [
    "FAMILIES",
    "Family",
    "Producer",
    "check_bands",
    "family",
    "in_bands",
    "join",
    "recognise",
    "rename",
]


class Family(NamedTuple):
    """The producers of a family, and how its blocks are told from the names of its layers."""

    architectures: str  # a regular expression
    block: str  # matches a layer of a block; the first group is the block's prefix
    producers: tuple[Producer, ...]

    def labels(self, model):
        """The prefixes of a model's blocks, in order."""
        found = (re.match(self.block, layer.name) for layer in model.layers)
        return tuple(dict.fromkeys(match[1] for match in found if match))


FAMILIES = (
    Family(r"EfficientNetB[567]", efficientnet.BLOCK, efficientnet.PORTS),
    Family(r"EfficientNet\w*", efficientnet.BLOCK, efficientnet.PRODUCERS),
    Family(r"MobileNet", mobilenet.BLOCK_V1, mobilenet.V1 + octaves.MOBILENET),
    Family(r"MobileNetV2", mobilenet.BLOCK_V2, mobilenet.V2 + octaves.MOBILENET_V2),
    Family(r"ResNet(20|32|44|56|110)", resnet.BLOCK, resnet.CIFAR10),
    Family(r"ResNet\d+V2|ResNet26|ResNet200", resnet.BLOCK, resnet.V2 + octaves.RESNET_V2),
    Family(r"ResNe[Xt]t?\d+", resnet.BLOCK, resnet.V1 + octaves.RESNET),
    Family(r"VGG\w+", vgg.BLOCK, vgg.PRODUCERS),
)


def family(architecture):
    """The `Family` of an architecture.

    >>> family("ResNeXt50") is family("ResNet152"), family("MobileNetV2").producers[0].name
    (True, 'keras')
    """
    return next(row for row in FAMILIES if re.fullmatch(row.architectures, architecture))


def recognise(model, names):
    """The producer of a file, by the names of its variables.

    Args:
        model: a model of this package.
        names: of the file's variables.

    Returns:
        A `Producer` whose networks the model computes like.

    Raises:
        ValueError: when nobody known names variables so, or the model has other options than the producer's networks.
    """
    design = model.design
    marked = [p for p in family(design.name).producers if any(re.search(p.mark, name) for name in names)]
    if not marked:
        shown = ", ".join(sorted(names)[:3])
        known = ", ".join(p.name for p in family(design.name).producers)
        raise ValueError(f"expected weights of {design.name} as {known} name them, received {shown}, ...")
    fitting = [p for p in marked if p.options is None or not design.differences(p.options)]
    if not fitting:
        ways = " or ".join(f"{p.name}, {', '.join(design.differences(p.options))}" for p in marked)
        raise ValueError(f"expected a {design.name} as trained by {ways}")
    return fitting[0]
