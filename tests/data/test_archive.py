"""Data sets from NumPy archives."""

import io

import numpy as np
import pytest
from paths import SHARED, needs
from PIL import Image

from keras_effconv.data import from_archives, load
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, decode_image


def encoded(shade, size=(32, 32), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 255 - shade)).save(buffer, kind)
    return buffer.getvalue()


def write(path, files, labels, entries):
    offsets = np.cumsum([0, *map(len, files)])
    data = np.frombuffer(b"".join(files), np.uint8)
    np.savez(path, **{"jpeg": data, "offsets": offsets, "labels": np.array(labels, np.uint8), **entries})


NAMES = {"class_names": np.array(["dark", "light"])}


@pytest.fixture
def folder(tmp_path):
    for i in range(2):
        write(tmp_path / f"train-{i}.npz", [encoded(s) for s in (10, 200, 20)], [0, 1, 0], NAMES)
    write(tmp_path / "test.npz", [encoded(30), encoded(220, (9, 5))], [0, 1], NAMES)
    return tmp_path


def test_images_labels_and_names(folder):
    dataset = from_archives(folder, size=32)
    assert dataset.class_names == ("dark", "light") and not dataset.unreadable
    assert dataset.train.labels.tolist() == [0, 1, 0, 0, 1, 0]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [10, 200, 20] * 2
    assert dataset.validation.images[1].std((0, 1)).max() == 0
    assert dataset.validation.names == ("test.npz:0", "test.npz:1")
    assert len(from_archives(folder, size=8, limit=1).train) == 2
    assert len(load(data_dir=folder, size=8).train) == 6


def test_pixels_are_taken_as_they_are_and_resized_as_files_are(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    files = []
    for image in images:
        files.append(buffer := io.BytesIO())
        Image.fromarray(image).save(buffer, "PNG")
    for kind in ("pixels", "files"):
        (tmp_path / kind).mkdir()
    for name in ("train.npz", "test.npz"):
        np.savez(tmp_path / "pixels" / name, images=images, labels=np.array([1, 0, 1], np.uint8))
        write(tmp_path / "files" / name, [buffer.getvalue() for buffer in files], [1, 0, 1], {})
    for view in ({"size": 16}, {"size": 8}, {"size": 16, "crop": 0.5}, {"size": 16, "crop": 1.0}):
        loaded = [load(data_dir=tmp_path / kind, **{"crop": None, **view}) for kind in ("pixels", "files")]
        np.testing.assert_array_equal(loaded[0].train.images, loaded[1].train.images)
        assert loaded[0].train.labels.tolist() == [1, 0, 1] and loaded[0].class_names == ("0", "1")
    np.testing.assert_array_equal(load(data_dir=tmp_path / "pixels", size=16, crop=None).validation.images, images)


def test_an_image_that_cannot_be_read_is_left_out_and_named(folder):
    write(folder / "train-2.npz", [encoded(9), b"no image", encoded(9)[:40]], [1, 1, 1], NAMES)
    dataset = from_archives(folder, size=8)
    assert dataset.unreadable == ("train-2.npz:1", "train-2.npz:2")
    with pytest.raises(UnreadableImageError, match=r"^Unknown image file format"):
        decode_image(b"no image", compiled_decoder(8))
    assert len(dataset.train) == 7


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offsets": np.array([0, 10**9, 2])}, "offsets"),
        ({"labels": np.array([7])}, "labels of 0 to 1"),
        ({"labels": np.array([0, 1])}, "cut jpeg into 2"),
        ({"labels": np.array([{"a": 1}], object)}, "jpeg, offsets and labels"),
        ({"images": np.zeros((1, 8, 8, 3))}, r"images uint8 \(1, height, width, 3\)"),
        ({"images": np.zeros((2, 8, 8, 3), np.uint8)}, r"images uint8 \(1,"),
        ({"images": np.zeros((1, 8, 8), np.uint8)}, r"images uint8 \(1,"),
        ({"class_names": np.array(["other", "names"])}, "same class_names"),
    ],
    ids=str,
)
def test_a_wrong_archive_is_one_error(folder, entries, message):
    write(folder / "train-9.npz", [encoded(1)], [0], {**NAMES, **entries})
    with pytest.raises(ValueError, match=message):
        from_archives(folder, size=8)


def test_a_damaged_archive_and_an_empty_folder(folder, tmp_path):
    (folder / "test.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ValueError, match=r"test\.npz"):
        from_archives(folder, size=8)
    (folder / "test.npz").unlink()
    with pytest.raises(FileNotFoundError, match="test"):
        from_archives(folder, size=8)


@needs("data", "cifar10")
def test_cifar10():
    dataset = from_archives(SHARED / "data/cifar10", size=32, limit=20)
    assert len(dataset.train) == len(dataset.validation) == 200
    assert dataset.class_names[3] == "cat" and dataset.train.images.std() > 40
