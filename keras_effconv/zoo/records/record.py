"""What is known of a published weight set."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from keras_effconv.preprocessing import Preprocessing


class Package(NamedTuple):
    """A file inside an installed Python package."""

    module: str
    file: str
    extra: str  # of keras-effconv, which installs the package


class Download(NamedTuple):
    """A file behind an address."""

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
        params: int, trainable parameters of the network with its classifier.
        macs: int, multiply-accumulates of it, at the set's image size.
        licence: str.
        options: dict, of the constructor, where they are not its defaults.
    """

    model: str
    tag: str
    include_top: bool
    source: Package | Download
    hash: str | None
    producer: str
    preprocessing: Preprocessing
    top1: float | None
    params: int
    macs: int
    licence: str
    options: Mapping[str, Any] = {}
