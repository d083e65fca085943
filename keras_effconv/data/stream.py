"""Images that do not fit into memory: read, decoded and cropped while the network trains."""

import collections
import concurrent.futures
import functools
import itertools
import os
import time

import numpy as np
from absl import logging

from keras_effconv.data.batches import Epochs, drawn_evenly
from keras_effconv.data.images.convert import converted
from keras_effconv.data.images.crop import random_crop
from keras_effconv.data.images.decode import decode
from keras_effconv.data.images.limits import assert_pixels
from keras_effconv.data.images.reading import DECODERS
from keras_effconv.data.sources.encoded import Files, TfdsSplit
from keras_effconv.data.sources.messages import report
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.arguments import positive
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

AHEAD = 2  # batches that are read while one is used


class Stream(Epochs):
    """Encoded images in batches, for `fit`, `evaluate` and `predict`: `Batches` of what stays on disk.

    `Epochs` says what all batches have in common. To train, each epoch has an order of its own, and the network sees a
    random part of each image, perhaps mirrored (`random_crop`): a function of `seed`, the epoch and the image's
    position in it. To evaluate, images come in their own order, and the network sees the central square, to the bit as
    `data.load` reads it.

    Read it in order: another batch than the next one starts the reading anew, and for TFDS reads all before it.

    An unreadable image is skipped, and its batch is smaller then. At the end of the epoch a warning has the number of
    skipped images, and those that are new have a warning for each cause, with examples; `unreadable` has all so far. A
    damaged JPEG may pass if the damage is outside the part that is decoded.

    Args:
        source: `Files` or `TfdsSplit`, such as `data.scan("imagenet").train`.
        batch_size: int, images in a batch; the last batch has what is left.
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults. Its crop is for
            evaluation: in training the random part is used instead.
        training: bool, whether to shuffle and to see random parts. Default `False`.
        seed: int, of the orders and of the parts. Default 0.
        flip: bool, in training: whether a mirrored image keeps its class. Default `True`.
        strict: bool, whether an image that cannot be read is an error. Default `False`.
        workers: int, images decoded at a time; it does not change the result. Default: the number of processors.
        balanced: bool, in training: whether an epoch shows all classes equally often, see `drawn_evenly`. Default
            `False`.
        augment: bool, in training: whether the network sees random parts; if not, it sees what it sees in evaluation.
            Default `True`.

    Attributes:
        unreadable: `{name: cause}` of the images that could not be read, of all epochs so far.

    Raises:
        ValueError: the source is empty, an argument is out of range, or `balanced` is set and the labels are not known
            before reading, as with TFDS. While reading: no image of a batch can be read, or, with `strict`, one of
            them cannot; the label of one is hidden.

    Example:

        dataset = scan(data_dir="photos")
        train = Stream(dataset.train, 64, 224, training=True, flip=dataset.flip)
        model.fit(train, shuffle=False, callbacks=[train.follow_epochs()])
    """

    def __init__(
        self,
        source: Files | TfdsSplit,
        batch_size: int,
        resize: Resize | int,
        training: bool = False,
        seed: int = 0,
        flip: bool = True,
        strict: bool = False,
        workers: int | None = None,
        balanced: bool = False,
        augment: bool = True,
    ):
        resize = as_resize(resize)
        if balanced and getattr(source, "labels", None) is None:
            raise ValueError(f"`balanced` needs labels that are known before reading. Received: {source!r}")
        self.source, self.training, self.strict = source, training, strict
        self.balanced = balanced
        self.parallel = os.cpu_count() if workers is None else positive("workers", workers)
        self.unreadable, self._skipped, self._reported = {}, 0, 0
        self._see = _guarded(source.read, resize, training and augment, flip)
        super().__init__(len(source), batch_size, seed)

    def set_epoch(self, epoch: int, start: int = 0):
        super().set_epoch(epoch, start)
        self._report()
        self._iterator, self._next = None, None

    def batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if self._iterator is None or number != self._next:
            self._iterator, self._next = self._open(number), number
        images, labels, names, seen = next(self._iterator)
        self._next += 1
        if not seen.all():
            self._skip(names[~seen], number)
            images, labels = images[seen], labels[seen]
        if labels.min(initial=0) < 0:
            raise ValueError(f"All images must have labels. Received: a hidden one, such as {os.fsdecode(names[0])}")
        if number == self.total - 1:
            self._report()
        return images, labels

    def _open(self, number):
        """Yield the batches of this epoch from `number` on, while others are read ahead."""
        first, key = number * self.batch_size, tf.constant((self.seed, self.epoch), tf.int64)
        examples = enumerate(self._examples(first), first)
        pool = concurrent.futures.ThreadPoolExecutor(self.parallel)

        def begun():
            batch = list(itertools.islice(examples, self.batch_size))
            return [(name, label, pool.submit(self._see, ref, key, place)) for place, (name, label, ref) in batch]

        try:
            waiting = collections.deque(batch for batch in (begun() for _ in range(AHEAD)) if batch)
            while waiting:
                names, labels, reading = zip(*waiting.popleft())
                if following := begun():
                    waiting.append(following)
                images, seen = zip(*(each.result() for each in reading))
                images, labels = np.stack(images).astype("float32"), np.array(labels, "int32")
                yield images, labels, np.array(names, object), np.array(seen)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _examples(self, first):
        """Return an iterator over (name, label, reference) of the images of this epoch from number `first` on."""
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False  # its thread can sleep for a minute when the iterator is given up
        examples = self.source.examples(self._order() if self.training else None, first)
        return examples.prefetch(self.batch_size).with_options(options).as_numpy_iterator()

    def _order(self):
        seed = self.seed, self.epoch
        return drawn_evenly(self.source.labels, *seed) if self.balanced else seed

    def _skip(self, names, number):
        """Note what could not be read, and raise an error if nothing is left of a batch."""
        names = [os.fsdecode(name) for name in names]
        self.unreadable |= {name: self.source.cause(name) for name in names if name not in self.unreadable}
        self._skipped += len(names)
        some = "; ".join(f"{name}: {self.unreadable[name]}" for name in names[:3])
        if self.strict:
            raise ValueError(f"With `strict=True` all must be readable. Received: {some}")
        if len(names) == min(self.batch_size, len(self.source) - number * self.batch_size):
            raise ValueError(f"Batch {number} must have a readable image. Received: none: {some}")

    def _report(self):
        """Warn of what this epoch has skipped, and of what was not named before."""
        if not self._skipped:
            return
        logging.warning("skipped %d images that could not be read, in this epoch", self._skipped)
        report(dict(list(self.unreadable.items())[self._reported :]), strict=False, what="images")
        self._skipped, self._reported = 0, len(self.unreadable)


def throughput(
    source: Files | TfdsSplit,
    resize: Resize | int = 224,
    batch_size: int = 64,
    training: bool = True,
    seconds: float = 10.0,
    workers: int | None = None,
) -> float:
    """Measure how many images a second `Stream` reads, decodes and crops, with no network behind it.

    Args:
        source: as in `Stream`; read again from the beginning if it is short.
        resize: as in `Stream`. Default 224.
        batch_size: int, as in `Stream`. Default 64.
        training: bool, as in `Stream`. Default `True`.
        seconds: float, the time to measure for, after a batch that is not counted. Default 10.
        workers: int, as in `Stream`.

    Returns:
        float, images per second.
    """
    stream = Stream(source, batch_size, resize, training, workers=workers)
    stream[0]
    read, index, begun = 0, 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        index = (index + 1) % len(stream)
        if index == 0:
            stream.on_epoch_end()
        read += len(stream[index][1])
    return read / (time.perf_counter() - begun)


@functools.lru_cache(DECODERS)
def _guarded(read, resize, augment, flip):
    """A function from a reference, a key (2,) and a position to (image, True), or to (zeros, False) if unreadable.

    It is compiled once for all sources of a class. A `tf.data` pipeline would compile it anew for each iterator, which
    takes seconds, and end with an operation that fails.
    """
    specs = [tf.TensorSpec((), tf.string), tf.TensorSpec((2,), tf.int64), tf.TensorSpec((), tf.int64)]

    @tf.function(input_signature=specs, autograph=False)
    def attempt(reference, key, position):
        with tf.device("CPU:0"):
            data = converted(read(reference))
            with tf.control_dependencies([assert_pixels(data)]):
                data, seed = tf.identity(data), tf.random.fold_in(key, position)
                image = random_crop(data, resize, seed, flip) if augment else decode(data, resize)
                return tf.ensure_shape(image, (resize.size, resize.size, 3))

    concrete = attempt.get_concrete_function()

    def guarded(reference, key, position):
        try:
            return concrete(tf.constant(reference), key, tf.constant(position, tf.int64)).numpy(), True
        except tf.errors.OpError:
            return np.zeros((resize.size, resize.size, 3), "uint8"), False

    return guarded
