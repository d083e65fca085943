"""scikit-learn's handwritten digits: small, and part of the package, so that a first run needs no download."""

import numpy as np

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.decode import check_resize, resize
from keras_effconv.data.sources.split import check_choices, limited, stratified
from keras_effconv.utils.extras import Deferred, require

tf = Deferred("tensorflow")

CHUNK = 256  # images resized at a time, to bound the float32 intermediate


def digits(size, validation_split=0.2, seed=0, limit=None):
    """Loads the 1797 grey 8 x 8 digits of scikit-learn, enlarged, as RGB.

    Args:
        size: Height and width of the images, in pixels.
        validation_split: Share of each class that goes to validation, in (0, 1).
        seed: Of the split, and of the choice that `limit` makes.
        limit: Most images per class and split; None for all.

    Returns:
        `Dataset` of ten classes, "0" to "9", with `flip=False`.

    Raises:
        ValueError: An argument is out of range.
        ImportError: scikit-learn is not installed.

    Example:
        >>> dataset = digits(size=16, limit=2)
        >>> len(dataset.train), dataset.train.images.shape
        (20, (20, 16, 16, 3))
    """
    check_resize(size, crop=1.0, interpolation="bicubic")
    check_choices(validation_split, limit)
    source = require("sklearn.datasets").load_digits()
    grey = np.round(source.images * (255 / 16)).astype(np.uint8)
    labels = source.target.astype(np.int32)

    def split(rows):
        rows = rows[limited(labels[rows], limit, seed)]
        return Split(_enlarge(grey[rows], size), labels[rows], tuple(f"digits/{row:04d}" for row in rows))

    train, validation = stratified(labels, validation_split, seed)
    return Dataset("digits", split(train), split(validation), tuple(map(str, range(10))), flip=False)


def _enlarge(grey, size):
    """uint8 (n, 8, 8) -> uint8 (n, size, size, 3)."""
    images = np.empty((len(grey), size, size, 3), np.uint8)
    with tf.device("CPU:0"):
        for start in range(0, len(grey), CHUNK):
            images[start : start + CHUNK] = resize(grey[start : start + CHUNK, ..., None], size, crop=1.0)
    return images
