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


def dealt(labels, shares, seed=0):
    """Deal images of several labels to parts, so that each part has its share of each class.

    The images of the class that has the fewest left are dealt first, each to the part that lacks most of that class
    (Sechidis et al., "On the stratification of multi-label data", ECML 2011). Images of none of the classes count as a
    class. A class with an image for each part has one there, unless its images went with those of rarer classes.

    Args:
        labels: array (n, classes), 1 where an image is of a class, else 0.
        shares: sequence of floats that add up to 1, one a part.
        seed: int, of the choice. Default 0.

    Returns:
        int64 (n,), the part of each image.

    Example:

    >>> dealt([[1, 0], [1, 0], [1, 1], [1, 1], [0, 0], [0, 0]], (0.5, 0.5)).tolist()
    [1, 0, 1, 0, 1, 0]
    """
    rng, labels = np.random.default_rng(seed), np.asarray(labels, bool)
    labels = np.column_stack([labels, ~labels.any(axis=1)])
    part, counts, room = np.full(len(labels), -1), labels.sum(0), np.multiply(shares, len(labels))
    lacking = np.outer(shares, counts)
    lacking = np.where(counts >= len(room), np.maximum(lacking, 1), lacking)
    while (part < 0).any():
        left = labels[part < 0].sum(0)
        rarest = np.where(left > 0, left, len(labels) + 1).argmin()
        for row in rng.permutation(np.flatnonzero((part < 0) & labels[:, rarest])):
            best = np.lexsort((rng.random(len(room)), -room, -lacking[:, rarest]))[0]
            part[row] = best
            lacking[best] -= labels[row]
            room[best] -= 1
    return part


def stratified_several(labels, validation_split=0.2, seed=0):
    """Return what `stratified` returns, of images of several labels, array (n, classes) of 0 and 1, by `dealt`.

    Example:

    >>> stratified_several([[1, 0], [1, 0], [1, 1], [1, 1]], validation_split=0.5)
    (array([1, 3]), array([0, 2]))
    """
    part = dealt(labels, (1 - validation_split, validation_split), seed)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


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
