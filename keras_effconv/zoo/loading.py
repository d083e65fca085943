"""From a tag or a path to a model with weights."""

import dataclasses
import os

from keras_effconv.zoo import readers
from keras_effconv.zoo.dense import set_normalization, to_dense
from keras_effconv.zoo.fetching.sources import locate
from keras_effconv.zoo.names import family, in_bands, recognise
from keras_effconv.zoo.pour import pour
from keras_effconv.zoo.records import find

TOP = (r"predictions/.*", r"conv_preds/.*", r"fc\d/.*")


def load(model, weights, include_top=True):
    """Load a tag or a path into a model just built, and leave a `LoadReport` as `model.load_report`.

    Args:
        model: a model of this package.
        weights: str, a tag like `"imagenet"`, or the path of a file.
        include_top: bool; without it, the classifier in the file is skipped.

    Raises:
        ValueError: when the file is not what it should be or does not fit the model.
        WeightsUnavailable: (an OSError) when the set is not on this machine and cannot be fetched.
    """
    skip = () if include_top else TOP
    if readers.exists(weights):
        load_weights(model, weights, skip)
        return
    record = find(model.design, weights, include_top, model.preprocessing.size)
    producer = next(p for p in family(record.model).producers if p.name == record.producer)
    path = locate(record)
    _load(model, path, producer, record.preprocessing, f"{record.model} {record.tag!r}", skip)


def load_weights(model, path, skip=(), classes=None, pointwise="correlated"):
    """Load a weights file of any known format into a model of this package.

    The format is told from the file's content, and whose names it has from its names: those of Keras, of this package,
    or of another published code base. Nothing is set unless everything fits.

    Args:
        model: a model as a constructor of this package gave it, of any kind.
        path: of the file, or of a TensorFlow checkpoint.
        skip: regular expressions of "layer/variable", in the plain network's names: what is left as it is, and may be
            missing in the file or be unknown to the model. Default: none.
        classes: indices of the file's classes that the model's classes are, in order. Default `None`: all of them,
            and a new head where their number is another.
        pointwise: what HetConv's 1 x 1 becomes of a k x k kernel: its `"center"`, its `"sum"`, or its sum
            `"correlated"`, with weights 0.5 ** distance. Default `"correlated"`.

    Returns:
        A `LoadReport`, also left as `model.load_report`.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the file is damaged or does not fit the model; the model is as it was.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> report = load_weights(model, "resnet20.th", skip=["predictions/.*"])  # doctest: +SKIP
    """
    return _load(model, os.fspath(path), None, None, os.fspath(path), skip, classes, pointwise)


def _load(model, path, producer, preprocessing, source, skip, classes=None, pointwise="correlated"):
    form, variables = readers.read(path)
    producer = producer or recognise(model, variables)
    octaves = in_bands(variables)
    dense, notes = to_dense(variables, producer.layout or form.layout, producer, model)
    wanted = preprocessing or producer.preprocessing or model.preprocessing
    wanted = dataclasses.replace(wanted, size=model.preprocessing.size, inside=model.preprocessing.inside)
    if wanted.inside:
        set_normalization(dense, wanted)
    report = pour(model, dense, f"{source} ({producer.name})", skip, classes, pointwise, octaves)
    model.load_report = dataclasses.replace(report, adapted=(*notes, *report.adapted))
    model.preprocessing = wanted
    return model.load_report
