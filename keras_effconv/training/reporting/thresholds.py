"""From which probability on a class is said of an image: a threshold for each class, found on images with labels."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_effconv.data.sources.split import dealt
from keras_effconv.utils.files import read_json, write_json

FILE = "thresholds.json"
DEFAULT = 0.5
LEAST = 5  # images of a class, and others, that determine a threshold: fewer leave it at the default
FOLDS = 5
DIGITS = 6  # of a threshold, unless it takes more to lie between two probabilities


def best_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the threshold of each class that gives the best F1, float64 (classes,); of equals the one nearest to 0.5.

    A threshold lies in the middle between two probabilities, with as few digits as tell it from the lower one.

    Args:
        labels: array (n, classes) of 0 and 1.
        probabilities: array (n, classes).

    Example:

    >>> labels = np.array([[0], [1]] * 5)
    >>> best_thresholds(labels, np.where(labels, 3e-7, 1e-7)).tolist()
    [2e-07]
    """
    return np.array([_best(*columns) for columns in zip(np.asarray(labels).T, np.asarray(probabilities, "float64").T)])


def _best(known, scores):
    if min(known.sum(), len(known) - known.sum()) < LEAST or not np.isfinite(scores).all():
        return DEFAULT
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], np.cumsum(known[order])
    ends = np.flatnonzero(np.diff(scores, append=-1.0))  # where the next probability is another one
    f1 = 2 * right[ends] / (ends + 1 + right[-1])
    least, lower = scores[ends], np.append(scores, 0.0)[ends + 1]
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    place = best[np.abs((least + lower)[best] / 2 - DEFAULT).argmin()]
    return _between(float(lower[place]), float(least[place]))


def _between(lower, least):
    """Return a number above `lower` and `least` at most: the middle, with as few digits, from 6 on, as leave it there.

    Near 1, these are the digits of what is lacking to 1.
    """
    middle = (lower + least) / 2
    for digits in range(DIGITS, 17):
        rounded = float(f"{middle:.{digits}g}") if middle < 0.5 else 1 - float(f"{1 - middle:.{digits}g}")
        if lower < rounded <= least:
            return rounded
    return least


def folded_answers(labels: np.ndarray, probabilities: np.ndarray, seed: int = 0) -> np.ndarray:
    """Say the classes of each image by thresholds that were found without it: bool (n, classes).

    The images take turns in five folds: the thresholds of a fold are those of the other four.

    Args:
        labels: array (n, classes) of 0 and 1.
        probabilities: array (n, classes).
        seed: int, of the folds. Default 0.
    """
    fold, answers = dealt(labels, np.full(FOLDS, 1 / FOLDS), seed), np.zeros(labels.shape, bool)
    for number in np.unique(fold):
        inside = fold == number
        answers[inside] = probabilities[inside] >= best_thresholds(labels[~inside], probabilities[~inside])
    return answers


def write(folder: str | os.PathLike, class_names: Sequence[str], thresholds: Sequence[float]):
    """Write the thresholds of a model next to it: JSON, an entry a class, which may be edited."""
    write_json(Path(folder) / FILE, dict(zip(class_names, map(float, thresholds))))


def read(path: str | os.PathLike, class_names: Sequence[str]) -> tuple[float, ...]:
    """Read the thresholds of classes.

    Args:
        path: of the file.
        class_names: sequence of str, of the model.

    Raises:
        ValueError: it is no such file, or of other classes.
    """
    found = read_json(path, FILE)
    values = [found.get(name) for name in class_names]
    if len(found) != len(values) or not all(isinstance(v, (int, float)) and 0 <= v <= 1 for v in values):
        text = f"{path} with {len(found)} entries for {len(values)} classes"
        raise ValueError(f"`{FILE}` must have a number from 0 to 1 for each class of the model. Received: {text}")
    return tuple(map(float, values))
