"""What properties are tested over: a kind or a family is one row."""

from typing import NamedTuple

import keras_effconv as ke


class Network(NamedTuple):
    """A constructor, and the small image at which it is tested."""

    name: str
    shape: tuple[int, int, int]
    options: dict

    def build(self, **arguments):
        """The network with random weights, seven classes."""
        options = {"weights": None, "input_shape": self.shape, "classes": 7, **self.options, **arguments}
        return ke.applications.get(self.name)(**options)


POOL = {"downsampling": "pool"}

# Few blocks, so that each test takes seconds; tests/test_papers.py builds the networks in full.
NETWORKS = (
    Network("EfficientNetB0", (32, 32, 3), {"width": 0.5, "depth": 0.3}),
    Network("EfficientNetLite0", (47, 33, 3), {"width": 0.5, "depth": 0.3}),
    Network("MobileNet", (32, 32, 3), {"alpha": 0.25, "depth": 0.4}),
    Network("MobileNetV2", (33, 47, 3), {"alpha": 0.5, "depth": 0.1}),
    Network("ResNet50", (32, 32, 3), {"width": 0.25, "depth": 0.3}),
    Network("ResNet18", (47, 33, 3), {"width": 0.25, "padding": "same"}),
    Network("ResNeXt50", (32, 32, 3), {"groups": 4, "depth": 0.1, "se": True, "stem": "deep bL", **POOL}),
    Network("ResNet50V2", (33, 38, 3), {"width": 0.25, "depth": 0.5}),
    Network("ResNet20", (34, 33, 3), {"depth": 0.5}),
    Network("VGG13", (33, 38, 3), {"include_top": False, "pooling": "avg", "batch_norm": True, "width": 0.25}),
    Network("VGG16CIFAR", (32, 32, 3), {"se": True}),
)

KINDS = (
    ke.Conv(),
    ke.HetConv(parts=1),
    ke.HetConv(parts=4),
    ke.HetConv(parts=5, layout="shifted"),
    ke.HetConv(parts=((4, 2), (16, 8))),
    ke.PC(),
    ke.GWCPWC(groups=2),
    ke.DWCPWC(),
    ke.OctConv(alpha=0),
    ke.OctConv(alpha=0.25),
    ke.OctConv(alpha=0.5, coarsest=64),
    ke.OctConv(alpha=((2, 0.5), (8, 0.25))),
    ke.OctConv(alpha=1),
)

IDENTITIES = (ke.HetConv(parts=1), ke.OctConv(alpha=0))
