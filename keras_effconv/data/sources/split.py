"""Seeded choices that keep the balance of classes: a train/validation split, and a sample."""

import numpy as np

from keras_effconv.utils.arguments import positive


def check_choices(validation_split, limit):
    """Raise a ValueError unless 0 < `validation_split` < 1 and `limit` is `None` or a positive integer."""
    if not 0 < validation_split < 1:
        raise ValueError(
            f"`validation_split` must be a number in (0, 1). Received: validation_split={validation_split!r}"
        )
    if limit is not None:
        positive("limit", limit)


def stratified(labels, validation_split=0.2, seed=0):
    """Split every class in the same proportion.

    A class of two or more images has at least one image on each side; a class of one image has it in training.

    Args:
        labels: (n,) integers or strings.
        validation_split: float, the share of validation, in (0, 1). Default 0.2.
        seed: int, of the choice. Default 0.

    Returns:
        Two disjoint sorted int64 arrays of indices that cover 0..n-1: training and validation.

    Example:

    >>> stratified([0, 0, 0, 0, 1], validation_split=0.25)
    (array([0, 1, 3, 4]), array([2]))
    """
    in_validation = np.zeros(len(labels), bool)
    for members in _shuffled_classes(labels, seed):
        share = max(1, round(validation_split * len(members)))
        in_validation[members[: min(share, len(members) - 1)]] = True
    return np.flatnonzero(~in_validation), np.flatnonzero(in_validation)


def limited(labels, limit, seed=0):
    """Draw at most `limit` of each class.

    Args:
        labels: (n,) integers or strings.
        limit: int, the most that is kept of a class; `None` for all.
        seed: int, of the choice. Default 0.

    Returns:
        Sorted int64 array of indices.

    Example:

    >>> limited(["cat", "cat", "dog", "cat"], limit=1, seed=2)
    array([2, 3])
    """
    kept = np.zeros(len(labels), bool)
    for members in _shuffled_classes(labels, seed):
        kept[members[:limit]] = True
    return np.flatnonzero(kept)


def _shuffled_classes(labels, seed):
    """Yield the indices of each class, in an order drawn from `seed`."""
    rng = np.random.default_rng(seed)
    _, group = np.unique(np.asarray(labels), return_inverse=True)
    ends = np.cumsum(np.bincount(group))
    for members in np.split(np.argsort(group, kind="stable"), ends[:-1]):
        yield rng.permutation(members)
