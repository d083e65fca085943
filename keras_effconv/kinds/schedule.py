"""Arguments of a kind that change with the stride."""

import numbers
from collections.abc import Callable


def scheduled(name: str, value, check: Callable):
    """Check a value that may change with the stride.

    Args:
        name: str, of the argument.
        value: one value, or pairs `((stride, value), ...)`, or a dict of them.
        check: callable that returns a value as a plain number, or raises a `ValueError` for a wrong one.

    Returns:
        The checked value, or a tuple of pairs (stride, value) in order of the stride.

    Raises:
        ValueError: if it is neither, a value is wrong, or a stride has two.

    Example:

    >>> scheduled("parts", {8: 4, 1: 2}, check=abs)
    ((1, 2), (8, 4))
    """
    if not isinstance(value, (dict, tuple, list)):
        return check(value)
    pairs = list(value.items()) if isinstance(value, dict) else list(value)
    are_pairs = all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs)
    strides = [stride for stride, _ in pairs] if are_pairs else []
    whole = all(isinstance(s, numbers.Integral) and not isinstance(s, bool) and s >= 1 for s in strides)
    if not strides or not whole or len(set(strides)) < len(strides):
        raise ValueError(
            f"`{name}` must be one value or a schedule of (stride, value) pairs like ((1, 2), (16, 4)), each stride "
            f"once. Received: {name}={value!r}"
        )
    return tuple(sorted((int(stride), check(entry)) for stride, entry in pairs))


def entry_at(schedule, stride: int, before):
    """Return the value that holds at a stride.

    Args:
        schedule: one value, or a tuple of pairs (stride, value) as `scheduled` returns it.
        stride: int.
        before: value below the first stride of the schedule.

    Example:

    >>> [entry_at(((4, 0.5), (16, 0.25)), stride, 0) for stride in (2, 4, 8, 16)], entry_at(0.5, 2, 0)
    ([0, 0.5, 0.5, 0.25], 0.5)
    """
    if not isinstance(schedule, tuple):
        return schedule
    return next((value for start, value in reversed(schedule) if start <= stride), before)
