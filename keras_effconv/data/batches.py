"""The order of training: what `Batches` (in memory) and `Stream` (from disk) have in common, stated once."""

import math

import keras
import numpy as np


class Epochs(keras.utils.PyDataset):
    """Images and labels in batches, one epoch after another, for `fit`, for `evaluate` and for a loop of your own.

    - Batch `i` is `(images, labels)`: float32 (b, size, size, 3), RGB, 0..255, and int32 (b,).
    - An epoch's batches are a function of the data, `seed` and the number of the epoch alone: not of the number of
      threads, nor of what was read before. `set_epoch(epoch)` goes to any epoch, counted from 0.
    - `set_epoch(epoch, start)` goes into the middle of one: the epoch then has its batches from number `start` on only,
      and they are those of the whole epoch. The epoch after it is whole again.
    - `len(batches)` is the number of batches that this epoch has left; `batches.total` that of a whole epoch.

    In `fit`, pass `callbacks=[batches.follow_epochs()]` and `shuffle=False`. Without the callback, orders still differ
    from epoch to epoch, but not by number, since Keras calls `on_epoch_end` once more as `fit` begins; Keras' own
    shuffle permutes whole batches, without a seed. A run that stopped in epoch 7 after 120 batches goes on with

        batches.set_epoch(7, start=120)
        options = {"shuffle": False, "callbacks": [batches.follow_epochs()]}
        model.fit(batches, initial_epoch=7, epochs=8, **options)
        model.fit(batches, initial_epoch=8, epochs=10, **options)

    The rest of an epoch has a `fit` of its own, since Keras (3.15) takes the length of the first epoch for that of all.

    A subclass says in `batch` what batch number `i` of a whole epoch is.

    Args:
        images: Number of images.
        batch_size: Images in a batch; the last batch has what is left.
        seed: Of the orders.

    Raises:
        ValueError: There is no image, or `batch_size` is below 1.
    """

    def __init__(self, images, batch_size, seed=0):
        """See the class."""
        super().__init__()
        if images < 1:
            raise ValueError("expected a split of at least 1 image, received an empty one")
        if batch_size < 1:
            raise ValueError(f"expected batch_size of at least 1, received {batch_size}")
        self.batch_size, self.seed, self.total = batch_size, seed, math.ceil(images / batch_size)
        self.set_epoch(0)

    def set_epoch(self, epoch, start=0):
        """Goes to batch number `start` of epoch number `epoch`, both counted from 0.

        Raises:
            ValueError: An epoch has no such batch.
        """
        if not 0 <= start < self.total:
            raise ValueError(f"expected start of 0 to {self.total - 1}, received {start}")
        self.epoch, self.start = epoch, start

    def follow_epochs(self):
        """Makes a callback for `fit` that goes to each epoch by its number, and to the present one where it is now."""
        here = {self.epoch: self.start}
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: self.set_epoch(epoch, here.pop(epoch, 0)))

    def on_epoch_end(self):
        """Goes to the next epoch."""
        self.set_epoch(self.epoch + 1)

    def __len__(self):
        """Number of batches that this epoch has left, counted from `start`."""
        return self.total - self.start

    def __getitem__(self, index):
        """Batch number `start + index` of this epoch; index of 0 to len - 1."""
        if not 0 <= index < len(self):
            raise IndexError(f"expected a batch index of 0 to {len(self) - 1}, received {index}")
        return self.batch(self.start + index)

    def batch(self, number):
        """Batch number `number` of the whole epoch: (images, labels)."""
        raise NotImplementedError


def shuffled(count, seed, epoch):
    """The order of `count` images in an epoch, int64 (count,): a function of its arguments alone.

    Example:
        >>> shuffled(5, seed=1, epoch=0)
        array([4, 0, 1, 2, 3])
    """
    return np.random.default_rng((seed, epoch)).permutation(count)


class Batches(Epochs):
    """A `Split` in batches, for `fit`, `evaluate` and `predict`.

    `Epochs` says what is common to all batches: the order, and how to go on after a stop.

    Args:
        split: Images and labels.
        batch_size: Images in a batch; the last batch has what is left.
        shuffle: Whether to draw a new order for each epoch; otherwise the split's own order.
        seed: Of the orders.

    Raises:
        ValueError: The split is empty, or `batch_size` is below 1.

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

    def __init__(self, split, batch_size, shuffle=False, seed=0):
        """See the class."""
        self.split, self.shuffle = split, shuffle
        super().__init__(len(split), batch_size, seed)

    def set_epoch(self, epoch, start=0):
        """See `Epochs`."""
        super().set_epoch(epoch, start)
        self.order = shuffled(len(self.split), self.seed, epoch) if self.shuffle else np.arange(len(self.split))

    def batch(self, number):
        """See `Epochs`."""
        chosen = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        return self.split.images[chosen].astype(np.float32), self.split.labels[chosen]
