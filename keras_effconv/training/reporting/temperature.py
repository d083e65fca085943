"""The temperature that makes probabilities what they say (Guo et al., arXiv:1706.04599)."""

import numpy as np

from keras_effconv.utils.extras import require

COLDEST, HOTTEST = 0.05, 20.0
VALUES = 4_000_000  # probabilities that a temperature is found on: more make it no more certain
TINY = float(np.finfo("float32").tiny)


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities (n, classes) that the logits give when they are divided by a temperature.

    Example:

    >>> scaled(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    logits = np.log(np.maximum(probabilities, TINY)) / temperature
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def find_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Find the temperature of the least mean negative log likelihood.

    The likelihood is convex in the inverse of the temperature, so the temperature is where its slope is 0.

    Args:
        probabilities: array (n, classes).
        labels: integers (n,).

    Returns:
        float; `None` if there is no such place between 0.05 and 20, as of images that are all right.

    Example:

    >>> round(find_temperature(np.tile([0.9, 0.1], (10, 1)), np.array([0] * 8 + [1] * 2)), 3)
    1.585
    """
    slope = _slope(probabilities, labels)
    hot, cold = -np.log(HOTTEST), -np.log(COLDEST)
    if not slope(hot) < 0 < slope(cold):
        return None
    return float(np.exp(-require("scipy.optimize").brentq(slope, hot, cold, xtol=1e-6)))


def limit_beyond(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the end of what is tried, 0.05 or 20, that the temperature of the greatest likelihood lies beyond.

    Args:
        probabilities: array (n, classes).
        labels: integers (n,).

    Returns:
        float; `None` if it lies within, or if all temperatures are the same.

    Example:

    >>> sure, unsure = np.tile([0.9, 0.1], (10, 1)), np.tile([0.51, 0.49], (10, 1))
    >>> limit_beyond(sure, np.array([0, 1] * 5)), limit_beyond(unsure, np.array([0] * 9 + [1]))
    (20.0, 0.05)
    """
    slope = _slope(probabilities, labels)
    hot, cold = slope(-np.log(HOTTEST)), slope(-np.log(COLDEST))
    if hot >= 0 and cold > 0:
        return HOTTEST
    return COLDEST if cold <= 0 and hot < 0 else None


def _slope(probabilities, labels):
    """Return a function: the slope of the mean negative log likelihood at a logarithm of the inverse temperature."""
    some = slice(None, None, -(-probabilities.size // VALUES) or 1)
    logits, labels = np.log(np.maximum(probabilities[some], TINY)), labels[some]
    if not len(labels):
        return lambda log_factor: 0.0
    logits = logits - logits.max(1, keepdims=True)
    mean = float(logits[np.arange(len(labels)), labels].mean(dtype="float64"))

    def slope(log_factor):
        powers = np.exp(np.exp(log_factor).astype(logits.dtype) * logits)
        return float(((powers * logits).sum(1) / powers.sum(1)).mean(dtype="float64")) - mean

    return slope
