"""The images of a conversion: with the labels of the model's classes, or without any."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_effconv import data, preprocessing_for
from keras_effconv.cli import models
from keras_effconv.cli.evaluate import known, matched
from keras_effconv.cli.evaluated_run import record_of, split_seed, warn_of_other_images
from keras_effconv.cli.training_flags import files_of
from keras_effconv.converting.images import HELD
from keras_effconv.data.sources.csv_file import is_csv
from keras_effconv.data.sources.layout import find_layout
from keras_effconv.data.sources.listing import LeftOut, holds_images, list_images, sub_directories
from keras_effconv.data.sources.npz import archives_in
from keras_effconv.data.sources.remote import is_url
from keras_effconv.data.sources.split_names import TRAIN, split_of
from keras_effconv.data.sources.unlabelled import read_images
from keras_effconv.training.class_names import match

MEMORY = 2 << 30  # bytes of pixels without labels that gradient steps may draw from


class Photos(NamedTuple):
    """Images of a conversion.

    Attributes:
        dataset: `Dataset`; without labels, those of its training images are -1, and it has no others.
        labelled: bool. If so, the labels of its validation images are the model's classes.
    """

    dataset: data.Dataset
    labelled: bool


def load(flags, model, names):
    """Return the `Photos` that the flags name, as a model wants them.

    Args:
        flags: `Flags`.
        model: `keras.Model`.
        names: list of str, the names of its classes, or `None`.

    Raises:
        ValueError, OSError, RuntimeError, ImportError: as `data.load`.
    """
    view = preprocessing_for(model).preprocessing
    folder = None if flags.data_dir is None else os.path.expanduser(flags.data_dir)
    is_plain = folder is not None and os.path.isdir(folder) and not archives_in(folder)
    if folder is not None and not (is_plain or is_csv(folder) or is_url(folder) or archives_in(folder)):
        raise ValueError(f"`data_dir` must be a folder of images or a CSV file. Received: data_dir={folder!r}")
    if is_plain and not _has_classes(folder, model, names):
        most = flags.limit or (flags.images + HELD if not flags.mimic else None)
        return Photos(_unlabelled(folder, view, most), False)
    try:
        record = record_of(flags.model)
        source = files_of(flags) | {"seed": split_seed(flags, record), "limit": flags.limit}
        dataset = data.load(flags.dataset, resize=view, **source)
    except RuntimeError as error:  # a download that failed
        raise ValueError(error) from error
    warn_of_other_images(record, dataset, "validation")
    return _matched(dataset, model, names)


def _has_classes(folder, model, names):
    """Return whether the folders in a folder, or in its split for training, are classes of the model."""
    if not models.is_classifier(model):
        return False
    try:
        classes = [name for name, path in find_layout(folder).parts.get(TRAIN, {}).items() if holds_images(path)]
        if names is None:
            return len(classes) == model.output_shape[-1]
        match(classes, known(names, classes), "the model")
    except ValueError:  # other classes, or a layout that is none of classes
        return False
    return len(classes) > 1


def _unlabelled(folder, view, most):
    """Return a `Dataset` of the images below a folder, or below its split for training, without labels."""
    splits = [each for each in sub_directories(folder) if split_of(each.name) == TRAIN and holds_images(each)]
    root = splits[0] if len(splits) == 1 else Path(folder)
    paths = list_images(str(root), LeftOut())
    if not paths:
        raise ValueError(f"`data_dir` must be a folder of images. Received: data_dir={str(folder)!r} without any")
    most = most or max(2, MEMORY // (3 * view.size**2))
    images = read_images(paths, view, most, "data_dir")
    labels, numbers = np.full(len(images), -1, "int32"), tuple(f"image {i}" for i in range(len(images)))
    return data.Dataset(Path(folder).resolve().name, data.Split(images, labels, numbers), None, ())


def _matched(dataset, model, names):
    """Return the `Photos` of a data set with labels, which may be of other classes than the model's."""
    split, cause = dataset.validation, "the model has no classes"
    if dataset.multi_label or models.says_several(model):
        print(f"{dataset.name}: accuracy is not measured (an image may have several labels)")
        return Photos(dataset, False)
    if models.is_classifier(model) and len(split) and split.labels.min() >= 0:
        try:
            return Photos(_with_validation(dataset, *matched(split, dataset, model.output_shape[-1], names)), True)
        except ValueError as error:
            cause = str(error)
    print(f"{dataset.name}: accuracy is not measured ({cause})")
    return Photos(dataset, False)


def _with_validation(dataset, split, class_names):
    return data.Dataset(dataset.name, dataset.train, split, tuple(class_names))
