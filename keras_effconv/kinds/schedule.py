"""Arguments of a kind that change with the stride."""

from collections.abc import Callable


def scheduled(name: str, value, check: Callable):
    """Check a value that may change with the stride.

    Args:
        name: str, of the argument.
        value: one value, or pairs `((stride, value), ...)`, or a dict of them.
        check: callable that raises a `ValueError` for a wrong value.

    Returns:
        The value itself, or a tuple of pairs (stride, value) in order of the stride.

    Raises:
        ValueError: if it is neither, or a value is wrong.

    Example:

    >>> scheduled("parts", {8: 4, 1: 2}, check=abs)
    ((1, 2), (8, 4))
    """
    if not isinstance(value, (dict, tuple, list)):
        check(value)
        return value
    pairs = list(value.items()) if isinstance(value, dict) else list(value)
    are_pairs = all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs)
    if not pairs or not are_pairs or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s, _ in pairs):
        raise ValueError(
            f"`{name}` must be one value or a schedule of (stride, value) pairs like ((1, 2), (16, 4)). "
            f"Received: {name}={value!r}"
        )
    for _, entry in pairs:
        check(entry)
    return tuple(sorted((stride, entry) for stride, entry in pairs))


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
