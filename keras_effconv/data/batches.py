"""The order of training: what `Batches` (in memory) and `Stream` (from disk) have in common, stated once."""

import math

import keras
import numpy as np

from keras_effconv.data.dataset import Split
from keras_effconv.utils.arguments import positive


class Epochs(keras.utils.PyDataset):
    """Images and labels in batches, one epoch after another, for `fit`, for `evaluate` and for a loop of your own.

    - Batch `i` is `(images, labels)`: float32 (b, size, size, 3), RGB, 0..255, and int32 (b,).
    - An epoch's batches depend on the data, `seed` and the number of the epoch alone: not on the number of threads, nor
      on what was read before. `set_epoch(epoch)` goes to any epoch, counted from 0.
    - `set_epoch(epoch, start)` goes into the middle of one: the epoch then has its batches from number `start` on only,
      and they are those of the whole epoch. The epoch after it is whole again.
    - `len(batches)` is the number of batches that this epoch has left; `batches.total` that of a whole epoch.

    In `fit`, pass `callbacks=[batches.follow_epochs()]` and `shuffle=False`. Without the callback, orders still differ
    from epoch to epoch, but not by number, since Keras calls `on_epoch_end` once more as `fit` begins; Keras' own
    shuffle permutes whole batches, without a seed. To resume a run that stopped in epoch 7 after 120 batches:

        batches.set_epoch(7, start=120)
        options = {"shuffle": False, "callbacks": [batches.follow_epochs()]}
        model.fit(batches, initial_epoch=7, epochs=8, **options)
        model.fit(batches, initial_epoch=8, epochs=10, **options)

    The rest of an epoch has a `fit` of its own, since Keras (3.15) takes the length of the first epoch for that of all.

    A subclass says in `batch` what batch number `i` of a whole epoch is.

    Args:
        images: int, number of images.
        batch_size: int, images in a batch; the last batch has what is left.
        seed: int, of the orders. Default 0.

    Raises:
        ValueError: it has no image, or `batch_size` is below 1.
    """

    def __init__(self, images: int, batch_size: int, seed: int = 0):
        super().__init__()
        if images < 1:
            raise ValueError("A split must have at least 1 image. Received: an empty split")
        self.batch_size, self.seed = positive("batch_size", batch_size), seed
        self.total = math.ceil(images / batch_size)
        self.set_epoch(0)

    def set_epoch(self, epoch: int, start: int = 0):
        """Go to batch number `start` of epoch number `epoch`, both counted from 0.

        Raises:
            ValueError: an epoch has no such batch.
        """
        if not 0 <= start < self.total:
            raise ValueError(f"`start` must be 0 to {self.total - 1}. Received: start={start}")
        self.epoch, self.start = epoch, start

    def follow_epochs(self) -> keras.callbacks.Callback:
        """Make a callback for `fit` that goes to each epoch by its number, and to the present one where it is now."""
        start_of = {self.epoch: self.start}
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: self.set_epoch(epoch, start_of.pop(epoch, 0))
        )

    def on_epoch_end(self):
        """Go to the next epoch."""
        self.set_epoch(self.epoch + 1)

    def __len__(self) -> int:
        return self.total - self.start

    def __getitem__(self, index: int):
        if not 0 <= index < len(self):
            raise IndexError(f"`index` of a batch must be 0 to {len(self) - 1}. Received: index={index}")
        return self.batch(self.start + index)

    def batch(self, number: int) -> tuple[np.ndarray, ...]:
        """Return batch number `number` of the whole epoch: (images, labels)."""
        raise NotImplementedError


def shuffled(count, seed, epoch):
    """Return the order of `count` images in an epoch, int64 (count,): a function of its arguments alone.

    Example:

    >>> shuffled(5, seed=1, epoch=0)
    array([4, 0, 1, 2, 3])
    """
    return np.random.default_rng((seed, epoch)).permutation(count)


def drawn_evenly(labels, seed, epoch):
    """Return which images an epoch shows so that classes come equally often, int64 (n,): a function of its arguments.

    An epoch has as many images as there are. Each class has an equal part of them, or one image more: of a large class,
    other images in each epoch; of a small one, all of them, several times.

    Args:
        labels: ints (n,).
        seed: int.
        epoch: int.

    Example:

    >>> labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> labels[drawn_evenly(labels, seed=1, epoch=0)].tolist()
    [1, 0, 0, 1, 1, 1, 0, 0]
    """
    rng, count = np.random.default_rng((seed, epoch)), len(labels)
    order, known = rng.permutation(count), np.unique(labels)
    groups = [order[labels[order] == label] for label in rng.permutation(known)]
    parts = [count // len(known) + (i < count % len(known)) for i in range(len(known))]
    return rng.permutation(np.concatenate([np.resize(group, part) for group, part in zip(groups, parts)]))


class Batches(Epochs):
    """A `Split` in batches, for `fit`, `evaluate` and `predict`.

    `Epochs` says what all batches have in common: the order, and how to resume after a stop.

    Args:
        split: `Split`.
        batch_size: int, images in a batch; the last batch has what is left.
        shuffle: bool, whether to draw a new order for each epoch; otherwise the split's own order. Default `False`.
        seed: int, of the orders. Default 0.
        balanced: bool, whether a shuffled epoch shows all classes equally often, see `drawn_evenly`. Default `False`.

    Raises:
        ValueError: the split is empty, or `batch_size` is below 1.

    Example:

    >>> split = Split(np.zeros((5, 8, 8, 3), "uint8"), np.arange(5, dtype="int32"), tuple("abcde"))
    >>> batches = Batches(split, batch_size=2, shuffle=True, seed=1)
    >>> [labels.tolist() for _, labels in batches]
    [[4, 0], [1, 2], [3]]
    >>> batches.on_epoch_end()
    >>> [labels.tolist() for _, labels in batches]
    [[1, 4], [0, 3], [2]]
    >>> batches.set_epoch(0, start=1)
    >>> [labels.tolist() for _, labels in batches]
    [[1, 2], [3]]
    """

    def __init__(self, split: Split, batch_size: int, shuffle: bool = False, seed: int = 0, balanced: bool = False):
        self.split, self.shuffle, self.balanced = split, shuffle, balanced
        super().__init__(len(split), batch_size, seed)

    def set_epoch(self, epoch: int, start: int = 0):
        super().set_epoch(epoch, start)
        self.order = self._order(epoch)

    def _order(self, epoch):
        if not self.shuffle:
            return np.arange(len(self.split))
        if self.balanced:
            return drawn_evenly(self.split.labels, self.seed, epoch)
        return shuffled(len(self.split), self.seed, epoch)

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        return self.split.images[rows].astype(np.float32), self.split.labels[rows]
