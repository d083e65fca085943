"""Folds: parts of the images that take turns at judging, and what their scores come to together."""

import math
import statistics

import numpy as np

from keras_effconv.data.sources.split import dealt, stratified, stratified_several
from keras_effconv.training.reporting.intervals import LEVEL, wilson
from keras_effconv.utils.extras import require


def of_classes(labels, folds, seed):
    """Return the fold of each image of one class, int (n,), so that each fold has its part of each class.

    Args:
        labels: int (n,).
        folds: int.
        seed: int, of the choice.

    Raises:
        ValueError: there are fewer than two folds, or more than images of a class.

    Example:

    >>> np.bincount(of_classes(np.array([0, 0, 0, 1, 1, 1]), 3, 0)).tolist()
    [2, 2, 2]
    """
    _check(folds, np.bincount(labels))
    divide = require("sklearn.model_selection").StratifiedKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labels), int)
    for number, (_, judged) in enumerate(divide.split(labels, labels)):
        fold[judged] = number
    return fold


def of_several(labels, folds, seed):
    """Return the same of images of several labels, (n, classes) of 0 and 1."""
    _check(folds, labels.sum(0))
    return dealt(labels, np.full(folds, 1 / folds), seed)


def _check(folds, counts):
    least = int(counts[counts > 0].min()) if counts.any() else 0
    if not 2 <= folds <= least:
        raise ValueError(f"`folds` must be 2 to {least}, the images of the smallest class. Received: folds={folds}")


def judges(labels, share, seed):
    """Return the numbers of the images that learn, and of those that judge, of one class each."""
    learned, judge = stratified(labels.tolist(), share, seed)
    if len(np.unique(labels[judge])) < 2:
        raise ValueError("`dataset.train` must have two images or more of two classes. Received: fewer")
    return learned, judge


def judges_of_several(labels, share, seed):
    """Return the same of images of several labels."""
    learned, judge = stratified_several(labels, share, seed)
    if not (labels[learned].any(0) & labels[judge].any(0)).any():
        raise ValueError("`dataset.train` must have two images or more of a class. Received: fewer")
    return learned, judge


def accuracy_over(scores, images):
    """Return the accuracy over all folds and its interval, from those of each and their images.

    Example:

    >>> accuracy_over([0.5, 1.0], [10, 10])[0]
    0.75
    """
    right = sum(round(score * count) for score, count in zip(scores, images))
    return right / sum(images), wilson(right, sum(images))


def mean_over(scores, images):
    """Return the mean of the folds' scores, and its interval by Student's t.

    Networks of different folds share most of their training images, so the interval is a little too narrow (Bengio and
    Grandvalet, JMLR 5, 2004).

    Example:

    >>> mean_over([0.5, 0.6, 0.7], [10, 10, 10])[1]  # doctest: +ELLIPSIS
    (0.351..., 0.848...)
    """
    mean = statistics.mean(scores)
    if len(scores) < 2:
        return mean, (0.0, 1.0)
    t = float(require("scipy.stats").t.ppf((1 + LEVEL) / 2, len(scores) - 1))
    half = t * statistics.stdev(scores) / math.sqrt(len(scores))
    return mean, (max(0.0, mean - half), min(1.0, mean + half))
