"""The mistakes that a model is surest of, and where it looked."""

import functools
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.explaining import grad_cam
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.training.reporting.single_label import Evaluation

MOST = 12


class Mistake(NamedTuple):
    """An image that a model takes for another class.

    Attributes:
        file: str, the name of the image.
        label: str, its class.
        answer: str, the class that the model says.
        confidence: float, the probability of the answer.
        label_probability: float, that of its class.
        image: uint8 (size, size, 3).
        heat: float (size, size), 0 to 1, see `grad_cam`, for the answer; `None` if the model has no map to look at.
    """

    file: str
    label: str
    answer: str
    confidence: float
    label_probability: float
    image: np.ndarray
    heat: np.ndarray | None


class LabelMistake(NamedTuple):
    """A class that is said of an image that is not of it, or not said of one that is.

    Attributes:
        file: str, the name of the image.
        labels: tuple of str, its classes.
        answer: str, the class.
        said: bool, whether the model says it.
        confidence: float, its probability.
        threshold: float, from which on it is said.
        image: uint8 (size, size, 3).
        heat: float (size, size), as in `Mistake`, for the class.
    """

    file: str
    labels: tuple[str, ...]
    answer: str
    said: bool
    confidence: float
    threshold: float
    image: np.ndarray
    heat: np.ndarray | None


def worst_mistakes(model, evaluation, split, most: int = MOST) -> list[Mistake] | list[LabelMistake]:
    """Return the mistakes that a model is surest of, the surest first; of several labels, by distance to thresholds.

    Args:
        model: classifier, images 0..255 -> probabilities; where it looked is known of a `keras.Model` alone.
        evaluation: `Evaluation` of the model on the split.
        split: `Split`.
        most: int, at most so many. Default 12.
    """
    return _worst(evaluation, model, split, most)


@functools.singledispatch
def _worst(evaluation, model, split, most):
    raise TypeError(f"`evaluation` must be an evaluation. Received: {type(evaluation).__name__}")


@_worst.register
def _(evaluation: MultiLabelEvaluation, model, split, most):
    names, scores = evaluation.class_names, np.clip(np.nan_to_num(evaluation.probabilities), 1e-7, 1 - 1e-7)
    limits = np.clip(evaluation.thresholds, 1e-7, 1 - 1e-7)
    distance = np.abs(np.log(scores / (1 - scores)) - np.log(limits / (1 - limits)))
    rows, columns = np.nonzero(evaluation.answers != (evaluation.labels > 0))
    order = np.argsort(-distance[rows, columns], kind="stable")[:most]
    rows, columns = rows[order], columns[order]
    heat = _heat(model, np.asarray(split.images[rows]), columns)
    return [
        LabelMistake(
            str(split.names[i]),
            tuple(names[j] for j in np.flatnonzero(evaluation.labels[i])),
            names[k],
            bool(evaluation.answers[i, k]),
            float(evaluation.probabilities[i, k]),
            evaluation.thresholds[k],
            np.asarray(split.images[i]),
            each,
        )
        for i, k, each in zip(rows, columns, heat)
    ]


@_worst.register
def _(evaluation: Evaluation, model, split, most):
    predicted, names = evaluation.predicted, evaluation.class_names
    confidence = np.nan_to_num(evaluation.probabilities[np.arange(len(predicted)), predicted], nan=-1.0)
    wrong = np.flatnonzero(predicted != evaluation.labels)
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    heat = _heat(model, np.asarray(split.images[rows]), predicted[rows])
    return [
        Mistake(
            str(split.names[i]),
            names[evaluation.labels[i]],
            names[predicted[i]],
            float(confidence[i]),
            float(evaluation.probabilities[i, evaluation.labels[i]]),
            np.asarray(split.images[i]),
            each,
        )
        for i, each in zip(rows, heat)
    ]


def _heat(model, images, classes):
    """Return a map for each image; `None` each if the model is no graph, has no map, or computes on another backend."""
    if not len(images):
        return []
    if not isinstance(model, keras.Model):
        return [None] * len(images)
    try:
        return list(grad_cam(model, images.astype("float32"), class_index=classes))
    except ValueError:
        return [None] * len(images)
