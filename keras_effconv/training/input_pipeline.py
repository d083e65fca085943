"""Batches for each process of a run."""

import dataclasses
import functools

import keras
import numpy as np

from keras_effconv.data import Batches, Split, Stream
from keras_effconv.data.batches import Epochs
from keras_effconv.preprocessing import Resize, as_resize


@dataclasses.dataclass(frozen=True)
class Streamed:
    """A split that stays on disk, and how its images are seen: what `Stream` needs to know.

    Args:
        source: `Files` or `TfdsSplit`, such as `data.scan("imagenet").train`.
        resize: `Resize`; its crop is for evaluation.
        flip: bool; whether a mirror image is of the same class.
        strict: bool; whether an image that cannot be read is an error.
    """

    source: object
    resize: Resize
    flip: bool
    strict: bool = False

    def __len__(self):
        return len(self.source)

    @property
    def labels(self):
        """Return int32 (n,); a TFDS split has none before it is read.

        Raises:
            ValueError: there are none.
        """
        labels = getattr(self.source, "labels", None)
        if labels is None:
            raise ValueError(
                "Labels must be known before reading, as of a folder or a CSV file. "
                f"Received: {type(self.source).__name__}"
            )
        return labels


def streamed(listed, resize, strict=False):
    """Return the `Dataset` of `data.scan` whose splits are read while training, as a network wants its images.

    Args:
        listed: `Dataset` of `Files` or `TfdsSplit`.
        resize: `Resize`, such as the `Preprocessing` of the network, or int, pixels.
        strict: bool; whether an image that cannot be read is an error. Default `False`.

    Returns:
        `Dataset` of `Streamed`.
    """
    resize = as_resize(resize)
    resize = dataclasses.replace(resize, white=resize.white or listed.white)
    train, validation = (Streamed(part, resize, listed.flip, strict) for part in (listed.train, listed.validation))
    return dataclasses.replace(listed, train=train, validation=validation)


def feed(split, recipe, shuffle=False, shard=(0, 1)):
    """Return the batches of a split as a recipe wants them.

    Args:
        split: `Split` or `Streamed`.
        recipe: `Recipe`; its `batch_size` is that of all processes together.
        shuffle: bool; for training: another order in each epoch, and of streamed images random parts.
        shard: (number of this process, number of processes). Default: one process.

    Returns:
        `Epochs`.
    """
    batches = batches_of(split, recipe.batch_size, shuffle, recipe.seed)
    return batches if shard[1] == 1 else ProcessShare(batches, *shard)


@functools.singledispatch
def batches_of(split, batch_size, shuffle=False, seed=0):
    """Return the batches of a `Split` or a `Streamed`."""
    raise TypeError(f"`split` must be a Split or a Streamed. Received: split of type {type(split).__name__}")


@batches_of.register
def _(split: Split, batch_size, shuffle=False, seed=0):
    return Batches(split, batch_size, shuffle=shuffle, seed=seed)


@batches_of.register
def _(split: Streamed, batch_size, shuffle=False, seed=0):
    return Stream(split.source, batch_size, split.resize, shuffle, seed, flip=split.flip, strict=split.strict)


def for_fit(batches):
    """Return what `fit` reads the batches through, as they are now (`Epochs.set_epoch`).

    On TensorFlow, Keras makes a `tf.data.Dataset` of them. At the end of an epoch that data set may wait for its thread
    of automatic tuning: if the thread was woken before its sign to stop is set (TensorFlow 2.21), it sleeps for up to a
    minute more, in which nothing is computed. The data set of this function has no such thread.

    Args:
        batches: `Epochs`.

    Returns:
        A `tf.data.Dataset` on TensorFlow, elsewhere the batches.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    signature = tuple(tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in batches[0])
    dataset = tf.data.Dataset.from_generator(
        lambda: (batches[i] for i in range(len(batches))), output_signature=signature
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    known = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return known.prefetch(2).with_options(options)


class ProcessShare(Epochs):
    """The part of each batch that one of several processes works on: every `count`-th image.

    A batch that the processes cannot share evenly gets more images, its first ones again, whose weight is 0: sums over
    all processes are those of one process. Batches are (images, labels, weights).

    Args:
        batches: `Epochs` of whole batches.
        number: int, of this process, from 0.
        count: int, processes.

    Example:

    >>> split = Split(np.zeros((5, 8, 8, 3), "uint8"), np.arange(5, dtype="int32"), tuple("abcde"))
    >>> images, labels, weights = ProcessShare(Batches(split, batch_size=5), 1, 2)[0]
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
