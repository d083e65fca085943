"""Seeded choices that keep the balance of classes: a train/validation split, and a sample."""

import numpy as np


def check_choices(validation_split, limit):
    """Raises ValueError unless 0 < `validation_split` < 1 and `limit` is None or at least 1."""
    if not 0 < validation_split < 1:
        raise ValueError(f"expected validation_split in (0, 1), received {validation_split}")
    if limit is not None and limit < 1:
        raise ValueError(f"expected limit of at least 1 image per class, or None, received {limit}")


def stratified(labels, validation_split=0.2, seed=0):
    """Splits every class in the same proportion.

    A class of two or more images has at least one image on each side; a class of one image has it in training.

    Args:
        labels: (n,) integers or strings.
        validation_split: Share of validation, in (0, 1).
        seed: Of the choice.

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
    """Draws at most `limit` of each class.

    Args:
        labels: (n,) integers or strings.
        limit: Most that is kept of a class; None for all.
        seed: Of the choice.

    Returns:
        Sorted int64 array of indices.

    Example:
        >>> limited(["cat", "cat", "dog", "cat"], limit=1, seed=2)
        array([2, 3])
    """
    chosen = np.zeros(len(labels), bool)
    for members in _shuffled_classes(labels, seed):
        chosen[members[:limit]] = True
    return np.flatnonzero(chosen)


def _shuffled_classes(labels, seed):
    """Yields the indices of each class, in an order drawn from `seed`."""
    rng = np.random.default_rng(seed)
    _, group = np.unique(np.asarray(labels), return_inverse=True)
    ends = np.cumsum(np.bincount(group))
    for members in np.split(np.argsort(group, kind="stable"), ends[:-1]):
        yield rng.permutation(members)
