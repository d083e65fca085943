"""What `evaluate` measures: a Keras model at any size, or an export in its own runtime at the size that it has."""

import os
from collections.abc import Callable
from typing import NamedTuple

from keras_effconv.cli import model_files


class Subject(NamedTuple):
    """A model or an export.

    Attributes:
        preprocessing: `Preprocessing` of its images.
        names: list of str, of its classes, or `None`.
        classes: int.
        size: int, pixels, its own.
        at: callable from a size to what `training.evaluate` takes, of images 0..255.
        facts: list of pairs of str for the page.
        thresholds: sequence of floats, from which probability on a class is said of an image that may have several;
            `None` if an image has one class.
    """

    preprocessing: object
    names: list | None
    classes: int
    size: int
    at: Callable
    facts: list
    thresholds: tuple | None = None


def load(model, weights, labels):
    """Load what --model names.

    Args:
        model: str, the folder of an export, or what `models.load` takes.
        weights: str, for a network by name.
        labels: path of a file with the name of a class a line, or `None`.

    Returns:
        A `Subject`.

    Raises:
        ValueError: no such model; another number of names than of classes.
    """
    if model_files.is_export(model):
        return _export(os.path.expanduser(model), labels)
    from keras_effconv import preprocessing_for
    from keras_effconv.cli import models
    from keras_effconv.inference.pixels import of_pixels
    from keras_effconv.training.trainer import at_size

    network, names = models.load(model, weights=weights, labels=labels)
    return Subject(
        preprocessing_for(network).preprocessing,
        names,
        network.output_shape[-1],
        network.input_shape[1],
        lambda size: of_pixels(at_size(network, size)),
        [("Parameters", f"{network.count_params() / 1e6:.2f} million")],
        models.thresholds_of(model, network, models.numbered(network, names)),
    )


def _export(path, labels):
    from keras_effconv import exporting
    from keras_effconv.cli import models
    from keras_effconv.utils.files import bytes_in

    exported = exporting.load(path)
    size, known = exported.preprocessing.size, exported.labels
    names = list(known) if labels is None else models.read_names(len(known), os.path.expanduser(labels))

    def at(wanted):
        if wanted != size:
            raise ValueError(f"`sizes` must be that of the export, {size}. Received: {wanted}")
        return exported

    facts = [
        ("Format", exported.format),
        ("Weights", exported.precision),
        ("Size", f"{bytes_in(exported.path) / 1e6:.1f} MB"),
    ]
    return Subject(exported.preprocessing, names, len(known), size, at, facts, exported.thresholds)
