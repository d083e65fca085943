"""The best kinds for a time: an integer programme, solved exactly."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse

from keras_effconv.converting.selecting.timing import Candidate


class Option(NamedTuple):
    """What a layer may become, and what that costs.

    Attributes:
        candidate: `Candidate`.
        ms: float.
        error: float, weighted.
    """

    candidate: Candidate
    ms: float
    error: float


class Slot(NamedTuple):
    """A layer with its options.

    Attributes:
        name: str.
        reads, writes: hashable, the tied maps that it reads from and writes to. All layers at a map agree on its low
            band.
        options: sequence of `Option`, the plain convolution first.
    """

    name: str
    reads: Hashable
    writes: Hashable
    options: Sequence[Option]


class OverBudgetError(ValueError):
    """No choice is fast enough.

    Attributes:
        least: float, the milliseconds of the fastest one.
    """

    def __init__(self, least, limit):
        super().__init__(f"`limit` must be at least {least:.4g} ms. Received: limit={limit:.4g}")
        self.least = least


def choose(slots: Sequence[Slot], limit: float) -> list[Option]:
    """Choose an option for each layer, so that the sum of errors is least and that of milliseconds within a limit.

    An option of the maps of the plain convolution that is slower than it is never chosen.

    Args:
        slots: sequence of `Slot`.
        limit: float, milliseconds.

    Returns:
        list of `Option`, one for each slot.

    Raises:
        OverBudgetError: no choice is within the limit.

    Example:

    >>> dense, het = Candidate(), Candidate("HetConv(parts=4)")
    >>> options = [Option(dense, 2.0, 0.0), Option(het, 1.0, 0.1)], [Option(dense, 3.0, 0.0), Option(het, 2.0, 0.3)]
    >>> slots = [Slot("first", "image", 0, options[0]), Slot("second", 0, 1, options[1])]
    >>> [option.candidate.kind for option in choose(slots, limit=4.0)]
    ['HetConv(parts=4)', 'Conv()']
    """
    plain = [slot.options[0] for slot in slots]
    if sum(option.ms for option in plain) <= limit:
        return plain
    if not slots:
        raise OverBudgetError(0.0, limit)
    slots = [slot._replace(options=_useful(slot.options)) for slot in slots]
    programme = _Programme(slots)
    chosen = programme.solve(programme.errors, limit)
    if chosen is None:
        least = programme.solve(programme.ms, np.inf)
        raise OverBudgetError(sum(option.ms for option in least), limit)
    return chosen


def _useful(options):
    """Leave out what is slower than the plain convolution and has its maps, or is worse than another in both."""
    plain = options[0].ms
    kept = [o for o in options if o.candidate.has_bands or o is options[0] or o.ms < plain]
    return [o for o in kept if not any(_beats(other, o) for other in kept)]


def _beats(other, option):
    same = _ends(other) == _ends(option)
    no_worse = other.ms <= option.ms and other.error <= option.error
    return same and no_worse and (other.ms, other.error) != (option.ms, option.error)


def _ends(option):
    return option.candidate.reads, option.candidate.writes


class _Programme:
    """Binary variables: one for each option of each slot, then one for each low band's share of each tied map."""

    def __init__(self, slots):
        self.slots = slots
        self.options = [(number, option) for number, slot in enumerate(slots) for option in slot.options]
        self.ms = np.array([option.ms for _, option in self.options])
        self.errors = np.array([option.error for _, option in self.options])
        ends = [(slot.reads, slot.writes) for slot in slots]
        shares = {share for _, option in self.options for share in _ends(option)}
        maps = dict.fromkeys(end for pair in ends for end in pair)
        self.states = {state: i for i, state in enumerate(((m, s) for m in maps for s in shares), len(self.options))}
        self.size = len(self.options) + len(self.states)
        self.rows = [*self._one_each(ends), *self._one_state(maps, shares)]

    def _one_each(self, ends):
        """A slot has the option of a share on each side if, and only if, its map has that share."""
        for side in (0, 1):
            rows = {}
            for column, (number, option) in enumerate(self.options):
                rows.setdefault((number, _ends(option)[side]), []).append(column)
            for number, pair in enumerate(ends):
                for state, column in self.states.items():
                    if state[0] == pair[side]:
                        yield [(each, 1) for each in rows.get((number, state[1]), [])] + [(column, -1)], 0

    def _one_state(self, maps, shares):
        for each in maps:
            yield [(self.states[each, share], 1) for share in shares], 1

    def solve(self, costs, limit):
        """Return the options of least cost within a limit of milliseconds; `None` if there are none."""
        entries = [(row, column, value) for row, (terms, _) in enumerate(self.rows) for column, value in terms]
        row, column, value = zip(*entries)
        equal = sparse.csr_array((value, (row, column)), shape=(len(self.rows), self.size))
        right = np.array([right for _, right in self.rows])
        bounds = [optimize.LinearConstraint(equal, right, right)]
        if np.isfinite(limit):
            milliseconds = np.concatenate([self.ms, np.zeros(len(self.states))])
            bounds.append(optimize.LinearConstraint(milliseconds[None], -np.inf, limit))
        solution = optimize.milp(
            np.concatenate([costs, np.zeros(len(self.states))]),
            constraints=bounds,
            integrality=np.ones(self.size),
            bounds=optimize.Bounds(0, 1),
            options={"mip_rel_gap": 0},
        )
        if solution.x is None:
            return None
        return [self.options[i][1] for i in np.flatnonzero(solution.x[: len(self.options)] > 0.5)]
