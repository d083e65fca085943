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
    parts = {name: getattr(listed, name) for name in ("train", "validation", "test")}
    parts = {n: part if part is None else Streamed(part, resize, listed.flip, strict) for n, part in parts.items()}
    return dataclasses.replace(listed, **parts)


def feed(split, recipe, shuffle=False, devices=None):
    """Return the batches of a split as a recipe wants them.

    Args:
        split: `Split` or `Streamed`.
        recipe: `Recipe`; its `batch_size` is that of all processes together.
        shuffle: bool; for training: another order in each epoch, and of streamed images random parts, unless the
            recipe has `augmentation="none"`.
        devices: `Devices` that share each batch. Default: one.

    Returns:
        `Epochs`.
    """
    drawn = {"balanced": shuffle and recipe.balanced_sampling, "augment": recipe.augmentation != "none"}
    batches = batches_of(split, recipe.batch_size, shuffle, recipe.seed, **drawn)
    if devices is None:
        return batches
    if devices.shard[1] > 1:
        return ProcessShare(batches, *devices.shard, devices.replicas)
    return EvenBatches(batches, devices.replicas) if devices.replicas > 1 else batches


@functools.singledispatch
def batches_of(split, batch_size, shuffle=False, seed=0, balanced=False, augment=True):
    """Return the batches of a `Split` or a `Streamed`; a batch has at most all of its images."""
    raise TypeError(f"`split` must be a Split or a Streamed. Received: split of type {type(split).__name__}")


@batches_of.register
def _(split: Split, batch_size, shuffle=False, seed=0, balanced=False, augment=True):  # which the network does
    return Batches(split, _most(split, batch_size), shuffle, seed, balanced)


@batches_of.register
def _(split: Streamed, batch_size, shuffle=False, seed=0, balanced=False, augment=True):
    batch_size = _most(split, batch_size)
    options = {"flip": split.flip, "strict": split.strict, "balanced": balanced, "augment": augment}
    return Stream(split.source, batch_size, split.resize, shuffle, seed, **options)


def _most(split, batch_size):
    """Return the size of a batch: whoever fills the last one up must not compute 512 images for 3."""
    return max(min(batch_size, len(split)), 1)


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


class EvenBatches(Epochs):
    """Batches that several devices can share evenly: (images, labels, weights).

    A batch of another length gets more images, its first ones again, whose weight is 0: sums over all devices are those
    of one device.

    Args:
        batches: `Epochs` of whole batches.
        count: int, devices.

    Example:

    >>> split = Split(np.zeros((5, 8, 8, 3), "uint8"), np.arange(5, dtype="int32"), tuple("abcde"))
    >>> images, labels, weights = EvenBatches(Batches(split, batch_size=5), 2)[0]
    >>> labels.tolist(), weights.tolist()
    ([0, 1, 2, 3, 4, 0], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    """

    def __init__(self, batches, count):
        self.batches, self.count = batches, count
        super().__init__(batches.total * batches.batch_size, batches.batch_size, batches.seed)

    def set_epoch(self, epoch, start=0):
        super().set_epoch(epoch, start)
        self.batches.set_epoch(epoch, start)

    def batch(self, number):
        images, labels = self.batches.batch(number)
        rows = np.arange(-(-len(labels) // self.count) * self.count)
        return images[rows % len(labels)], labels[rows % len(labels)], (rows < len(labels)).astype("float32")


class ProcessShare(EvenBatches):
    """The part of each batch that one of several processes works on: every `count`-th image of `EvenBatches`.

    Args:
        batches: `Epochs` of whole batches.
        number: int, of this process, from 0.
        count: int, processes.
        devices: int, of all processes. Default: one each.

    Example:

    >>> split = Split(np.zeros((5, 8, 8, 3), "uint8"), np.arange(5, dtype="int32"), tuple("abcde"))
    >>> images, labels, weights = ProcessShare(Batches(split, batch_size=5), 1, 2)[0]
    >>> labels.tolist(), weights.tolist()
    ([1, 3, 0], [1.0, 1.0, 0.0])
    """

    def __init__(self, batches, number, count, devices=None):
        self.number, self.processes = number, count
        super().__init__(batches, devices or count)

    def batch(self, number):
        return tuple(rows[self.number :: self.processes] for rows in super().batch(number))
