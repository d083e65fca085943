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


NETWORKS = (
    Network("EfficientNetB0", (32, 32, 3), {}),
    Network("EfficientNetLite0", (47, 33, 3), {}),
    Network("VGG16", (33, 38, 3), {"include_top": False, "pooling": "avg"}),
    Network("VGG16CIFAR", (32, 32, 3), {"se": True}),
)

KINDS = (
    ke.Conv(),
    ke.HetConv(parts=1),
    ke.HetConv(parts=4),
    ke.HetConv(parts=5, layout="shifted"),
    ke.OctConv(alpha=0),
    ke.OctConv(alpha=0.25),
    ke.OctConv(alpha=0.5, coarsest=64),
    ke.OctConv(alpha=1),
)

IDENTITIES = (ke.HetConv(parts=1), ke.OctConv(alpha=0))
