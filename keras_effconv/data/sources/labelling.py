"""What the label of a listed image is: the name of its class, or the names of all the classes that it is of."""

import collections
import dataclasses

import numpy as np

from keras_effconv.data.sources import split


def names_of(label):
    """Return the names of the classes of a label.

    >>> names_of("cat"), names_of(("cat", "dog"))
    (('cat',), ('cat', 'dog'))
    """
    return label if isinstance(label, tuple) else (label,)


@dataclasses.dataclass(frozen=True)
class OneLabel:
    """Each image is of one class: its label is a str.

    Attributes:
        least: int, the fewest classes of a data set.
    """

    least: int = 2

    def renamed(self, label, names):
        """Return a label whose names are replaced by those that a dict has for them."""
        return names.get(label, label)

    def within(self, label, known):
        """Return a label without names that are not among the known ones; `None` if the image is then of no use."""
        return label if label in known else None

    def joined(self, one, other):
        """Return the label of an image that is listed twice; `None` if only one of the two can be true."""
        return None

    def stratified(self, labels, validation_split, seed):
        """Return the numbers of the images that train, and of those that validate, as `split.stratified` does."""
        return split.stratified(labels, validation_split, seed)

    def limited(self, labels, limit, seed):
        """Return the numbers of the images of which at most `limit` are of a class."""
        return split.limited(labels, limit, seed)

    def array(self, labels, class_names):
        """Return int32 (n,), the number of each label's class."""
        number = {name: i for i, name in enumerate(class_names)}
        return np.array([number[name] for name in labels], np.int32)


@dataclasses.dataclass(frozen=True)
class SeveralLabels:
    """Each image is of any number of classes: its label is a tuple of str. The methods are those of `OneLabel`."""

    least: int = 1

    def renamed(self, label, names):
        return tuple(dict.fromkeys(names.get(name, name) for name in label))

    def within(self, label, known):
        return tuple(name for name in label if name in known)

    def joined(self, one, other):
        return tuple(sorted({*one, *other}))

    def stratified(self, labels, validation_split, seed):
        classes = sorted({name for label in labels for name in label})
        return split.stratified_several(self.array(labels, classes), validation_split, seed)

    def limited(self, labels, limit, seed):
        if limit is None:
            return np.arange(len(labels))
        counts, kept = collections.Counter(), []
        for row in np.random.default_rng(seed).permutation(len(labels)):
            names = labels[row] or (None,)  # of none of the classes, as of a class, there are so many
            if all(counts[name] < limit for name in names):
                counts.update(names)
                kept.append(row)
        return np.sort(np.array(kept, np.int64))

    def array(self, labels, class_names):
        """Return int32 (n, classes): 1 where an image is of a class, else 0."""
        number = {name: i for i, name in enumerate(class_names)}
        array = np.zeros((len(labels), len(class_names)), np.int32)
        for row, label in zip(array, labels):
            row[[number[name] for name in label]] = 1
        return array
