"""Compound scaling (EfficientNet, arXiv:1905.11946, section 3.3): depth, width and resolution by one number."""

import math


def divisible(filters, divisor=8):
    """The multiple of `divisor` nearest to `filters`, never more than 10 % below.

    >>> divisible(35.2), divisible(38.4), divisible(12), divisible(18.9, 1)
    (32, 40, 16, 18)
    """
    if divisor == 1:
        return max(1, int(filters))
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * filters else rounded + divisor


def deeper(repeats, depth):
    """Blocks of a stage, times `depth`, rounded up.

    >>> deeper(3, 1.4), deeper(3, 0.1)
    (5, 1)
    """
    return math.ceil(depth * repeats)


def pixels(size, resolution):
    """The side of an image, times `resolution`, rounded.

    >>> pixels(224, 1.3)
    291
    """
    return round(size * resolution)


def compound(phi, alpha=1.2, beta=1.1, gamma=1.15):
    """The three multipliers for a network of about `2 ** phi` times the multiply-accumulates.

    Args:
        phi: float, how much more there is to spend.
        alpha: float, depth for phi = 1. Default 1.2, the paper's.
        beta: float, width for phi = 1. Default 1.1.
        gamma: float, resolution for phi = 1. Default 1.15.

    Returns:
        A dict of `depth`, `width` and `resolution`, arguments of the constructors.

    Raises:
        ValueError: for a base that is not a positive number.

    Example:

    >>> {name: round(value, 3) for name, value in compound(2).items()}
    {'depth': 1.44, 'width': 1.21, 'resolution': 1.322}
    """
    for name, base in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not base > 0:
            raise ValueError(f"`{name}` must be a positive number. Received: {name}={base!r}")
    return {"depth": alpha**phi, "width": beta**phi, "resolution": gamma**phi}
