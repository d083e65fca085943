"""A few of many things, from the first to the last."""

import numpy as np


def evenly(count, most):
    """Return places in a sequence, evenly spread over it: array of at most `most` integers, each once.

    Args:
        count: int, the length of the sequence.
        most: int.

    Example:

    >>> evenly(10, 4).tolist(), evenly(2, 4).tolist()
    ([0, 3, 6, 9], [0, 1])
    """
    return np.linspace(0, count - 1, min(most, count)).round().astype(int)
