"""Whether probabilities are what they say, as they are and with a temperature (Guo et al., arXiv:1706.04599)."""

from typing import NamedTuple

import numpy as np

from keras_effconv.training.reporting.temperature import TINY, find_temperature, limit_beyond, scaled

BINS = 15  # as in the paper
FOLDS = 5


class Bin(NamedTuple):
    """The answers whose probability lies above `low`, and is `high` at most.

    Attributes:
        low, high: float.
        images: int.
        confidence: float, the mean probability of the answers; `None` without images.
        accuracy: float, the share of the answers that are right; `None` without images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


class Calibration(NamedTuple):
    """How well the probabilities of a model agree with how often it is right.

    Attributes:
        measured_on: str, the images of the errors and the bins.
        fitted_on: str, the images that the temperature of `ece_after` is found on.
        temperature: float, what logits are divided by; `None` if the images do not determine it.
        ece: float, expected calibration error.
        ece_after: float, likewise with the temperature, on images that it was not found on; `None` if there is none.
        bins, bins_after: list of `Bin`, before and after; the latter `None` without `ece_after`.
        applied: float, the temperature that the model is saved with; `None` if it is saved as it was trained.
        beyond: float, 0.05 or 20: the end of what is tried that the best temperature lies beyond. `None` if it lies
            within, or if all temperatures are the same.
    """

    measured_on: str
    fitted_on: str
    temperature: float | None
    ece: float
    ece_after: float | None
    bins: list[Bin]
    bins_after: list[Bin] | None
    applied: float | None = None
    beyond: float | None = None


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Sort answers by their probability into bins of equal width.

    Args:
        confidence: array (n,), the probabilities of the answers.
        right: array (n,) of bool, which answers are right.
        bins: int. Default 15.

    Example:

    >>> reliability(np.array([0.5, 0.9, 0.7]), np.array([True, False, True]), bins=2)[1]
    Bin(low=0.5, high=1.0, images=2, confidence=0.8, accuracy=0.5)
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, np.asarray(values, "float64"), bins) for values in (confidence, right)]
    return [
        Bin(float(low), float(high), int(n), *((float(one / n), float(other / n)) if n else (None, None)))
        for low, high, n, one, other in zip(edges, edges[1:], counts, *sums)
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Return the mean distance of accuracy and confidence over bins, each weighted by its images.

    Example:

    >>> expected_calibration_error([Bin(0, 0.5, 0, None, None), Bin(0.5, 1, 4, 0.75, 0.5)])
    0.25
    """
    total = sum(each.images for each in bins)
    return sum(each.images * abs(each.accuracy - each.confidence) for each in bins if each.images) / max(total, 1)


def calibrate(evaluation, name: str, held_out=None, held_out_name: str = "") -> Calibration | None:
    """Measure the calibration of a model, and what a temperature makes of it.

    The temperature is found on other images than it is measured on: those held out, or, without such, by
    cross-validation in five folds. The temperature that is returned then comes from all of the images.

    Args:
        evaluation: `Evaluation` that the errors are measured on.
        name: str, what its images are called.
        held_out: `Evaluation` of other images, or `None`.
        held_out_name: str, what these are called.

    Returns:
        `Calibration`; `None` if there is no image, or if what the model says are no probabilities.

    Example:

    >>> from keras_effconv.training import Evaluation
    >>> evaluation = Evaluation(np.tile([0.9, 0.1], (10, 1)), np.array([0] * 8 + [1] * 2), ("a", "b"))
    >>> round(calibrate(evaluation, "validation images").ece, 3)
    0.1
    """
    right = evaluation.predicted == evaluation.labels
    if not _are_probabilities(evaluation.probabilities):
        return None
    before = reliability(evaluation.probabilities.max(1), right)
    fitted = evaluation
    if held_out is not None and _are_probabilities(held_out.probabilities):
        fitted, fitted_on = held_out, held_out_name
        temperature = find_temperature(held_out.probabilities, held_out.labels)
        confidence = None if temperature is None else scaled(evaluation.probabilities, temperature).max(1)
    else:
        fitted_on = f"the other folds of the {name}, in {FOLDS} folds"
        temperature = find_temperature(evaluation.probabilities, evaluation.labels)
        folds = _cross_validated(evaluation.probabilities, evaluation.labels, right)
        confidence = None if folds is None else folds[0]
    after = None if confidence is None else reliability(confidence, right)
    ece, ece_after = (None if bins is None else expected_calibration_error(bins) for bins in (before, after))
    beyond = limit_beyond(fitted.probabilities, fitted.labels) if temperature is None else None
    return Calibration(name, fitted_on, temperature, ece, ece_after, before, after, beyond=beyond)


def trusted_temperature(evaluation) -> float | None:
    """Return the temperature of a model if temperatures help on images that they were not found on.

    In five folds, that of the other folds must lower the mean negative log likelihood: a few images determine no
    temperature that holds for others.

    Args:
        evaluation: `Evaluation` on images that the model has not learned.

    Returns:
        float; `None` if the model is better left as it is.

    Example:

    >>> from keras_effconv.training import Evaluation
    >>> labels = np.array(([0] * 8 + [1] * 2) * 10)
    >>> round(trusted_temperature(Evaluation(np.tile([0.99, 0.01], (100, 1)), labels, ("a", "b"))), 2)
    3.31
    """
    probabilities, labels = evaluation.probabilities, evaluation.labels
    if not _are_probabilities(probabilities):
        return None
    folds = _cross_validated(probabilities, labels, evaluation.predicted == labels)
    if folds is None or _loss(folds[1]) >= _loss(probabilities[np.arange(len(labels)), labels]):
        return None
    return find_temperature(probabilities, labels)


def _loss(own):
    """Return the mean negative log likelihood of the labels, whose probabilities are `own`."""
    return -np.log(np.maximum(own, TINY)).mean(dtype="float64")


def _are_probabilities(values):
    in_range = len(values) and np.isfinite(values).all() and values.min() >= 0
    return bool(in_range and np.abs(values.sum(1, dtype="float64") - 1).max() < 0.02)  # half precision rounds


def _cross_validated(probabilities, labels, right):
    """Return at the temperature of the other folds: the confidence (n,), the probability of the label (n,).

    Without a temperature for each fold, there is `None`.

    The folds have equal numbers of mistakes: these decide on the temperature, and there may be few.
    """
    folds = np.empty(len(labels), int)
    folds[np.argsort(right, kind="stable")] = np.arange(len(labels)) % FOLDS
    confidence, own = np.empty((2, len(labels)))
    for fold in np.unique(folds):
        inside = folds == fold
        temperature = find_temperature(probabilities[~inside], labels[~inside])
        if temperature is None:
            return None
        found = scaled(probabilities[inside], temperature)
        confidence[inside], own[inside] = found.max(1), found[np.arange(len(found)), labels[inside]]
    return confidence, own
