"""Batches for each process of a run."""

import dataclasses
import functools

import keras
import numpy as np

from keras_effconv.data import Batches, Split, Stream
from keras_effconv.data.batches import Epochs


@dataclasses.dataclass(frozen=True)
class Streamed:
    """A split that stays on disk, and how its images are seen: what `Stream` needs to know.

    Args:
        source: `Files` or `Shards`, such as `data.scan("imagenet").train`.
        size: int, pixels.
        crop: float, the central square that is evaluated, as a share of the shorter side; `None` for the whole image.
        interpolation: str, of `data.decode`.
        flip: bool; whether a mirror image is of the same class.
        strict: bool; whether an image that cannot be read is an error.
    """

    source: object
    size: int
    crop: float | None
    interpolation: str
    flip: bool
    strict: bool = False

    def __len__(self):
        return len(self.source)

    @property
    def labels(self):
        """int32 (n,); a TFDS split has none before it is read.

        Raises:
            ValueError: there are none.
        """
        labels = getattr(self.source, "labels", None)
        if labels is None:
            raise ValueError("expected labels that are known before reading, as of a folder or a CSV file")
        return labels


def streamed(listed, preprocessing, strict=False):
    """The `Dataset` of `data.scan` whose splits are read while training, as a network wants its images.

    Args:
        listed: `Dataset` of `Files` or `Shards`.
        preprocessing: `Preprocessing`, of which size, crop and interpolation are used.
        strict: bool; whether an image that cannot be read is an error. Default `False`.

    Returns:
        `Dataset` of `Streamed`.
    """
    view = {name: getattr(preprocessing, name) for name in ("size", "crop", "interpolation")}
    parts = ("train", "validation")
    return dataclasses.replace(
        listed, **{part: Streamed(getattr(listed, part), **view, flip=listed.flip, strict=strict) for part in parts}
    )


def feed(split, recipe, shuffle=False, shard=(0, 1)):
    """The batches of a split as a recipe wants them.

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
    """The batches of a split, whatever kind it is of."""
    raise TypeError(f"expected a Split or a Streamed, received {type(split).__name__}")


@batches_of.register
def _(split: Split, batch_size, shuffle=False, seed=0):
    return Batches(split, batch_size, shuffle=shuffle, seed=seed)


@batches_of.register
def _(split: Streamed, batch_size, shuffle=False, seed=0):
    seen = {"crop": split.crop, "interpolation": split.interpolation, "flip": split.flip, "strict": split.strict}
    return Stream(split.source, batch_size, split.size, training=shuffle, seed=seed, **seen)


def for_fit(batches):
    """What `fit` reads the batches through, as they are now (`Epochs.set_epoch`).

    On TensorFlow, Keras makes a `tf.data.Dataset` of them, and at the end of an epoch that one may wait for its thread
    of automatic tuning, which was woken before the sign to stop that it looks for is set (TensorFlow 2.21) and sleeps
    on, for up to a minute in which nothing is computed. So here it is made without that thread.

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
