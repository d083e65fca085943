"""Unlabelled images in batches without end: which and how is a function of the seed and the batch's number."""

import numpy as np

from keras_effconv.converting.images import Rows
from keras_effconv.utils.arguments import positive


class Images:
    """Batches of images, flipped and shifted at random.

    Args:
        images: array (n, h, w, c), or `Rows`; or a sequence of batches, such as a `keras.utils.PyDataset`, of which
            the first part is taken; or a callable (number) -> batch.
        batch_size: int; of batches that are given, their own size counts.
        seed: int. Default 0.
        flip: bool, whether half of the images are mirrored. Default `True`.
        shift: float, most of a side that an image is moved by; borders are reflected. Default 0.125.

    Example:

    >>> images = Images(np.arange(8 * 16, dtype="float32").reshape(8, 4, 4, 1), batch_size=3)
    >>> images.batch(7).shape, bool((images.batch(7) == images.batch(7)).all())
    ((3, 4, 4, 1), True)
    """

    def __init__(self, images, batch_size, seed=0, flip=True, shift=0.125):
        self.images, self.batch_size, self.seed = images, positive("batch_size", batch_size), seed
        self.flip, self.shift = flip, shift
        self._order = (None, None)
        if not isinstance(images, np.ndarray) and not callable(images) and not hasattr(images, "__getitem__"):
            raise ValueError(f"`images` must be an array, batches or a callable. Received: {type(images).__name__}")

    def plain(self, number):
        """Return batch number `number` as it is, without changes."""
        if isinstance(self.images, np.ndarray | Rows):
            return np.asarray(self.images[self._rows(number)], "float32")
        given = self.images(number) if callable(self.images) else self.images[number % len(self.images)]
        return np.asarray(given[0] if isinstance(given, (tuple, list)) else given, "float32")

    def batch(self, number):
        """Return batch number `number`, each image changed at random."""
        images = self.plain(number)
        rng = np.random.default_rng((self.seed, 1, number))
        return _changed(images, rng, self.flip, self.shift)

    def _rows(self, number):
        """Return which images a batch has: all come once before any comes again."""
        size = len(self.images)
        places = np.arange(number * self.batch_size, (number + 1) * self.batch_size)
        return np.array([self._epoch(place // size)[place % size] for place in places])

    def _epoch(self, epoch):
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.images))
        return self._order[1]


def _changed(images, rng, flip, shift):
    count, height, width = images.shape[:3]
    most = int(height * shift), int(width * shift)
    mirrored = rng.random(count) < 0.5 if flip else np.zeros(count, bool)
    moves = rng.integers(0, 2 * np.array(most) + 1, (count, 2))
    padded = np.pad(images, ((0, 0), *((each, each) for each in most), (0, 0)), "reflect")
    outputs = np.empty_like(images)
    for number, (top, left) in enumerate(moves):
        window = padded[number, top : top + height, left : left + width]
        outputs[number] = window[:, ::-1] if mirrored[number] else window
    return outputs
