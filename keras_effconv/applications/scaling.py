"""Compound scaling (EfficientNet, arXiv:1905.11946, section 3.3): depth, width and resolution by one number."""

import dataclasses
import itertools
import math
import numbers
from collections.abc import Callable, Sequence
from typing import NamedTuple

from keras_effconv.utils.arguments import positive_number

GRID = tuple(1 + i / 20 for i in range(21))


def divisible(filters, divisor=8):
    """Return the multiple of `divisor` nearest to `filters`, never more than 10 % below.

    >>> divisible(35.2), divisible(38.4), divisible(12), divisible(18.9, 1)
    (32, 40, 16, 18)
    """
    if divisor == 1:
        return max(1, int(filters))
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * filters else rounded + divisor


def deeper(repeats, depth):
    """Return the number of blocks of a stage, times `depth`, rounded up.

    >>> deeper(3, 1.4), deeper(3, 0.1)
    (5, 1)
    """
    return math.ceil(depth * repeats)


def pixels(size, resolution):
    """Return the side of an image, times `resolution`, rounded.

    >>> pixels(224, 1.3)
    291
    """
    return round(size * resolution)


def compound(phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> dict[str, float]:
    """Return the three multipliers for a network of about `2 ** phi` times the multiply-accumulates.

    Args:
        phi: float, how much more there is to spend.
        alpha: float, depth for phi = 1. Default 1.2, the paper's.
        beta: float, width for phi = 1. Default 1.1.
        gamma: float, resolution for phi = 1. Default 1.15.

    Returns:
        A dict of `depth`, `width` and `resolution`, arguments of the constructors.

    Raises:
        ValueError: for a base that is not a positive number, or an infinite `phi`.

    Example:

    >>> {name: round(value, 3) for name, value in compound(2).items()}
    {'depth': 1.44, 'width': 1.21, 'resolution': 1.322}
    """
    for name, base in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        positive_number(name, base)
    if not isinstance(phi, numbers.Real) or not math.isfinite(phi):
        raise ValueError(f"`phi` must be a finite number. Received: phi={phi!r}")
    return {"depth": alpha**phi, "width": beta**phi, "resolution": gamma**phi}


@dataclasses.dataclass(frozen=True)
class Multipliers:
    """The options by which a family is scaled, as `compound` gives them.

    Args:
        width: float, multiplies the filters.
        depth: float, multiplies the blocks of each stage (rounded up).
        resolution: float, multiplies the default size of the image.
    """

    width: float = 1.0
    depth: float = 1.0
    resolution: float = 1.0

    def __post_init__(self):
        for name in ("width", "depth", "resolution"):
            positive_number(name, getattr(self, name))


class Scaling(NamedTuple):
    """A candidate of `grid_search`: the bases of depth, width and resolution, and its score."""

    alpha: float
    beta: float
    gamma: float
    score: float | None = None

    @property
    def cost(self):
        """Return the multiply-accumulates over the unscaled network's, by equation 3 of the paper."""
        return self.alpha * self.beta**2 * self.gamma**2


def candidates(
    alphas: Sequence[float] = GRID,
    betas: Sequence[float] = GRID,
    gammas: Sequence[float] = GRID,
    budget: float = 2.0,
    tolerance: float = 0.05,
) -> list[Scaling]:
    """List the points of a grid whose cost `alpha * beta ** 2 * gamma ** 2` is near a budget, cheapest first.

    Args:
        alphas: sequence of floats of 1 and more, bases of depth. Default 1, 1.05, ..., 2, as the next two.
        betas: the same of width.
        gammas: the same of resolution.
        budget: float. Default 2, the paper's.
        tolerance: float, the share of the budget by which a cost may differ. Default 0.05.

    Returns:
        A list of `Scaling` without scores.

    Raises:
        ValueError: if a base is below 1, or no point is near the budget.

    Example:

    >>> [tuple(s[:3]) for s in candidates((1, 1.2), (1, 1.1), (1, 1.15, 1.4))]
    [(1.2, 1.1, 1.15), (1, 1, 1.4)]
    """
    for name, values in (("alphas", alphas), ("betas", betas), ("gammas", gammas)):
        if not values or not all(value >= 1 for value in values):
            raise ValueError(f"`{name}` must be numbers of 1 and more. Received: {name}={list(values)!r}")
    points = [Scaling(*point) for point in itertools.product(alphas, betas, gammas)]
    near = [point for point in points if abs(point.cost - budget) <= tolerance * budget]
    if not near:
        closest = min(points, key=lambda point: abs(point.cost - budget))
        raise ValueError(
            f"expected points of a cost of {budget} within {tolerance:.0%}, received a grid whose nearest costs "
            f"{closest.cost:.3g}"
        )
    return sorted(near, key=lambda point: point.cost)


def grid_search(
    score: Callable[..., float],
    points: Sequence[Scaling] | None = None,
    report: Callable[[Scaling], object] | None = None,
) -> list[Scaling]:
    """Score every point of a grid, best first (the small grid search of section 3.3, for phi = 1).

    Args:
        score: a callable of `depth`, `width` and `resolution`, as keywords, that gives a number; more is better.
        points: sequence of `Scaling`. Default: `candidates()`.
        report: a callable that takes each scored `Scaling`, to show progress or to keep what is done; optional.

    Returns:
        A list of `Scaling` with scores. The first one's alpha, beta and gamma are for `compound`.

    Raises:
        ValueError: when a score is not a finite number.

    Example: the point that comes nearest to twice the multiply-accumulates in a real network, where filters and blocks
    are rounded.

    >>> from keras_effconv import MobileNetV2, count
    >>> base = count(MobileNetV2(weights=None, alpha=0.35)).macs
    >>> def doubling(**scaled):
    ...     return -abs(count(MobileNetV2(weights=None, alpha=0.35, **scaled)).macs / base - 2)
    >>> best, worst = grid_search(doubling, candidates((1, 1.2), (1, 1.1), (1, 1.15, 1.4)))
    >>> best.gamma, round(2 - best.score, 2)
    (1.4, 2.01)
    """
    scored = []
    for point in candidates() if points is None else points:
        value = float(score(depth=point.alpha, width=point.beta, resolution=point.gamma))
        if not math.isfinite(value):
            raise ValueError(f"`score` must give a finite number. Received: {value} for {point}")
        scored.append(point._replace(score=value))
        if report:
            report(scored[-1])
    return sorted(scored, key=lambda point: -point.score)
