"""Any image classification data set of TensorFlow Datasets (TFDS), or of `catalog`, by name."""

import os

import numpy as np

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.convert import converted
from keras_effconv.data.images.decode import decode
from keras_effconv.data.images.storage import MEMORY_LIMIT, filled
from keras_effconv.data.sources.catalog import BY_NAME, find
from keras_effconv.data.sources.split import check_choices, limited, stratified
from keras_effconv.data.sources.split_names import SPLITS
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.extras import Deferred, require
from keras_effconv.utils.progress import progress
from keras_effconv.utils.suggestions import did_you_mean

tf = Deferred("tensorflow")

# Digits and letters: mirrored, they become another one, or none.
NO_FLIP = frozenset(
    {
        "binary_alpha_digits",
        "cmaterdb",
        "emnist",
        "kmnist",
        "mnist",
        "mnist_corrupted",
        "omniglot",
        "svhn_cropped",
    }
)


def from_tfds(
    name: str,
    resize: Resize | int,
    seed: int = 0,
    limit: int | None = None,
    data_dir: str | os.PathLike | None = None,
    validation_split: float = 0.2,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Dataset:
    """Load a data set of TensorFlow Datasets, after a download if it is not prepared yet.

    The sets of `data.list()` are split as publications do: "flowers102", for one, trains on "train" and "validation"
    and validates on "test". Others train on "train" and validate on "validation", and "test" is for the end; or else
    they validate on "test", or else on a part of "train" that this function splits off, every class in the same
    proportion. Images whose label is hidden (-1) are skipped.

    Args:
        name: str, such as "cifar10", "flowers102", "emnist/letters" or "cifar10:3.0.2".
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split, for a quick run. Default: all.
        data_dir: str or path, where TFDS keeps prepared data. Default: `TFDS_DATA_DIR`, or ~/tensorflow_datasets.
        validation_split: float, the share of each class for validation, in (0, 1), if the set has "train" only.
            Default 0.2.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`. Default: a temporary directory,
            removed at exit.
        memory_limit: int, bytes of pixels held in memory; more are mapped from a file. Default 4 GiB.

    Returns:
        `Dataset`; `flip` is `False` for digits and letters; image names are like "cifar10/train/17".

    Raises:
        ValueError: TFDS has no such set, the set has no "train" or no image with one class label, or an argument is
            out of range.
        RuntimeError: download or preparation failed; the message says where prepared data was looked for.
        OSError: the disk of `cache_dir` is too small.
        ImportError: tensorflow_datasets or tqdm is not installed.

    Example:

        dataset = from_tfds("cifar10", Resize(32, crop=1.0))
    """
    resize = as_resize(resize)
    check_choices(validation_split, limit)
    builder = prepare(name, data_dir)
    image_key, label_key = keys_of(builder)
    labels = _labels(builder, label_key)
    parts = {
        split: (part, rows[limited(labels[part][rows], limit, seed)])
        for split, (part, rows) in _divide(builder, labels, validation_split, seed).items()
    }
    count = sum(len(rows) for _, rows in parts.values())

    def decoded(example):
        return decode(converted(example[image_key]), resize)

    def fill(images):
        targets, begin = {part: np.full(len(labels[part]), -1) for part, _ in parts.values()}, 0
        for part, rows in parts.values():
            targets[part][rows] = np.arange(begin, begin + len(rows))
            begin += len(rows)
        for part, target in targets.items():
            _fill(images, target, _examples(builder, part), decoded)

    key = repr(
        (builder.name, str(builder.version), str(builder.data_dir), [*labels], limit, seed, validation_split, resize)
    )
    images, _ = filled(count, resize.size, fill, lambda: key, memory_limit, cache_dir)
    splits, begin = {}, 0
    for split, (part, rows) in parts.items():
        names = tuple(f"{builder.name}/{part}/{row}" for row in rows)
        splits[split] = Split(images[begin : begin + len(rows)], labels[part][rows], names)
        begin += len(rows)
    return Dataset(
        name=builder.name,
        class_names=tuple(builder.info.features[label_key].names),
        flip=flips(builder),
        **splits,
    )


def prepare(name: str, data_dir: str | os.PathLike | None = None, manual_dir: str | os.PathLike | None = None):
    """Download a data set and write it as TFDS keeps it, unless it is there.

    Args:
        name: str, as in `from_tfds`.
        data_dir: str or path, where TFDS keeps prepared data. Default: `TFDS_DATA_DIR`, or ~/tensorflow_datasets.
        manual_dir: str or path, where files are that were downloaded by hand. Default: `downloads/manual` in
            `data_dir`.

    Returns:
        The TFDS builder.

    Raises:
        ValueError, RuntimeError, ImportError: as in `from_tfds`.
    """
    builder = builder_of(name, data_dir)
    keys_of(builder)
    download = require("tensorflow_datasets").download
    try:
        if manual_dir is None:
            builder.download_and_prepare()
        else:
            builder.download_and_prepare(download_config=download.DownloadConfig(manual_dir=manual_dir))
    except Exception as error:  # No network, a moved file, a manual download, a missing package, a full disk...
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        entry = find(name)
        hint = f" (wanted in the manual directory: {', '.join(entry.manual)})" if entry and entry.manual else ""
        raise RuntimeError(
            f"Data set {builder.name!r} must be prepared in {str(builder.data_dir)!r}, "
            f"and its download failed: {cause}{hint}"
        ) from error
    return builder


def builder_of(name, data_dir=None):
    """Return the TFDS builder of a data set, which knows its features and where its files are."""
    tfds, entry = require("tensorflow_datasets"), find(name)
    tfds_name = entry.tfds + "".join(name.partition(":")[1:]) if entry else name
    try:
        # TFDS itself reads the variable once, when it is imported.
        return tfds.builder(tfds_name, data_dir=data_dir or os.environ.get("TFDS_DATA_DIR"))
    except tfds.core.DatasetNotFoundError as error:
        hint = did_you_mean(name, {*tfds.list_builders(with_community_datasets=False), *BY_NAME})
        raise ValueError(f"`name` must be a TensorFlow data set. Received: name={name!r}{hint}") from error
    except Exception as error:  # Each malformed name, configuration and version has its own type there.
        cause = str(error).partition("\n")[0]
        raise ValueError(f"`name` must be a TensorFlow data set. Received: name={name!r}: {cause}") from error


def keys_of(builder):
    """Return the names of the image and of the label among the features."""
    tfds = require("tensorflow_datasets")
    features = builder.info.features
    image_keys = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    label_keys = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    for keys in (builder.info.supervised_keys, ("image", "label")):
        if keys and keys[0] in image_keys and keys[1] in label_keys:
            return keys[0], keys[1]
    raise ValueError(
        f"A data set must have images with one class label. Received: {builder.name!r} "
        f"with features {', '.join(features)}"
    )


def flips(builder):
    """Whether a mirrored image of a data set keeps its class."""
    entry = BY_NAME.get(builder.name)
    return entry.flip if entry else builder.name not in NO_FLIP


def splits_of(builder):
    """Return (split to train on, splits to measure on: the first validates, a second is for the end)."""
    entry, available = BY_NAME.get(builder.name), list(builder.info.splits)
    if "train" not in available:
        raise ValueError(f"Data set {builder.name!r} must have a split 'train'. Received: {available}")
    if entry and {*entry.train.split("+"), entry.validation} <= set(available):
        return entry.train, [entry.validation]
    return "train", [part for part in ("validation", "test") if part in available]


def has_labels(builder, part):
    """Whether the first image of a part has a label; those of a test are hidden (-1) in some sets."""
    label_key = keys_of(builder)[1]
    return any(example[label_key] >= 0 for example in _examples(builder, part).take(1))


def _labels(builder, label_key):
    """{part to train on: int32 labels}, and likewise the parts to measure on that have labels."""

    def read(part):
        batches = _examples(builder, part).map(lambda example: example[label_key]).batch(4096)
        return np.concatenate([np.zeros(0, np.int32), *batches.as_numpy_iterator()]).astype(np.int32)

    train, candidates = splits_of(builder)
    measured = {part: read(part) for part in candidates}
    return {train: read(train)} | {part: labels for part, labels in measured.items() if (labels >= 0).any()}


def _divide(builder, labels, validation_split, seed):
    """{split: (part, rows)}."""
    visible = [(part, np.flatnonzero(values >= 0)) for part, values in labels.items()]
    if len(visible) == 1:
        part, rows = visible[0]
        visible = [(part, rows[side]) for side in stratified(labels[part][rows], validation_split, seed)]
    if not all(len(rows) for _, rows in visible):
        raise ValueError(
            f"A data set must have labelled images to train and to validate on. Received: too few in {builder.name!r}"
        )
    return dict(zip(SPLITS, visible))


def _examples(builder, part):
    """tf.data.Dataset of a part in its stored order, images still encoded."""
    tfds = require("tensorflow_datasets")
    image_key, _ = keys_of(builder)
    return builder.as_dataset(split=part, decoders={image_key: tfds.decode.SkipDecoding()})


def _fill(images, target, examples, decoded):
    """Write decoded(example i) to images[target[i]], unless that is negative."""
    row_of = tf.constant(target)
    examples = examples.enumerate().filter(lambda i, _: row_of[i] >= 0)
    examples = examples.map(lambda i, example: (row_of[i], decoded(example)), num_parallel_calls=tf.data.AUTOTUNE)
    total = int((target >= 0).sum())
    examples = examples.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
    for row, image in progress(examples, "images", total, unit="image"):
        images[row] = image
