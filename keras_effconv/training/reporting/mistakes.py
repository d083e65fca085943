"""The mistakes that a model is surest of, and where it looked."""

from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.explaining import grad_cam

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


def worst_mistakes(model, evaluation, split, most: int = MOST) -> list[Mistake]:
    """Return the wrong answers of the highest probability, the most probable first.

    Args:
        model: classifier, images 0..255 -> probabilities; where it looked is known of a `keras.Model` alone.
        evaluation: `Evaluation` of the model on the split.
        split: `Split`.
        most: int, at most so many. Default 12.
    """
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
