"""How far an accuracy may be off by the number of images alone."""

import math
import statistics

import numpy as np

LEVEL = 0.95


def wilson(right: int, images: int, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's score interval of a share (J. Am. Stat. Assoc. 22, 1927).

    It holds the shares that a test at this level does not reject. Unlike the interval of the normal distribution around
    the share itself, it stays within 0 and 1 and has a width if no image, or every image, is right.

    Args:
        right: int, images that are right.
        images: int, images in all.
        level: float, how often such an interval holds the true share, in (0, 1). Default 0.95.

    Returns:
        Pair of floats. Without an image, nothing is known: (0, 1).

    Raises:
        ValueError: more images are right than there are, or the level is no such number.

    Example:

    >>> [round(end, 3) for end in wilson(90, 100)]
    [0.826, 0.945]
    """
    if not 0 <= right <= images:
        raise ValueError(f"`right` must be 0 to {images}, the number of images. Received: right={right!r}")
    if not 0 < level < 1:
        raise ValueError(f"`level` must be a number between 0 and 1. Received: level={level!r}")
    if not images:
        return 0.0, 1.0
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    share, weight = right / images, z * z / images
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / images + weight / (4 * images))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return (low if right else 0.0), (high if right < images else 1.0)


def bootstrapped(
    labels: np.ndarray, probabilities: np.ndarray, level: float = LEVEL, draws: int = 500, seed: int = 0
) -> tuple[float, float]:
    """Return an interval of a mean average precision by its standard error, from the bootstrap (Ann. Stat. 7, 1979).

    The images are drawn again, with replacement; a class that a draw has no image of is left out of its mean. An image
    that is drawn twice stands next to itself in the ranking, which lifts the average precision of every draw. So the
    spread of the draws is used, around the value of the images themselves, and not their quantiles.

    Args:
        labels: array (n, classes) of 0 and 1.
        probabilities: array (n, classes).
        level: float, in (0, 1). Default 0.95.
        draws: int. Default 500.
        seed: int, of the draws. Default 0.

    Returns:
        Pair of floats; (0, 1) if nothing is known.

    Example:

    >>> bootstrapped(np.array([[1], [0]] * 9), np.array([[0.9], [0.1]] * 9))
    (1.0, 1.0)
    """
    labels = np.asarray(labels)
    if not labels.any():
        return 0.0, 1.0
    rng, images = np.random.default_rng(seed), len(labels)
    times = rng.multinomial(images, np.full(images, 1 / images), draws)
    times = np.concatenate([np.ones((1, images), times.dtype), times])  # the first draw is the images themselves
    found = np.array([_drawn(*columns, times) for columns in zip(labels.T, np.asarray(probabilities).T)])
    known = ~np.isnan(found)
    some = known.any(0)
    means = np.where(known, found, 0).sum(0)[some] / known.sum(0)[some]
    half = statistics.NormalDist().inv_cdf((1 + level) / 2) * means[1:].std()
    return float(max(0.0, means[0] - half)), float(min(1.0, means[0] + half))


def _drawn(known, scores, times):
    """Return the average precision of a class in each draw, (draws,); nan without an image of it."""
    order = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
    known, scores, times = known[order], scores[order], times[:, order]
    ends = np.flatnonzero(np.diff(scores, append=-2.0))
    total, right = (np.cumsum(each, axis=1)[:, ends] for each in (times, times * known))
    steps = np.diff(right, axis=1, prepend=0)
    images = right[:, -1]
    average = (steps * right / np.maximum(total, 1)).sum(1) / np.maximum(images, 1)
    return np.where(images > 0, average, np.nan)


def with_interval(share: float, interval: tuple[float, float]) -> str:
    """Write a share and its interval at `LEVEL`.

    Example:

    >>> with_interval(0.9, wilson(90, 100))
    '90.0% (95% interval: 82.6% to 94.5%)'
    """
    low, high = interval
    return f"{share:.1%} ({LEVEL:.0%} interval: {low:.1%} to {high:.1%})"
