"""The most likely classes of image files, by a Keras model or an export."""

import concurrent.futures
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_effconv.cli import model_files


class Predictor(NamedTuple):
    """A model that images can be given to.

    Attributes:
        run: callable from images (n, size, size, 3), RGB, 0..255, to probabilities (n, classes).
        preprocessing: `Preprocessing`, how files become such images.
        names: sequence of str, of the classes.
        thresholds: sequence of floats, from which probability on a class is said of an image that may have several;
            `None` if an image has one class.
    """

    run: Callable
    preprocessing: object
    names: tuple
    thresholds: tuple | None = None


class Row(NamedTuple):
    """What was found of a file.

    Attributes:
        path: str.
        best: list of (name, probability), the most likely first; empty for a file that cannot be read. Of several
            labels, those above their thresholds.
        error: str, why it cannot be read, or `""`.
    """

    path: str
    best: list
    error: str


def load(model, conv="Conv()", weights="imagenet"):
    """Load what --model names: a folder of an export, or what `models.load` takes.

    Args:
        model: str.
        conv: str, see `models.load`.
        weights: str, see `models.load`.

    Returns:
        A `Predictor`.
    """
    if model_files.is_export(model):
        from keras_effconv import exporting

        exported = exporting.load(os.path.expanduser(model))
        return Predictor(exported, exported.preprocessing, exported.labels, exported.thresholds)
    from keras_effconv import preprocessing_for
    from keras_effconv.cli import models

    network, names = models.load(model, conv, weights)
    report = getattr(network, "load_report", None)
    if report is not None and report.approximate:
        print(f"{conv} computes other numbers with the weights of Conv(): fine-tune it first", file=sys.stderr)
    layer = preprocessing_for(network)
    names = models.numbered(network, names)
    limits = models.thresholds_of(model, network, names)
    return Predictor(lambda images: network.predict_on_batch(layer(images)), layer.preprocessing, names, limits)


def predictions(predictor, paths, top, batch_size):
    """Yield a `Row` for each file, in order.

    Args:
        predictor: `Predictor`.
        paths: sequence of str.
        top: int, the classes of a row at most.
        batch_size: int, files that are read and computed at a time.
    """
    from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, read_image

    decoder = compiled_decoder(predictor.preprocessing)

    def attempt(path):
        try:
            return np.asarray(read_image(path, decoder)), ""
        except (UnreadableImageError, OSError, ValueError) as error:
            return None, " ".join(str(error).split())

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), batch_size):
            batch = paths[start : start + batch_size]
            read = list(pool.map(attempt, batch))
            images = [image for image, _ in read if image is not None]
            scores = iter(np.asarray(predictor.run(np.stack(images))) if images else ())
            for path, (image, error) in zip(batch, read):
                yield Row(path, [] if image is None else _best(next(scores), predictor, top), error)


def _best(scores, predictor, top):
    limits = predictor.thresholds
    said = np.ones(len(scores), bool) if limits is None else scores >= np.array(limits)
    order = [i for i in (-scores).argsort(kind="stable") if said[i]][:top]
    return [(predictor.names[i], float(scores[i])) for i in order]
