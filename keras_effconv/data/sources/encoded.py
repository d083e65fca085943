"""Labelled images that stay encoded on disk: files, or the records of TFDS. `Stream` reads them."""

import dataclasses
import os

import numpy as np

from keras_effconv.data.batches import shuffled
from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.levels import find_white
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, not_a_file, read_image
from keras_effconv.data.sources.checks import check_files
from keras_effconv.data.sources.file_list import check_validation, class_of, labels_in, names_of_classes
from keras_effconv.data.sources.messages import printable, report
from keras_effconv.data.sources.split_names import TEST, TRAIN, VALIDATION
from keras_effconv.data.sources.tfds import flips, has_labels, keys_of, prepare, splits_of
from keras_effconv.utils.extras import Deferred, require

tf = Deferred("tensorflow")

BLOCK = 2048  # records that are shuffled together; two blocks wait in memory


@dataclasses.dataclass(frozen=True, eq=False)
class Files:
    """Image files and their labels.

    Args:
        paths: n paths.
        labels: int32 (n,), or (n, classes) of 0 and 1 if an image may have several labels.
    """

    paths: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def examples(self, order: tuple[int, int] | np.ndarray | None = None, start: int = 0) -> "tf.data.Dataset":
        """Return a `tf.data.Dataset` of (name, label, reference), from number `start` on.

        Args:
            order: (seed, epoch) of a random order, or the numbers of the files to read, an array. Default: the order of
                `paths`.
            start: int. Default 0.
        """
        count = len(self.paths)
        indices = order
        if not isinstance(order, np.ndarray):
            indices = np.arange(count) if order is None else shuffled(count, *order)
        paths, labels = tf.constant([os.fsencode(path) for path in self.paths]), tf.constant(self.labels)
        return tf.data.Dataset.from_tensor_slices(indices[start:]).map(lambda i: (paths[i], labels[i], paths[i]))

    @staticmethod
    def read(reference):
        """Return the content of a file, from its reference: string tensors."""
        return tf.io.read_file(reference)

    def cause(self, name: str) -> str:
        """Return why the file `name` cannot be read."""
        try:
            read_image(name, _decoder())
        except UnreadableImageError as error:
            return str(error)
        return "cannot be decoded"


@dataclasses.dataclass(frozen=True, eq=False)
class TfdsSplit:
    """A split of a data set that TFDS has prepared; the methods are those of `Files`.

    Args:
        builder: builder of TFDS.
        split: str, such as "train", "train+validation" or "train[:80%]".
    """

    builder: object
    split: str

    def __len__(self) -> int:
        return self.builder.info.splits[self.split].num_examples

    def examples(self, order: tuple[int, int] | None = None, start: int = 0) -> "tf.data.Dataset":
        """As in `Files`. A random order is that of the files, then of the records in blocks of `BLOCK`."""
        tfds = require("tensorflow_datasets")
        image_key, label_key = keys_of(self.builder)

        def shuffle_files(files):
            return files if order is None else [files[i] for i in shuffled(len(files), *order)]

        config = tfds.ReadConfig(try_autocache=False, add_tfds_id=True, experimental_interleave_sort_fn=shuffle_files)
        decoders = {image_key: tfds.decode.SkipDecoding()}
        examples = self.builder.as_dataset(split=self.split, decoders=decoders, read_config=config)
        examples = examples.map(lambda e: (e["tfds_id"], tf.cast(e[label_key], tf.int32), e[image_key]))
        return (examples if order is None else _shuffled_blocks(examples, order)).skip(start)

    @staticmethod
    def read(reference):
        """Return the content of an image, which is its reference."""
        return reference

    def cause(self, name: str) -> str:
        """Return why the record `name` cannot be read."""
        return "cannot be decoded"


def _decoder():
    """To the smallest image, to find out what is wrong with a file."""
    return compiled_decoder(1)


def _shuffled_blocks(examples, order):
    """Each block in a random order of its own. (`Dataset.shuffle` would depend on TensorFlow's global seed.)"""
    key = tf.constant(order, tf.int64)

    def shuffle(number, block):
        rows = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(block[0])[0]), tf.random.fold_in(key, number))
        return tuple(tf.gather(part, rows) for part in block)

    return examples.batch(BLOCK).enumerate().map(shuffle).prefetch(1).unbatch()


def scan_files(file_list, strict=False):
    """Return a `Dataset` of `Files`; a path without a file is skipped with a warning, or, with `strict`, an error."""
    absent = {path: cause for files in file_list.parts.values() for _, path in files if (cause := not_a_file(path))}
    unreadable = file_list.skipped | absent
    report(unreadable, strict)
    parts = {part: [file for file in files if file[1] not in absent] for part, files in file_list.parts.items()}
    class_names = names_of_classes(parts[TRAIN], file_list)
    known, labelling = set(class_names), file_list.labelling
    parts = {part: [(labelling.within(label, known), path) for label, path in files] for part, files in parts.items()}
    parts = {part: [file for file in files if file[0] is not None] for part, files in parts.items()}
    check_validation(parts[VALIDATION], class_of(parts[TRAIN]), file_list)
    check_files(dataclasses.replace(file_list, parts=parts), strict)
    splits = {
        part: Files(tuple(path for _, path in files), labelling.array(labels_in(files), class_names))
        for part, files in parts.items()
        if files
    }
    unreadable, white = tuple(map(printable, unreadable)), find_white(splits[TRAIN].paths)
    return Dataset(file_list.name, class_names=class_names, unreadable=unreadable, white=white, **splits)


def scan_tfds(name, validation_split=0.2, data_dir=None):
    """Return a `Dataset` of `TfdsSplit`; arguments and errors are those of `from_tfds`."""
    builder = prepare(name, data_dir)
    train, candidates = splits_of(builder)
    visible = [part for part in candidates if has_labels(builder, part)]
    if visible:
        parts = dict(zip((VALIDATION, TEST), visible)) | {TRAIN: train}
    else:
        cut = min(max(round(100 * (1 - validation_split)), 1), 99)
        parts = {TRAIN: f"{train}[:{cut}%]", VALIDATION: f"{train}[{cut}%:]"}
    names = tuple(builder.info.features[keys_of(builder)[1]].names)
    splits = {part: TfdsSplit(builder, split) for part, split in parts.items()}
    return Dataset(builder.name, class_names=names, flip=flips(builder), **splits)
