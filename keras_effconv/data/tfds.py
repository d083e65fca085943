"""Any image classification data set of TensorFlow Datasets (TFDS), by name."""

import numpy as np
import tensorflow as tf

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.decode import check_resize, decode
from keras_effconv.data.partition import check_choices, limited, stratified
from keras_effconv.data.storage import MEMORY_LIMIT, allocate
from keras_effconv.extras import require
from keras_effconv.suggestions import did_you_mean

# Where publications do not train on "train" alone.
PUBLISHED_SPLITS = {"oxford_flowers102": ("train+validation", "test")}

# Digits and letters: mirrored, they are another one, or none.
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
    name,
    size,
    crop=0.875,
    interpolation="bicubic",
    seed=0,
    limit=None,
    data_dir=None,
    validation_split=0.2,
    cache_dir=None,
    memory_limit=MEMORY_LIMIT,
):
    """Loads a data set of TensorFlow Datasets, after a download if it is not prepared yet.

    Trains on "train" and validates on "validation", or else on "test", or else on a part of "train" that is split
    off here, every class in the same proportion. oxford_flowers102 trains on "train" and "validation" and validates
    on "test", as publications do. Images whose label is hidden (-1) are left out.

    Args:
        name: Such as "cifar10", "oxford_flowers102", "emnist/letters" or "cifar10:3.0.2".
        size: Height and width of the images, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side, in (0, 1]; None: all, squeezed.
        interpolation: "bicubic", "bilinear" or another of `decode`'s.
        seed: Of the split, and of the choice that `limit` makes.
        limit: Most images per class and split, for a quick run; None for all.
        data_dir: Where TFDS keeps prepared data; None: `TFDS_DATA_DIR`, or ~/tensorflow_datasets.
        validation_split: Share of each class for validation, in (0, 1), where the set has "train" only.
        cache_dir: Where the pixels go if they exceed `memory_limit`; None: a temporary directory, removed at exit.
        memory_limit: Bytes of pixels held in memory, 4 GiB; more are mapped from a file.

    Returns:
        `Dataset`; `flip` is False for digits and letters; image names are like "cifar10/train/17".

    Raises:
        ValueError: TFDS has no such set, the set has no "train" or no image with one class label, or an argument is
            out of range.
        RuntimeError: Download or preparation failed; the message says where prepared data was expected.
        OSError: The disk of `cache_dir` is too small.
        ImportError: tensorflow_datasets or tqdm is not installed.

    Example:
        dataset = from_tfds("cifar10", size=32, crop=1.0)
    """
    check_resize(size, crop, interpolation)
    check_choices(validation_split, limit)
    builder = _builder(name, data_dir)
    image_key, label_key = _keys(builder)
    _prepare(builder)
    labels = _labels(builder, label_key)
    train, validation = (
        (part, rows[limited(labels[part][rows], limit, seed)])
        for part, rows in _divide(builder, labels, validation_split, seed)
    )
    images = allocate(len(train[1]) + len(validation[1]), size, memory_limit, cache_dir)
    places = {part: np.full(len(labels[part]), -1) for part, _ in (train, validation)}
    places[train[0]][train[1]] = np.arange(len(train[1]))
    places[validation[0]][validation[1]] = np.arange(len(train[1]), len(images))
    for part, place in places.items():
        _fill(images, place, _examples(builder, part), lambda e: decode(e[image_key], size, crop, interpolation))

    def split(rows_of_images, part, rows):
        return Split(rows_of_images, labels[part][rows], tuple(f"{builder.name}/{part}/{row}" for row in rows))

    return Dataset(
        name=builder.name,
        train=split(images[: len(train[1])], *train),
        validation=split(images[len(train[1]) :], *validation),
        class_names=tuple(builder.info.features[label_key].names),
        flip=builder.name not in NO_FLIP,
    )


def _builder(name, data_dir):
    """The builder of a data set, which knows its features and where its files are."""
    tfds = require("tensorflow_datasets")
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        hint = did_you_mean(name, tfds.list_builders(with_community_datasets=False))
        raise ValueError(f"expected the name of a TensorFlow data set, received {name!r}{hint}") from error
    except Exception as error:  # Each malformed name, configuration and version has its own type there.
        cause = str(error).partition("\n")[0]
        raise ValueError(f"expected the name of a TensorFlow data set, received {name!r}: {cause}") from error


def _keys(builder):
    """Names of the image and of the label among the features."""
    tfds = require("tensorflow_datasets")
    features = builder.info.features
    image_keys = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    label_keys = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    for keys in (builder.info.supervised_keys, ("image", "label")):
        if keys and keys[0] in image_keys and keys[1] in label_keys:
            return keys[0], keys[1]
    raise ValueError(
        f"expected a data set of images with one class label, received {builder.name!r} "
        f"with features {', '.join(features)}"
    )


def _prepare(builder):
    """Downloads the data set, unless it is there."""
    try:
        builder.download_and_prepare()
    except Exception as error:  # No network, a moved file, a manual download, a missing package, a full disk...
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise RuntimeError(
            f"expected data set {builder.name!r} to be prepared in {str(builder.data_dir)!r}, "
            f"where it is missing, and its download failed: {cause}"
        ) from error


def _labels(builder, label_key):
    """{part to train on: int32 labels}, and likewise the part to validate on, if there is one with labels."""
    available = list(builder.info.splits)
    if "train" not in available:
        raise ValueError(f"expected data set {builder.name!r} to have a split 'train', received {available}")

    def read(part):
        batches = _examples(builder, part).map(lambda example: example[label_key]).batch(4096)
        return np.concatenate([np.zeros(0, np.int32), *batches.as_numpy_iterator()]).astype(np.int32)

    train, *candidates = PUBLISHED_SPLITS.get(
        builder.name, ["train", *(part for part in ("validation", "test") if part in available)]
    )
    labels = {train: read(train)}
    for part in candidates:
        found = read(part)
        if (found >= 0).any():
            return {**labels, part: found}
    return labels


def _divide(builder, labels, validation_split, seed):
    """[(part, rows to train on), (part, rows to validate on)]."""
    visible = [(part, np.flatnonzero(values >= 0)) for part, values in labels.items()]
    if len(visible) == 1:
        part, rows = visible[0]
        visible = [(part, rows[chosen]) for chosen in stratified(labels[part][rows], validation_split, seed)]
    if not all(len(rows) for _, rows in visible):
        raise ValueError(f"expected labelled images to train and to validate on, found too few in {builder.name!r}")
    return visible


def _examples(builder, part):
    """tf.data.Dataset of a part in its stored order, images still encoded."""
    tfds = require("tensorflow_datasets")
    image_key, _ = _keys(builder)
    return builder.as_dataset(split=part, decoders={image_key: tfds.decode.SkipDecoding()})


def _fill(images, place, examples, prepare):
    """Writes prepare(example i) to images[place[i]], where that is not negative."""
    wanted = tf.constant(place)
    examples = examples.enumerate().filter(lambda i, _: wanted[i] >= 0)
    examples = examples.map(lambda i, example: (wanted[i], prepare(example)), num_parallel_calls=tf.data.AUTOTUNE)
    total = int((place >= 0).sum())
    examples = examples.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()
    for row, image in require("tqdm").tqdm(examples, "images", total, unit="image", leave=False, disable=None):
        images[row] = image
