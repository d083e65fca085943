"""Unlabelled images for a conversion: from an array, a data set, batches or a folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_effconv.data import Dataset
from keras_effconv.data.sources.listing import LeftOut, list_images
from keras_effconv.data.sources.unlabelled import read_images
from keras_effconv.graph import check_functional
from keras_effconv.network_info import preprocessing_for
from keras_effconv.utils.arguments import reads_shapes

FITTED, HELD = 512, 256  # images that kernels are fitted to, and that the result is compared on
HELD_SHARE = 0.2  # of a few images
JUDGING, JUDGING_SHARE = 512, 0.1  # images on which gradient steps are judged


class Images(NamedTuple):
    """What a conversion sees.

    Attributes:
        fitted: list of arrays, one for each input of the model.
        held: list of arrays likewise, other images.
        judging: list of arrays likewise, on which gradient steps are judged; some of them are fitted to.
        every: `Rows` or callable (number) -> batch, all but those of `held` and `judging`; `None` for a model of
            several inputs, and if no image is left.
    """

    fitted: list[np.ndarray]
    held: list[np.ndarray]
    judging: list[np.ndarray]
    every: Any


def gather(images, model: keras.Model, most: int = FITTED, seed: int = 0) -> Images:
    """Return the images that kernels are fitted to, and others that are held back.

    Args:
        images: array (n, h, w, c), as the model reads it, or a list of arrays for a model of several inputs; a
            `Dataset`, of which the training images are taken; a sequence of batches, such as a
            `keras.utils.PyDataset`; or the path of a folder of images. Images of a `Dataset` and of files become what
            `preprocessing_for(model)` makes of them.
        model: `keras.Model` that reads them.
        most: int, images to fit. Default 512.
        seed: int, of the choice. Default 0.

    Raises:
        ValueError: there are fewer than two images, they are not of the model's shape, or nothing says what the model
            wants of an image.

    Example:

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    >>> found = gather(np.zeros((10, 8, 8, 3)), model)
    >>> len(found.fitted[0]), len(found.held[0])
    (8, 2)
    """
    check_functional(model)
    prepare = _floats
    if isinstance(images, str | os.PathLike):
        prepare, images = _preparing(model), _of_folder(images, model, most + HELD)
    elif isinstance(images, Dataset):
        prepare = _preparing(model)
        images = getattr(images.train, "images", None)
        if images is None:
            raise ValueError("`images` must be a data set in memory, or batches of one that stays on disk")
    several = len(model.inputs) > 1
    if not several and not isinstance(images, np.ndarray) and not hasattr(images, "shape"):
        return _of_batches(images, model, most)
    arrays = [np.asarray(each) for each in images] if several else [images]
    _check([(len(each), *prepare(each[:1]).shape[1:]) for each in arrays], model)
    order = np.random.default_rng(seed).permutation(len(arrays[0]))
    count = max(1, min(HELD, int(HELD_SHARE * len(order))))
    held = np.sort(order[:count])
    fitted = np.sort(order[count : count + most])
    number = max(1, min(JUDGING, int(JUDGING_SHARE * len(order))))
    judging, rest = np.sort(order[-number:]), np.sort(order[count:-number])
    every = None if several or not len(rest) else Rows(arrays[0], rest, prepare)
    return Images(*([prepare(a[places]) for a in arrays] for places in (fitted, held, judging)), every)


def _preparing(model):
    """Return the function from pixels, 0..255, to what a model reads."""
    layer = preprocessing_for(model)
    return lambda pixels: keras.ops.convert_to_numpy(layer(np.asarray(pixels)))


class Rows(Sequence):
    """Some images of an array, which may be a memory map; they are read, and prepared, when they are asked for.

    Args:
        array: array (n, h, w, c).
        places: array of ints, which of them.
        prepare: callable from some of them to what a model reads.

    Example:

    >>> rows = Rows(np.arange(5), np.array([0, 2, 4]), _floats)
    >>> len(rows), rows[[2, 1]].tolist()
    (3, [4.0, 2.0])
    """

    def __init__(self, array, places, prepare):
        self.array, self.places, self.prepare = array, places, prepare

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        return self.prepare(self.array[self.places[index]])


def _of_folder(folder, model, most):
    left_out = LeftOut()
    paths = list_images(str(Path(folder).expanduser()), left_out)
    return read_images(paths, preprocessing_for(model).preprocessing, most, "images")


def _of_batches(batches, model, most):
    """Take the images of the first batches to fit, and those of the last ones to judge and to compare on."""
    count = len(batches)
    if count < 2:
        raise ValueError(f"`images` must be at least two batches. Received: {count}")
    last = max(1, min(-(-HELD // len(_images_in(batches[0]))), int(HELD_SHARE * count)))
    fitted, held = [], [_images_in(batches[i]) for i in range(count - last, count)]
    judging = max(count - last - 1, 0)
    for i in range(count - last):
        fitted.append(_images_in(batches[i]))
        if sum(map(len, fitted)) >= most:
            break
    arrays = [np.concatenate(each) for each in (fitted, held)]
    _check([arrays[0].shape], model)
    first = [[_floats(array[:number])] for array, number in zip(arrays, (most, HELD))]
    judged = [_floats(_images_in(batches[judging])[:JUDGING])]
    return Images(*first, judged, (lambda number: batches[number % judging]) if judging else None)


def _images_in(batch):
    return np.asarray(batch[0] if isinstance(batch, tuple | list) else batch)


def _check(shapes, model):
    wanted, received = [tuple(x.shape) for x in model.inputs], list(map(tuple, shapes))
    if not reads_shapes(model, received) or len({r[0] for r in received}) > 1 or received[0][0] < 2:
        shown = wanted[0] if len(wanted) == 1 else wanted
        raise ValueError(f"`images` must be at least two, of shape {shown}. Received: shapes {received}")


def _floats(array):
    array = np.asarray(array)
    return array if array.dtype == np.float32 else array.astype("float32")
