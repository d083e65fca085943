"""Least squares with targets that an activation leaves open."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg

RIDGE = 1e-3  # of the mean square of an input, towards the weights as they are: some images do not determine all
ROUNDS = 5  # of targets that follow the predictions
EQUAL = 1e-9  # of the variance: an error that is none
ROUNDING = 1e-12  # of the squares: what float32 leaves of sums in another order


class Solution(NamedTuple):
    """Weights of least squared error.

    Attributes:
        weights: array (rows, filters).
        constant: array (filters,).
        before, after: arrays (filters,), sums of squared errors of the weights at the start and of these.
        variance: array (filters,), the sum of squared deviations of the targets from their means.
    """

    weights: np.ndarray
    constant: np.ndarray
    before: np.ndarray
    after: np.ndarray
    variance: np.ndarray


def solve(
    inputs: np.ndarray,
    target: Callable[[np.ndarray | None], np.ndarray],
    start: np.ndarray,
    constant: np.ndarray,
    is_free: bool,
    ridge: float = RIDGE,
    rounds: int = ROUNDS,
    is_enough: bool = True,
) -> Solution:
    """Return the weights whose predictions are nearest to targets, near to where they start.

    The targets may follow the predictions: where an activation cuts off what lies beyond a bound, any prediction beyond
    it is right. So the weights are fitted, the targets set again, and so on; the error cannot grow.

    Args:
        inputs: array (positions, rows), what each filter sees.
        target: callable from predictions (positions, filters), or `None` for none, to targets of that shape.
        start: array (rows, filters).
        constant: array (filters,), what is added.
        is_free: bool; whether the constant may change.
        ridge: float, of the mean square of an input. Default 1e-3.
        rounds: int, how often the targets are set. Default 5.
        is_enough: bool; whether there are positions enough to know so many weights. If not, they are fitted only where
            they are worse than a constant. Default `True`.

    Returns:
        A `Solution`; a filter whose error did not become smaller keeps its weights.

    Example:

    >>> x = np.array([[1.0], [2.0], [3.0]], "float32")
    >>> solution = solve(x, lambda predicted: 2 * x + 1, np.zeros((1, 1)), np.zeros(1), True, ridge=0)
    >>> solution.weights.round(3), solution.constant.round(3)
    (array([[2.]]), array([1.]))
    """
    goal = target(None)
    middle = goal.mean(0, dtype="float64")
    variance = np.square(goal - middle.astype("float32"), dtype="float64").sum(0)
    predicted = _predicted(inputs, start, constant)
    before = np.square(target(predicted) - predicted, dtype="float64").sum(0)
    best = Solution(start, constant, before, before, variance)
    rounding = ROUNDING * np.square(goal, dtype="float64").sum()
    if before.sum() <= max((EQUAL if is_enough else 1) * variance.sum(), rounding):
        return best
    mean = inputs.mean(0, dtype="float64") if is_free else np.zeros(len(start))
    centered = inputs - mean.astype("float32") if is_free else inputs
    factor, pull = ridge_factor(centered.T @ centered, ridge)
    for _ in range(rounds):
        middle = goal.mean(0, dtype="float64") if is_free else constant
        cross = (centered.T @ (goal - middle.astype("float32"))).astype("float64")
        weights = linalg.cho_solve(factor, cross + pull * start, check_finite=False)
        offset = middle - mean @ weights
        predicted = _predicted(inputs, weights, offset)
        goal = target(predicted)
        best = _better(best, weights, offset, np.square(goal - predicted, dtype="float64").sum(0))
    return best


def ridge_factor(gram: np.ndarray, ridge: float) -> tuple[tuple, float]:
    """Return the Cholesky factor of a Gram matrix with a ridge, as of `scipy.linalg.cho_factor`, and the ridge.

    Args:
        gram: array (rows, rows).
        ridge: float, of the mean of the diagonal; ten times as much, and so on, if rounding wants it.

    Example:

    >>> factor, pull = ridge_factor(np.eye(2), ridge=0.5)
    >>> linalg.cho_solve(factor, np.array([3.0, 6.0])), pull
    (array([2., 4.]), np.float64(0.5))
    """
    gram = gram.astype("float64")
    pull = max(ridge * np.trace(gram) / len(gram), 1e-12)
    while True:
        try:
            return linalg.cho_factor(gram + pull * np.eye(len(gram)), overwrite_a=True, check_finite=False), pull
        except linalg.LinAlgError:
            pull *= 10


def _predicted(inputs, weights, constant):
    return inputs @ weights.astype("float32") + constant.astype("float32")


def _better(best, weights, constant, error):
    """Take those filters whose error is smaller."""
    better = error < best.after
    return best._replace(
        weights=np.where(better, weights, best.weights),
        constant=np.where(better, constant, best.constant),
        after=np.where(better, error, best.after),
    )
