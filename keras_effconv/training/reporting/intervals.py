"""How far an accuracy may be off by the number of images alone."""

import math
import statistics

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


def with_interval(share: float, interval: tuple[float, float]) -> str:
    """Write a share and its interval at `LEVEL`.

    Example:

    >>> with_interval(0.9, wilson(90, 100))
    '90.0% (95% interval: 82.6% to 94.5%)'
    """
    low, high = interval
    return f"{share:.1%} ({LEVEL:.0%} interval: {low:.1%} to {high:.1%})"
