"""int8 within limits: the layers that lose most are computed in float32, in all formats alike, until little is lost."""

import dataclasses

import numpy as np

from keras_effconv.exporting.classifier import BATCH
from keras_effconv.exporting.sensitivity import moved_by_layer
from keras_effconv.utils.spread import evenly
from keras_effconv.utils.suggestions import did_you_mean

COUNTS = (1, 2, 4, 8, 16)  # layers in float32 that are tried in turn
NAMED = 4  # of the worst layers, in an error


def checked(settings, classifier):
    """Return the settings of int8 with arrays, or raise a `ValueError` for those that do not fit the classifier."""
    size, layers = classifier.preprocessing.size, classifier.layers()
    images = np.asarray(settings.calibration, "float32")
    if images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
        raise ValueError(f"`calibration` must be (n, {size}, {size}, 3). Received: an array of shape {images.shape}")
    for name in settings.keep_float:
        if name not in layers:
            near = did_you_mean(name, layers)
            raise ValueError(f"`keep_float` must be names of layers. Received: keep_float={name!r}{near}")
    labels = settings.calibration_labels
    if labels is not None:
        labels, classes = np.asarray(labels), len(classifier.labels)
        whole = labels.shape == (len(images),) and np.issubdtype(labels.dtype, np.integer)
        if not whole or labels.min() < 0 or labels.max() >= classes or classifier.thresholds is not None:
            raise ValueError(
                f"`calibration_labels` must be {len(images)} integers below {classes}, one an image, of a model that "
                f"says one class. Received: an array of {labels.dtype} of shape {labels.shape}"
            )
    return dataclasses.replace(settings, calibration=images, calibration_labels=labels)


def worst_layers(classifier, images):
    """Return the names of layers, those first whose rounding moves most probability of some of the images.

    Args:
        classifier: `Classifier`.
        images: array of images.
    """
    some = images[evenly(len(images), BATCH)]
    return [name for name, moved in moved_by_layer(classifier.model, some, classifier.layers()).items() if moved]


def kept_in_turn(classifier, settings):
    """Yield the layers to keep in float32: those that were asked for, and with labels also more and more of the worst.

    Args:
        classifier: `Classifier`.
        settings: `Settings`.

    Yields:
        tuple of str.
    """
    yield settings.keep_float
    if settings.calibration_labels is not None and settings.io == "float32":  # other types are for integers only
        worst = [name for name in worst_layers(classifier, settings.calibration) if name not in settings.keep_float]
        for count in COUNTS:
            if count < 2 * len(worst):  # the last one may be all of them
                yield (*settings.keep_float, *worst[:count])


def lost_accuracy(settings, expected, received):
    """Return how much less of the calibration images are right; 0.0 if they have no labels.

    Args:
        settings: `Settings`.
        expected: array (n, classes), the probabilities of the model.
        received: array (n, classes), those of the export.
    """
    if settings.calibration_labels is None:
        return 0.0
    right = [np.mean(each.argmax(-1) == settings.calibration_labels) for each in (expected, received)]
    return float(right[0] - right[1])


def advice(classifier, images):
    """Return what can be done about an int8 export that loses too much."""
    worst = ",".join(worst_layers(classifier, images)[:NAMED])
    return (
        "EfficientNet-Lite networks are made for int8; more calibration images, or layers in float32 that lose most "
        f"(keep_float={worst}), may lose less"
    )
