"""What every loader returns: images in memory (or mapped from disk) and their labels."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Labelled images of one size.

    Args:
        images: uint8 (n, size, size, 3), RGB; an array or an `np.memmap`.
        labels: int32 (n,), indices into the class names; or, if an image may have several labels, int32 (n, classes),
            1 for each class that it is of, else 0.
        names: n strings that name the images in reports, such as file paths.

    Raises:
        ValueError: shapes, types or lengths do not fit.

    Example:

    >>> split = Split(np.zeros((3, 8, 8, 3), "uint8"), np.array([0, 1, 1], "int32"), ("a", "b", "c"))
    >>> len(split), split.take([2, 0]).names
    (3, ('c', 'a'))
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self):
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise ValueError(
                f"`images` must be uint8 (n, size, size, 3). Received: images of {self.images.dtype} {shape}"
            )
        labels = self.labels
        if labels.dtype != np.int32 or labels.shape[:1] != shape[:1] or labels.ndim > 2:
            raise ValueError(
                f"`labels` must be int32 ({shape[0]},) or ({shape[0]}, classes). "
                f"Received: labels of {labels.dtype} {labels.shape}"
            )
        if labels.ndim == 2 and labels.size and not np.isin(labels, (0, 1)).all():
            raise ValueError(
                f"`labels` (n, classes) must be 0 or 1. Received: values from {labels.min()} to {labels.max()}"
            )
        if len(self.names) != len(self.labels):
            raise ValueError(f"`names` must be {len(self.labels)}, one an image. Received: {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self):
        return f"Split({len(self)} images of {self.images.shape[1]} x {self.images.shape[2]})"

    def take(self, indices: Sequence[int] | np.ndarray) -> "Split":
        """Return the images at `indices`, int (m,), in that order, as a new in-memory `Split`."""
        indices = np.asarray(indices, dtype=np.int64)
        return Split(np.asarray(self.images[indices]), self.labels[indices], tuple(self.names[i] for i in indices))


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set, ready for training.

    Args:
        name: str, for reports.
        train: `Split` to fit; of a data set that stays on disk, `Files` or `TfdsSplit`.
        validation: likewise, to measure.
        class_names: tuple of str, the name of each label, in label order.
        flip: bool, whether a horizontally mirrored image keeps its class; `False` for digits and letters.
        unreadable: tuple of str, the paths of the files that were skipped since they could not be read.
        test: likewise, to measure once, when training has ended; `None` if the data has no such split.
        white: int, what is white in files of 16 bits a channel, as in `Resize`; `None` if no training image is one.
    """

    name: str
    train: Split
    validation: Split
    class_names: tuple[str, ...]
    flip: bool = True
    unreadable: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    test: Split | None = None
    white: int | None = None

    @property
    def multi_label(self) -> bool:
        """Return whether an image may have several labels, or none: labels are (n, classes) then."""
        return np.ndim(getattr(getattr(self.train, "source", self.train), "labels", None)) == 2
