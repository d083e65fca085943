"""From a tag or a path to a model with weights."""

import dataclasses
import functools
import os
import re
from collections.abc import Sequence

import keras

from keras_effconv.graph import layers_of, owner_of
from keras_effconv.layers.het_parts import CORRELATIONS
from keras_effconv.network_info import info_of
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.arguments import one_of
from keras_effconv.zoo import readers
from keras_effconv.zoo.checks import check_dimensions, check_variances, patterns
from keras_effconv.zoo.dense import (
    IGNORED,
    as_normalized,
    change_epsilon,
    check_once,
    epsilons,
    set_normalization,
    to_dense,
)
from keras_effconv.zoo.load_report import LoadReport
from keras_effconv.zoo.names import find, in_bands, marked_as, ours_of, recognise, theirs_of, tracked
from keras_effconv.zoo.origin import preprocessing_of, stated
from keras_effconv.zoo.pour import pour
from keras_effconv.zoo.source import Source, at_home, of_path, resolve
from keras_effconv.zoo.told import Told, take_facts


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
    skip: Sequence[str] | str = (),
    classes: Sequence[int] | None = None,
    pointwise: str = "correlated",
    entry: str | None = None,
    preprocessing: Preprocessing | str | None = None,
) -> LoadReport:
    """Load a weights file of any known format into a model of this package, or into the one inside a model.

    The format is told from the file's content, and whose names it has from its names: those of Keras, of this package,
    or of another published code base. Nothing is set unless everything fits. If the model has no classifier of ours,
    that of the file is skipped.

    Args:
        model: a model as a constructor of this package gave it, of any kind; loaded, cloned, or inside another model.
        path: str or path of the file, of a folder with one, or of a TensorFlow checkpoint; `~` is the home directory.
            Or `"hf://user/name"`, a repository of the Hugging Face hub (with the extra `hub`).
        skip: sequence of regular expressions of "layer/variable", or one of them, in the plain network's names: what is
            left as it is, and may be missing in the file or be unknown to the model. Default: none.
        classes: sequence of ints, the file's classes that the model's classes are, in order. Default `None`: all of
            them, and a new head if their number is another.
        pointwise: str, what HetConv's 1 x 1 becomes of a k x k kernel: its `"center"`, its `"sum"`, or its sum
            `"correlated"`, with weights 0.5 ** distance. Default `"correlated"`.
        entry: str, the entry of a checkpoint that holds several sets of weights, such as `"state_dict_ema"`, or the
            beginning of the names, such as `"ema_model"`. Default `None`: the one that is this network's.
        preprocessing: `Preprocessing` that the weights want of an image, or the tag of a published set like which the
            file is. Default `None`: what the file says, or the published sets that have its names agree on.

    Returns:
        A `LoadReport`, also left as `model.load_report`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, holds several sets of weights and `entry` does not say which, is of another
            network or of other options, does not fit the model, has values that are not finite, or does not tell what
            it wants of an image; the model is as it was.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> report = load_weights(model, "resnet20.th", skip=["predictions/.*"])  # doctest: +SKIP
    """
    skip, entry = patterns(skip), None if entry is None else str(entry)
    one_of("pointwise", pointwise, tuple(CORRELATIONS))
    info = info_of(model)
    head = info.architecture.head
    headless = not {layer.name for layer in layers_of(model)} & set(head)
    skip = (*skip, *(_head(info.architecture) if headless else ()))
    preprocessing = None if preprocessing is None else stated(preprocessing, info.design)
    source = of_path(at_home(path), info.design, info.preprocessing.size, preprocessing)
    return _load(model, source, skip, classes, pointwise, entry)


def _head(architecture):
    """Return the patterns of the classifier's variables."""
    return tuple(f"{re.escape(name)}/.*" for name in architecture.head)


def _load(model, source, skip, classes=None, pointwise="correlated", entry=None):
    info = info_of(model)
    network, architecture = owner_of(model, info), info.architecture
    form, variables, found, (design, preprocessing) = _read(source.path, network, info.design, entry)
    if design is not None:
        info.design.check(design, source.label)
    producer = source.producer
    if producer is None or not producer.names(variables):
        producer = recognise(network, info.design, variables)
    renamed = ours_of(variables, producer, network, architecture)
    ours = {our.partition("@")[0]: name for name, our in renamed.items()}
    infer = functools.partial(theirs_of, names=tuple(variables), producer=producer, architecture=architecture)
    told = Told(design and design.options["conv"], in_bands(variables), preprocessing, ours, infer)
    label, skip = f"{source.label} ({producer.name})", (*skip, *source.skip)
    check_once(renamed, label, lambda our: any(re.fullmatch(pattern, our) for pattern in skip))
    named = {our: variables[name] for name, our in renamed.items() if not IGNORED.fullmatch(our)}
    check_dimensions(named, label, network.name, dict(zip(renamed.values(), renamed)), architecture.owns)
    del named
    dense, notes = to_dense(variables, producer.layout or form.layout, producer, network, info)
    check_variances(dense, label, ours, epsilons(network) if producer.epsilon is None else lambda _: 0.0)
    if producer.epsilon:
        change_epsilon(dense, network, producer.epsilon, notes)
    preprocessing = _preprocessing(source, told, producer, info, dense)
    report = pour(model, dense, label, skip, classes, pointwise, told)
    model.load_report = dataclasses.replace(
        report,
        adapted=(*source.notes, *notes, *report.adapted),
        entry=found.entry,
        prefix=found.prefix,
        beside=tuple(found.beside.items()),
    )
    info.preprocessing = preprocessing
    return model.load_report


def _preprocessing(source, told, producer, info, dense):
    """Return what a file's weights want of an image, and put it into the network's normalization if it has one."""
    norm = info.architecture.normalization
    own = f"{norm}/mean" in dense and (source.preprocessing is None or source.producer is not None)
    usual = producer.preprocessing or info.preprocessing
    wanted = source.preprocessing or told.preprocessing or (usual if own else None)
    if wanted is None:
        producers = marked_as(info.design, told.theirs.values()) or [producer]
        wanted = preprocessing_of(source.path, info.design, producers, usual)
    wanted = dataclasses.replace(wanted, size=info.preprocessing.size, inside=norm is not None)
    if norm is None:
        return wanted
    if not own:
        dense.pop(f"{norm}/variance", None)
        dense.pop(f"{norm}/mean", None)
    set_normalization(dense, norm, wanted)
    return as_normalized(wanted, dense[f"{norm}/mean"], dense[f"{norm}/variance"])


def _read(path, network, design, entry):
    """Read the variables of a network.

    Returns:
        The format, a dict of name -> array, where they are (a `names.Found`), and the file's facts.
    """
    found = []

    def choose(names_by_entry):
        found.append(find(names_by_entry, network, design, entry))
        return found[0].names

    form, variables = readers.read(path, choose)
    facts = take_facts(variables, path)
    if not found:
        variables = tracked(variables, network)
        choose({"": tuple(variables)})
    (where,) = found
    return form, {ours: variables.pop(theirs) for theirs, ours in where.names.items()}, where, facts
