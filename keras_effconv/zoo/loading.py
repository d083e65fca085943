"""From a tag or a path to a model with weights."""

import dataclasses
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import keras

from keras_effconv.graph import owner_of
from keras_effconv.network_info import info_of
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.zoo import readers, records
from keras_effconv.zoo.dense import set_normalization, to_dense
from keras_effconv.zoo.fetching.sources import locate
from keras_effconv.zoo.load_report import LoadReport
from keras_effconv.zoo.names import Producer, find, in_bands, recognise
from keras_effconv.zoo.pour import pour


class Source(NamedTuple):
    """A weights file on this machine.

    Attributes:
        path: str.
        label: str, for messages and reports.
        producer: `Producer` whose names it has; `None` if it is to be found out.
        preprocessing: `Preprocessing` that it wants; `None` for the producer's or the network's own.
    """

    path: str
    label: str
    producer: Producer | None = None
    preprocessing: Preprocessing | None = None


def resolve(weights, design, include_top=True, size=None):
    """Find the file of a tag or a path, before a network is built.

    Args:
        weights: str, a tag like `"imagenet"`, or the path of a file.
        design: `Design` of the network.
        include_top: bool; whether the network has its classifier.
        size: int, pixels of the image; or `None`.

    Returns:
        A `Source`.

    Raises:
        ValueError: if there is no such set for the network; the message says which there are.
        WeightsUnavailable: (an OSError) if the set is not on this machine and cannot be fetched.
    """
    if readers.exists(weights):
        return Source(os.fspath(weights), os.fspath(weights))
    record = records.find(design, weights, include_top, size)
    producer = next(p for p in design.architecture.producers if p.name == record.producer)
    return Source(locate(record), f"{record.model} {record.tag!r}", producer, record.preprocessing)


def load(model, weights, include_top=True):
    """Load a tag or a path into a model, and leave a `LoadReport` as `model.load_report`.

    Args:
        model: `keras.Model` of this package.
        weights: a `Source`, or what `resolve` finds one by.
        include_top: bool; without it, the classifier in the file is skipped.

    Raises:
        ValueError: if the file is not what it should be or does not fit the model.
        WeightsUnavailable: (an OSError) if the set is not on this machine and cannot be fetched.
    """
    info = info_of(model)
    source = weights
    if not isinstance(source, Source):
        source = resolve(weights, info.design, include_top, info.preprocessing.size)
    return _load(model, source, () if include_top else _head(info.architecture))


def load_weights(
    model: keras.Model,
    path: str | os.PathLike,
    skip: Sequence[str] = (),
    classes: Sequence[int] | None = None,
    pointwise: str = "correlated",
    entry: str | None = None,
) -> LoadReport:
    """Load a weights file of any known format into a model of this package, or into the one inside a model.

    The format is told from the file's content, and whose names it has from its names: those of Keras, of this package,
    or of another published code base. Nothing is set unless everything fits. If the model has no classifier of ours,
    that of the file is skipped.

    Args:
        model: a model as a constructor of this package gave it, of any kind; loaded, cloned, or inside another model.
        path: str or path of the file, or of a TensorFlow checkpoint.
        skip: sequence of regular expressions of "layer/variable", in the plain network's names: what is left as it is,
            and may be missing in the file or be unknown to the model. Default: none.
        classes: sequence of ints, the file's classes that the model's classes are, in order. Default `None`: all of
            them, and a new head if their number is another.
        pointwise: str, what HetConv's 1 x 1 becomes of a k x k kernel: its `"center"`, its `"sum"`, or its sum
            `"correlated"`, with weights 0.5 ** distance. Default `"correlated"`.
        entry: str, the entry of a checkpoint that holds several sets of weights, such as `"state_dict_ema"`, or the
            beginning of the names, such as `"ema_model"`. Default `None`: the one that is this network's.

    Returns:
        A `LoadReport`, also left as `model.load_report`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, holds several sets of weights and `entry` does not say which, or does not
            fit the model; the model is as it was.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> report = load_weights(model, "resnet20.th", skip=["predictions/.*"])  # doctest: +SKIP
    """
    info = info_of(model)
    head = info.architecture.head
    headless = not {layer.name for layer in owner_of(model, info).layers} & set(head)
    skip = (*skip, *(_head(info.architecture) if headless else ()))
    return _load(model, Source(os.fspath(path), os.fspath(path)), skip, classes, pointwise, entry)


def _head(architecture):
    """Return the patterns of the classifier's variables."""
    return tuple(f"{re.escape(name)}/.*" for name in architecture.head)


def _load(model, source, skip, classes=None, pointwise="correlated", entry=None):
    info = info_of(model)
    network, architecture = owner_of(model, info), info.architecture
    form, variables, found = _read(source.path, network, info.design, entry)
    producer = source.producer or recognise(network, info.design, variables)
    octaves = in_bands(variables)
    dense, notes = to_dense(variables, producer.layout or form.layout, producer, network, info)
    preprocessing = source.preprocessing or producer.preprocessing or info.preprocessing
    preprocessing = dataclasses.replace(
        preprocessing, size=info.preprocessing.size, inside=architecture.normalization is not None
    )
    if architecture.normalization:
        set_normalization(dense, architecture.normalization, preprocessing)
    report = pour(model, dense, f"{source.label} ({producer.name})", skip, classes, pointwise, octaves)
    model.load_report = dataclasses.replace(
        report,
        adapted=(*notes, *report.adapted),
        entry=found.entry,
        prefix=found.prefix,
        beside=tuple(found.beside.items()),
    )
    info.preprocessing = preprocessing
    return model.load_report


def _read(path, network, design, entry):
    """Return the format of a file, the network's variables in it, and where they are: a `names.Found`."""
    found = []

    def choose(names_by_entry):
        found.append(find(names_by_entry, network, design, entry))
        return found[0].names

    form, variables = readers.read(path, choose)
    if not found:
        choose({"": tuple(variables)})
    (where,) = found
    return form, {ours: variables.pop(theirs) for theirs, ours in where.names.items()}, where
