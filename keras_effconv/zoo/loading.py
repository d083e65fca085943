"""From a tag or a path to a model with weights."""

import os

import numpy as np

from keras_effconv.zoo import keras_h5, torch_legacy
from keras_effconv.zoo.pour import LoadReport, pour
from keras_effconv.zoo.records import find, rename
from keras_effconv.zoo.sources import locate

READERS = {"torch_legacy": torch_legacy.read, "keras_h5": keras_h5.read}
SUFFIXES = {
    ".pth": "torch_legacy",
    ".pt": "torch_legacy",
    ".th": "torch_legacy",
    ".bin": "torch_legacy",
    ".h5": "keras_h5",
}
KERAS_SUFFIXES = (".keras", ".weights.h5")
TOP = (r"predictions/.*", r"fc\d/.*")


def load(model, architecture, weights, include_top=True):
    """Load a tag or a path into a model just built, and leave a `LoadReport` as `model.load_report`.

    Args:
        model: a model of this package.
        architecture: str, its name in the records.
        weights: a tag like `"imagenet"`, or the path of a file.
        include_top: bool; without it, the classifier in the file is skipped.

    Raises:
        ValueError: when the file is not what it should be or does not fit the model.
        WeightsUnavailable: (an OSError) when the set is not on this machine.
    """
    if os.path.exists(weights):
        model.load_report = _load_path(model, architecture, os.fspath(weights), include_top)
        return
    record = find(architecture, weights, include_top)
    dense = to_dense(READERS[record.reader](locate(record)), record)
    skip = () if include_top else TOP
    model.load_report = pour(model, dense, f"{record.model} {record.tag!r}", skip)
    model.preprocessing = record.preprocessing.at(model.preprocessing.size)


def load_weights(model, path, architecture=None):
    """Load a weights file into a model of this package.

    Args:
        model: a model as a constructor of this package gave it.
        path: of a file: a legacy torch file or a Keras file.
        architecture: str; whose layout the file has. Default: the model's own.

    Returns:
        A `LoadReport`, also left as `model.load_report`.
    """
    architecture = architecture or model.architecture
    include_top = any(layer.name == "predictions" for layer in model.layers)
    model.load_report = _load_path(model, architecture, os.fspath(path), include_top)
    return model.load_report


def _load_path(model, architecture, path, include_top):
    if path.endswith(KERAS_SUFFIXES):
        model.load_weights(path)
        names = tuple(f"{layer.name}/{v.name}" for layer in model.layers for v in layer.weights)
        return LoadReport(path, names, (), (), approximate=False)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        known = ", ".join((*SUFFIXES, *KERAS_SUFFIXES))
        raise ValueError(f"`weights` must be a file that ends in one of {known}. Received: weights={path!r}")
    record = find(architecture, "imagenet", include_top)._replace(reader=SUFFIXES[suffix])
    dense = to_dense(READERS[record.reader](path), record)
    return pour(model, dense, path, () if include_top else TOP)


def to_dense(variables, record):
    """A file's variables in our names and layouts, with the normalisation that the set wants."""
    dense = {}
    for name, value in variables.items():
        if name.endswith("num_batches_tracked"):
            continue
        name = rename(name, record.renames)
        dense[name] = LAYOUTS[record.reader](name, value)
    if record.preprocessing.inside:
        _set_normalization(dense, record.preprocessing)
    return dense


def _set_normalization(dense, wanted):
    """The constants of the network's own normalisation, on the scale 0..1.

    A file that has none gets the set's. Keras' published EfficientNets hold the deviation under the name `variance`
    and divide by another root of it in a layer that is no part of the file (tensorflow issue 49930): squared here.
    """
    std = np.array(wanted.std, "float32") / 255
    found = dense.get("normalization/variance")
    dense.setdefault("normalization/mean", np.array(wanted.mean, "float32") / 255)
    if found is None or (found.shape == std.shape and np.allclose(found, std, rtol=1e-3)):
        dense["normalization/variance"] = np.square(std)


def _from_torch(name, value):
    """OIHW -> HWIO, (C, 1, k, k) -> (k, k, C, 1) for depthwise kernels, and dense kernels transposed."""
    if value.ndim == 4:
        return value.transpose((2, 3, 0, 1) if name.endswith("dwconv/kernel") else (2, 3, 1, 0))
    return value.T if value.ndim == 2 else value


def _from_keras(name, value):
    return value


LAYOUTS = {"torch_legacy": _from_torch, "keras_h5": _from_keras}
