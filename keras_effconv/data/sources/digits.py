"""scikit-learn's handwritten digits: small, and part of the package, so that a first run needs no download."""

import numpy as np

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.decode import crop_and_resize
from keras_effconv.data.sources.split import check_choices, limited, stratified
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.extras import Deferred, require

tf = Deferred("tensorflow")

CHUNK = 256  # images resized at a time, to bound the float32 intermediate


def digits(resize: Resize | int, validation_split: float = 0.2, seed: int = 0, limit: int | None = None) -> Dataset:
    """Load the 1797 grey 8 x 8 digits of scikit-learn, enlarged, as RGB.

    Args:
        resize: int, pixels; or a `Resize`, whose size alone is used: a digit fills its image.
        validation_split: float, the share of each class that goes to validation, in (0, 1). Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split. Default: all.

    Returns:
        `Dataset` of ten classes, "0" to "9", with `flip=False`.

    Raises:
        ValueError: an argument is out of range.
        ImportError: scikit-learn is not installed.

    Example:

    >>> dataset = digits(16, limit=2)
    >>> len(dataset.train), dataset.train.images.shape
    (20, (20, 16, 16, 3))
    """
    size = as_resize(resize).size
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
    images, whole = np.empty((len(grey), size, size, 3), np.uint8), Resize(size, crop=1.0)
    with tf.device("CPU:0"):
        for start in range(0, len(grey), CHUNK):
            images[start : start + CHUNK] = crop_and_resize(grey[start : start + CHUNK, ..., None], whole)
    return images
