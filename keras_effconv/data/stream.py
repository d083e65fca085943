"""Images that do not fit into memory: read, decoded and cropped while the network trains."""

import os
import time

from absl import logging

from keras_effconv.data.batches import Epochs
from keras_effconv.data.images.crop import random_crop
from keras_effconv.data.images.decode import check_resize, decode
from keras_effconv.data.images.reading import assert_pixels
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")


class Stream(Epochs):
    """Encoded images in batches, for `fit`, `evaluate` and `predict`, in the place of `Batches`.

    `Epochs` says what is common to all batches. To train, each epoch has an order of its own, and of each image a
    random part is seen, perhaps mirrored (`random_crop`), a function of `seed`, the epoch and the image's place in it.
    To evaluate, images come in their own order, and the central square is seen, to the bit as `data.load` reads it.

    Read it in order: another batch than the next one starts the reading anew, and for TFDS reads all before it.

    An image that cannot be read is left out of its batch, which is smaller then. At the end of the epoch a warning has
    their number, and each is named once; `unreadable` has all so far. A JPEG of which only a part is decoded may pass
    although it is damaged elsewhere.

    Args:
        source: `Files` or `Shards`, such as `data.scan("imagenet").train`.
        batch_size: Images in a batch; the last batch has what is left.
        size: Height and width of the images, in pixels.
        training: Whether to shuffle and to see random parts.
        seed: Of the orders and of the parts.
        crop: To evaluate: side of the central square, as a share of the shorter side, in (0, 1]; None: all, squeezed.
        interpolation: "bicubic", "bilinear" or another of `decode`'s.
        flip: To train: whether a mirrored image keeps its class.
        strict: Whether an image that cannot be read is an error.
        workers: Images decoded at a time; None: as many as there are processors. It does not change the result.

    Attributes:
        unreadable: {name: cause} of the images that could not be read, of all epochs so far.

    Raises:
        ValueError: The source is empty, or an argument is out of range. While reading: no image of a batch can be read,
            or, with `strict`, one of them cannot; the label of one is hidden.

    Example:
        dataset = scan(data_dir="photos")
        train = Stream(dataset.train, 64, size=224, training=True, flip=dataset.flip)
        model.fit(train, shuffle=False, callbacks=[train.follow_epochs()])
    """

    def __init__(
        self,
        source,
        batch_size,
        size,
        training=False,
        seed=0,
        crop=0.875,
        interpolation="bicubic",
        flip=True,
        strict=False,
        workers=None,
    ):
        """See the class."""
        check_resize(size, crop, interpolation)
        if workers is not None and workers < 1:
            raise ValueError(f"expected workers of at least 1, or None, received {workers}")
        self.source, self.training, self.strict = source, training, strict
        self.parallel = workers or os.cpu_count()
        self.unreadable, self._left_out, self._named = {}, 0, 0
        self._see = _guarded(source.read, _seen(training, size, crop, interpolation, flip), size)
        super().__init__(len(source), batch_size, seed)

    def set_epoch(self, epoch, start=0):
        """See `Epochs`."""
        super().set_epoch(epoch, start)
        self._report()
        self._iterator, self._next = None, None

    def batch(self, number):
        """See `Epochs`."""
        if self._iterator is None or number != self._next:
            self._iterator, self._next = self._open(number), number
        images, labels, names, seen = next(self._iterator)
        self._next += 1
        if not seen.all():
            self._leave_out(names[~seen], number)
            images, labels = images[seen], labels[seen]
        if labels.min(initial=0) < 0:
            raise ValueError(f"expected images with labels, received hidden ones, such as {os.fsdecode(names[0])}")
        if number == self.total - 1:
            self._report()
        return images, labels

    def _open(self, number):
        """An iterator over the batches of this epoch from `number` on."""
        first = number * self.batch_size
        key = tf.constant((self.seed, self.epoch), tf.int64)
        order = (self.seed, self.epoch) if self.training else None

        def see(place, example):
            name, label, reference = example
            image, seen = self._see(reference, tf.random.fold_in(key, place))
            return image, label, name, seen

        images = self.source.examples(order, first).enumerate(first)
        batches = images.map(see, num_parallel_calls=self.parallel, deterministic=True).batch(self.batch_size)
        batches = batches.map(lambda image, *rest: (tf.cast(image, tf.float32), *rest), num_parallel_calls=2)
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False  # its thread can sleep for a minute when the iterator is given up
        return batches.prefetch(2).with_options(options).as_numpy_iterator()

    def _leave_out(self, names, number):
        """Notes what could not be read; an error if nothing is left of a batch."""
        names = [os.fsdecode(name) for name in names]
        self.unreadable |= {name: self.source.cause(name) for name in names if name not in self.unreadable}
        self._left_out += len(names)
        some = "; ".join(f"{name}: {self.unreadable[name]}" for name in names[:3])
        if self.strict:
            raise ValueError(f"expected readable images (strict=True), received {some}")
        if len(names) == min(self.batch_size, len(self.source) - number * self.batch_size):
            raise ValueError(f"expected a readable image in batch {number}, received none: {some}")

    def _report(self):
        """Warnings for what this epoch has left out, and for what was not named before."""
        if not self._left_out:
            return
        logging.warning("left out %d images that could not be read, in this epoch", self._left_out)
        for name, cause in list(self.unreadable.items())[self._named :]:
            logging.warning("left out %s: %s", name.encode("utf-8", "backslashreplace").decode("utf-8"), cause)
        self._left_out, self._named = 0, len(self.unreadable)


def throughput(source, size=224, batch_size=64, training=True, seconds=10.0, workers=None):
    """Measures how many images a second `Stream` reads, decodes and crops, with no network behind it.

    Args:
        source: See `Stream`; read again from the beginning where it is short.
        size: See `Stream`.
        batch_size: See `Stream`.
        training: See `Stream`.
        seconds: To measure for, after a batch that is not counted.
        workers: See `Stream`.

    Returns:
        float, images per second.
    """
    stream = Stream(source, batch_size, size, training, workers=workers)
    stream[0]
    read, index, begun = 0, 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        index = (index + 1) % len(stream)
        if index == 0:
            stream.on_epoch_end()
        read += len(stream[index][1])
    return read / (time.perf_counter() - begun)


def _seen(training, size, crop, interpolation, flip):
    """A function from the bytes of an image and a seed (2,) to uint8 (size, size, 3)."""
    if training:
        return lambda data, seed: random_crop(data, size, seed, interpolation, flip)
    return lambda data, seed: decode(data, size, crop, interpolation)


def _guarded(read, see, size):
    """A function from a reference and a seed to (image, True), or to (zeros, False) if it cannot be read.

    An operation that fails ends a tf.data pipeline, so that each image has a small pipeline of its own, which may fail.
    """
    blank = tf.data.Dataset.from_tensors((tf.zeros((size, size, 3), tf.uint8), False))

    @tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((2,), tf.int64)])
    def attempt(reference, seed):
        with tf.device("CPU:0"):
            data = read(reference)
            with tf.control_dependencies([assert_pixels(data)]):
                return tf.ensure_shape(see(tf.identity(data), seed), (size, size, 3)), True

    def guarded(reference, seed):
        one = tf.data.Dataset.from_tensors((reference, seed)).map(attempt).ignore_errors()
        return one.concatenate(blank).take(1).get_single_element()

    return guarded
