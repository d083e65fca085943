"""The digits, and data sets of TFDS, mocked and written."""

import numpy as np
import pytest
import tensorflow as tf
from sample_images import write_metadata

from keras_effconv.data import Dataset, Resize, digits, from_tfds, scan


def test_digits():
    dataset = digits(resize=16, seed=1)
    assert isinstance(dataset, Dataset) and dataset.flip is False and dataset.class_names == tuple("0123456789")
    assert len(dataset.train) + len(dataset.validation) == 1797
    assert not set(dataset.train.names) & set(dataset.validation.names)
    shares = np.bincount(dataset.validation.labels) / np.bincount(dataset.train.labels)
    assert np.abs(shares - 0.25).max() < 0.02
    images = dataset.train.images
    assert images.dtype == np.uint8 and images.min() == 0 and images.max() == 255
    assert (images[..., 0] == images[..., 2]).all()
    assert digits(resize=16, seed=1).train.names == dataset.train.names
    limited_set = digits(resize=8, limit=2)
    assert len(limited_set.train) == len(limited_set.validation) == 20


@pytest.fixture
def tfds():
    return pytest.importorskip("tensorflow_datasets")


@pytest.mark.long
@pytest.mark.parametrize(
    "name, splits, train, validation, counts",
    [
        ("cifar10", ["train", "test"], "train", "test", (40, 40)),
        ("oxford_flowers102", ["train", "test", "validation"], "train+validation", "test", (40, 40)),
        ("cifar10", ["train"], "train", "train", None),
    ],
)
def test_tfds_splits(tfds, tmp_path, name, splits, train, validation, counts):
    write_metadata(tfds, tmp_path, name, splits)
    with tfds.testing.mock_data(num_examples=40, data_dir=str(tmp_path)):
        dataset = from_tfds(name, resize=8)
        again = from_tfds(name, resize=8, memory_limit=1, cache_dir=tmp_path / "cache")
        names = tuple(tfds.builder(name).info.features["label"].names)
    assert dataset.class_names == names and dataset.flip and dataset.name == name
    assert all(line.startswith(f"{name}/{train}/") for line in dataset.train.names)
    assert all(line.startswith(f"{name}/{validation}/") for line in dataset.validation.names)
    assert len(dataset.train) + len(dataset.validation) == (sum(counts) if counts else 40)
    assert counts or not set(dataset.train.names) & set(dataset.validation.names)
    assert dataset.train.images.std() > 0 and dataset.train.images.shape[1:] == (8, 8, 3)
    assert isinstance(again.train.images, np.memmap)
    np.testing.assert_array_equal(again.train.images, dataset.train.images)
    np.testing.assert_array_equal(again.validation.labels, dataset.validation.labels)


@pytest.mark.parametrize(
    ("splits", "measured"),
    [(["train", "validation", "test"], ("validation", "test")), (["train", "test"], ("test", None))],
)
def test_tfds_test_is_for_the_end_if_there_is_a_validation(tfds, tmp_path, splits, measured):
    write_metadata(tfds, tmp_path, "beans", splits)
    with tfds.testing.mock_data(num_examples=6, data_dir=str(tmp_path)):
        dataset, listed = from_tfds("beans", resize=8), scan("beans")
    assert dataset.validation.names[0] == f"beans/{measured[0]}/0" and listed.validation.split == measured[0]
    assert (dataset.test and dataset.test.names[0]) == (measured[1] and f"beans/{measured[1]}/0")
    assert (listed.test and listed.test.split) == measured[1] and len(dataset.train) == 6


def test_tfds_images_labels_limit(tfds, tmp_path):
    """Against TFDS' own decoding; grey letters become RGB, and do not flip."""
    write_metadata(tfds, tmp_path, "mnist", ["train", "test"])
    with tfds.testing.mock_data(num_examples=60, data_dir=str(tmp_path)):
        dataset = from_tfds("mnist", resize=Resize(28, crop=1.0), limit=2)
        stored = tfds.builder("mnist").as_dataset(split="train", decoders={"image": tfds.decode.SkipDecoding()})
        stored = [(tf.io.decode_png(e["image"]).numpy(), int(e["label"])) for e in stored]
    assert dataset.flip is False and np.bincount(dataset.train.labels).max() == 2
    for image, label, name in zip(dataset.train.images, dataset.train.labels, dataset.train.names, strict=True):
        expected, expected_label = stored[int(name.rpartition("/")[2])]
        np.testing.assert_array_equal(image, np.repeat(expected, 3, -1))
        assert label == expected_label


def test_tfds_written_and_read(tfds, tmp_path):
    """A real set, of many shapes, whose test labels are hidden: part of its training images validates."""

    class TinyImages(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.ClassLabel(names=["even", "odd"])
            features = tfds.features.FeaturesDict(
                {"picture": tfds.features.Image(shape=(None, None, 3)), "kind": label}
            )
            return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("picture", "kind"))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(20), "test": self._generate_examples(4, hidden=True)}

        def _generate_examples(self, count, hidden=False):
            for i in range(count):
                picture = np.full((3 + i, 40 - i, 3), 10 * i, np.uint8)
                yield i, {"picture": picture, "kind": -1 if hidden else i % 2}

    dataset = from_tfds("tiny_images", resize=4, data_dir=str(tmp_path))
    assert dataset.class_names == ("even", "odd") and (len(dataset.train), len(dataset.validation)) == (16, 4)
    pixels = [split.images[:, 0, 0, 0] // 10 for split in (dataset.train, dataset.validation)]
    assert sorted(np.concatenate(pixels)) == list(range(20))
    for numbers, split in zip(pixels, (dataset.train, dataset.validation), strict=True):
        np.testing.assert_array_equal(numbers % 2, split.labels)


@pytest.mark.parametrize(
    "name, message",
    [
        ("cifar_10", "`name` must be a TensorFlow data set. Received: name='cifar_10'; did you mean cifar10 "),
        ("not a name", "Received: name='not a name': Parsing builder name"),
        ("cifar10:9.9.9", "Received: name='cifar10:9.9.9': .*cannot be loaded at version"),
        ("wider_face", "images with one class label. Received: 'wider_face' with features .*faces"),
    ],
)
def test_tfds_names(tfds, tmp_path, name, message):
    with pytest.raises(ValueError, match=message) as raised:
        from_tfds(name, resize=8, data_dir=str(tmp_path))
    assert "\n" not in str(raised.value)


def test_tfds_without_training_split(tfds, tmp_path):
    write_metadata(tfds, tmp_path, "cifar10", ["test"])
    with (
        tfds.testing.mock_data(num_examples=4, data_dir=str(tmp_path)),
        pytest.raises(ValueError, match=r"Data set 'cifar10' must have a split 'train'. Received: \['test'\]"),
    ):
        from_tfds("cifar10", resize=8)


def test_tfds_failed_download(tfds, tmp_path, monkeypatch):
    def fail(self):
        raise ConnectionError("no route to host\nand more lines")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(RuntimeError, match=r"'cifar10' must be prepared in '.*cifar10.*no route to host$"):
        from_tfds("cifar10", resize=8, data_dir=str(tmp_path))
