"""Networks whose files look like those of one of ours, and which this package does not build: why not."""

import re
from typing import NamedTuple


class Other(NamedTuple):
    """A network that is another than ours of nearly the same name.

    `models` and `mark` are regular expressions: of the names of our networks, and of how a name in its files
    begins.
    """

    models: str
    mark: str
    reason: str


OTHERS = (
    Other(
        r"ResN.*",
        r"^layer\d\.0\.downsample\.2\.weight$",
        "The file is of a ResNet-D (timm's resnet*d), whose shortcuts pool ahead of their convolutions: this package "
        "does not build it",
    ),
    Other(
        r"ResNet26",
        r"^layer1\.\d\.conv\d\.weight$",
        "ResNet26 here is the pre-activated network of the OctConv authors; timm's resnet26 normalizes behind its "
        "convolutions: it is ResNet26V1",
    ),
    Other(
        r"ResNet(50|101|152|200)V2",
        r"^layer1\.\d\.conv\d\.weight$",
        "The file is of a ResNet that normalizes behind its convolutions: version 1, as in ResNet50",
    ),
)


def explained(model, names):
    """Return why a file is not of the network that it seems to be of, or `None`.

    >>> explained("ResNet50", ["layer1.0.conv1.weight"]) is None
    True
    """
    for other in OTHERS:
        if re.fullmatch(other.models, model) and any(re.match(other.mark, name) for name in names):
            return other.reason
    return None
