"""What is known of a published weight set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from keras_effconv.preprocessing import Preprocessing
from keras_effconv.zoo.records.networks import NETWORKS

SAME_COUNT = ("padding",)


class Package(NamedTuple):
    """A file inside an installed Python package."""

    module: str
    file: str
    extra: str  # of keras-effconv, which installs the package


class Download(NamedTuple):
    """A file behind an address; `member`: the folder to read in an archive of a TensorFlow checkpoint."""

    address: str
    file: str | None = None  # in the cache; None: the last part of the address


class Record(NamedTuple):
    """A weight set.

    Attributes:
        model: str, name of the constructor.
        tag: str, what `weights=` takes.
        include_top: bool; whether the file has the classifier.
        source: `Package` or `Download`.
        hash: md5 or sha256, by its length; eight digits are the beginning of a sha256; `None`: none is published, and
            that of the first download is kept.
        producer: str, of `zoo.names`: whose names it has.
        preprocessing: `Preprocessing`.
        top1: float, what its authors publish, in percent on ImageNet; `None` where they do not.
        licence: str.
        options: of the constructor, where they are not its defaults.
    """

    model: str
    tag: str
    include_top: bool
    source: Package | Download
    hash: str | None
    producer: str
    preprocessing: Preprocessing
    top1: float | None
    licence: str
    options: Mapping[str, Any] = {}

    @property
    def params(self):
        """Trainable parameters of the network with its classifier of 1000 classes."""
        return self._numbers[0]

    @property
    def macs(self):
        """Multiply-accumulates of the network with its classifier, at the set's image size."""
        return self._numbers[1]

    @property
    def _numbers(self):
        shape = tuple(sorted((k, v) for k, v in self.options.items() if k not in SAME_COUNT))
        return NETWORKS[self.model, self.preprocessing.size, shape]
