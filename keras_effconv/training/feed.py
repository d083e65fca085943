"""Batches for each process of a run."""

import numpy as np

from keras_effconv.data import Batches
from keras_effconv.data.epochs import Epochs


def feed(split, recipe, shuffle=False, shard=(0, 1)):
    """The batches of a split as a recipe wants them.

    Args:
        split: `Split`.
        recipe: `Recipe`; its `batch_size` is that of all processes together.
        shuffle: bool; another order in each epoch, or the split's own.
        shard: (number of this process, number of processes). Default: one process.

    Returns:
        `Epochs`.
    """
    batches = Batches(split, recipe.batch_size, shuffle=shuffle, seed=recipe.seed)
    return batches if shard[1] == 1 else Shard(batches, *shard)


class Shard(Epochs):
    """The part of each batch that one of several processes works on: every `count`-th image.

    A batch that the processes cannot share evenly gets more images, its first ones again, whose weight is 0: sums over
    all processes are those of one process. Batches are (images, labels, weights).

    Args:
        batches: `Epochs` of whole batches.
        number: int, of this process, from 0.
        count: int, processes.

    Example:

    >>> from keras_effconv.data import Split
    >>> split = Split(np.zeros((5, 8, 8, 3), "uint8"), np.arange(5, dtype="int32"), tuple("abcde"))
    >>> images, labels, weights = Shard(Batches(split, batch_size=5), 1, 2)[0]
    >>> labels.tolist(), weights.tolist()
    ([1, 3, 0], [1.0, 1.0, 0.0])
    """

    def __init__(self, batches, number, count):
        self.batches, self.number, self.count = batches, number, count
        super().__init__(batches.total * batches.batch_size, batches.batch_size, batches.seed)

    def set_epoch(self, epoch, start=0):
        super().set_epoch(epoch, start)
        self.batches.set_epoch(epoch, start)

    def batch(self, number):
        images, labels = self.batches.batch(number)
        rows = np.arange(-(-len(labels) // self.count) * self.count)
        mine = rows[self.number :: self.count]
        weights = (mine < len(labels)).astype("float32")
        return images[mine % len(labels)], labels[mine % len(labels)], weights
