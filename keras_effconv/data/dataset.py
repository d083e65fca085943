"""What every loader returns: images in memory (or mapped from disk), their labels, and batches of them."""

import dataclasses
import math

import keras
import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Labelled images of one size.

    Args:
        images: uint8 (n, size, size, 3), RGB; an array or an `np.memmap`.
        labels: int32 (n,), indices into the class names.
        names: n strings that name the images in reports, such as file paths.

    Raises:
        ValueError: Shapes, types or lengths do not fit.

    Example:
        >>> split = Split(np.zeros((3, 8, 8, 3), "uint8"), np.array([0, 1, 1], "int32"), ("a", "b", "c"))
        >>> len(split), split.take([2, 0]).names
        (3, ('c', 'a'))
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self):
        """Checks the fields against each other."""
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise ValueError(f"expected images uint8 (n, size, size, 3), received {self.images.dtype} {shape}")
        if self.labels.dtype != np.int32 or self.labels.shape != shape[:1]:
            raise ValueError(f"expected labels int32 ({shape[0]},), received {self.labels.dtype} {self.labels.shape}")
        if len(self.names) != len(self.labels):
            raise ValueError(f"expected {len(self.labels)} names, one for each image, received {len(self.names)}")

    def __len__(self):
        """Number of images."""
        return len(self.labels)

    def __repr__(self):
        """Shapes, not pixels."""
        return f"Split({len(self)} images of {self.images.shape[1]} x {self.images.shape[2]})"

    def take(self, indices):
        """Images at `indices`, int (m,), in that order, as a new in-memory `Split`."""
        indices = np.asarray(indices, dtype=np.int64)
        return Split(np.asarray(self.images[indices]), self.labels[indices], tuple(self.names[i] for i in indices))


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set, ready for training.

    Args:
        name: For reports.
        train: `Split` to fit.
        validation: `Split` to measure.
        class_names: Name of each label, in label order.
        flip: Whether a horizontally mirrored image keeps its class; False for digits and letters.
        unreadable: Paths of the files that were left out since they could not be read.
    """

    name: str
    train: Split
    validation: Split
    class_names: tuple[str, ...]
    flip: bool = True
    unreadable: tuple[str, ...] = dataclasses.field(default=(), repr=False)


class Batches(keras.utils.PyDataset):
    """A `Split` in batches, for `fit`, `evaluate` and `predict`.

    Batch `i` is `(images, labels)`: float32 (b, size, size, 3) in 0..255, and int32 (b,), with b = `batch_size`
    but for the last batch, which holds what is left. With `shuffle` each epoch has its own order, a function of
    `seed` and the number of the epoch alone.

    In `fit`, pass the callback `follow_epochs()`: then the order goes by the epoch's number, and a run that resumes
    with `initial_epoch` sees what the uninterrupted run would have seen. Without it orders still differ from epoch
    to epoch, but not by number, since Keras calls `on_epoch_end` once more as `fit` begins. Pass `shuffle=False`
    to `fit`, too: Keras' own shuffle permutes whole batches, without a seed.

    Args:
        split: Images and labels.
        batch_size: Images in a batch.
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
    """

    def __init__(self, split, batch_size, shuffle=False, seed=0):
        """See the class."""
        super().__init__()
        if len(split) < 1:
            raise ValueError("expected a split of at least 1 image, received an empty one")
        if batch_size < 1:
            raise ValueError(f"expected batch_size of at least 1, received {batch_size}")
        self.split, self.batch_size, self.shuffle, self.seed = split, batch_size, shuffle, seed
        self.set_epoch(0)

    def set_epoch(self, epoch):
        """Takes the order of epoch number `epoch`, counted from 0."""
        self.epoch = epoch
        if self.shuffle:
            self.order = np.random.default_rng((self.seed, epoch)).permutation(len(self.split))
        else:
            self.order = np.arange(len(self.split))

    def follow_epochs(self):
        """Makes a callback for `fit` that takes the order of each epoch by its number."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: self.set_epoch(epoch))

    def on_epoch_end(self):
        """Goes to the order of the next epoch."""
        self.set_epoch(self.epoch + 1)

    def __len__(self):
        """Number of batches in an epoch."""
        return math.ceil(len(self.split) / self.batch_size)

    def __getitem__(self, index):
        """Batch number `index` of this epoch, 0 to len - 1."""
        if not 0 <= index < len(self):
            raise IndexError(f"expected a batch index of 0 to {len(self) - 1}, received {index}")
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.split.images[chosen].astype(np.float32), self.split.labels[chosen]
