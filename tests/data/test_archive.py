"""Data sets from NumPy archives."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT, SHARED, needs
from PIL import Image
from sample_images import warnings_of

from keras_effconv.data import Resize, from_archives, load
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
    dataset = from_archives(folder, resize=32)
    assert dataset.class_names == ("dark", "light") and not dataset.unreadable
    assert dataset.train.labels.tolist() == [0, 1, 0, 0, 1, 0]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [10, 200, 20] * 2
    assert dataset.validation.images[1].std((0, 1)).max() == 0
    assert dataset.validation.names == ("test.npz:0", "test.npz:1")
    assert len(from_archives(folder, resize=8, limit=1).train) == 2
    assert len(load(data_dir=folder, resize=8).train) == 6


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
    for view in (Resize(16, None), Resize(8, None), Resize(16, 0.5), Resize(16, 1.0)):
        loaded = [load(data_dir=tmp_path / kind, resize=view) for kind in ("pixels", "files")]
        np.testing.assert_array_equal(loaded[0].train.images, loaded[1].train.images)
        assert loaded[0].train.labels.tolist() == [1, 0, 1] and loaded[0].class_names == ("0", "1")
    np.testing.assert_array_equal(
        load(data_dir=tmp_path / "pixels", resize=Resize(16, crop=None)).validation.images, images
    )


def test_with_validation_the_test_archive_is_for_the_end(folder, capsys):
    dataset = from_archives(folder, resize=8)
    assert dataset.test is None and "test (2 images); test validates, as in publications" in capsys.readouterr().out
    write(folder / "flowers_val.npz", [encoded(100)] * 3, [0, 1, 1], NAMES)
    dataset = from_archives(folder, resize=8)
    assert dataset.validation.labels.tolist() == [0, 1, 1] and dataset.test.names == ("test.npz:0", "test.npz:1")
    assert dataset.test.images[:, 0, 0, 0].tolist() == [30, 220]
    assert "train (6 images), validation (3 images), test (2 images)" in capsys.readouterr().out


def test_an_image_that_cannot_be_read_is_left_out_and_named(folder, caplog):
    write(folder / "train-2.npz", [encoded(9), b"no image", encoded(9)[:40]], [1, 1, 1], NAMES)
    dataset = from_archives(folder, resize=8)
    assert dataset.unreadable == ("train-2.npz:1", "train-2.npz:2")
    with pytest.raises(UnreadableImageError, match=r"^Unknown image file format"):
        decode_image(b"no image", compiled_decoder(8))
    assert len(dataset.train) == 7
    assert warnings_of(caplog)[1].startswith("skipped train-2.npz:2: ")
    with pytest.raises(
        ValueError, match=r"`strict=True` all must be readable. Received: 2 unreadable: train-2.npz:1: "
    ):
        load(data_dir=folder, resize=8, strict=True)


def test_an_int_is_the_size_of_the_whole_image(folder):
    whole = from_archives(folder, Resize(8, crop=None))
    np.testing.assert_array_equal(from_archives(folder, 8).train.images, whole.train.images)


def test_pixels_may_be_mapped_from_a_file(folder, tmp_path):
    memory = load(data_dir=folder, resize=8)
    mapped = load(data_dir=folder, resize=8, memory_limit=1, cache_dir=tmp_path / "cache")
    assert isinstance(mapped.train.images, np.memmap) and len([*(tmp_path / "cache").glob("*/*.npy")]) == 1
    np.testing.assert_array_equal(mapped.train.images, memory.train.images)


@pytest.mark.long
def test_pixels_of_the_size_need_no_tensorflow(tmp_path):
    for name in ("train.npz", "test.npz"):
        np.savez(tmp_path / name, images=np.zeros((2, 8, 8, 3), np.uint8), labels=np.array([0, 1]))
    code = (
        "import sys; sys.modules['tensorflow'] = None; from keras_effconv.data import Batches, Resize, load; "
        f"split = load(data_dir={str(tmp_path)!r}, resize=Resize(8, crop=None)).train; print(len(Batches(split, 2)))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1"), done.stderr


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64, bool])
def test_labels_of_any_integers_and_names_as_text_or_bytes(tmp_path, kind):
    """Names that were written as bytes were "b'dark'"."""
    names = ["dürr", "light"]
    for split, written in (("train", np.array(names)), ("test", np.array([name.encode() for name in names]))):
        write(
            tmp_path / f"{split}.npz",
            [encoded(9), encoded(200)],
            [],
            {"labels": np.array([0, 1], kind), "class_names": written},
        )
    dataset = from_archives(tmp_path, resize=8)
    assert dataset.class_names == ("dürr", "light") and dataset.train.labels.tolist() == [0, 1]
    assert dataset.train.labels.dtype == np.int32


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offsets": np.array([0, 10**9, 2])}, "offsets"),
        ({"labels": np.array([7])}, "`labels` must be 0 to 1. Received: 7 to 7"),
        ({"labels": np.array([2**32])}, r"`labels` must be 0 to 1. Received: 4294967296 to 4294967296"),
        ({"labels": np.array([-(2**32)])}, r"`labels` must be 0 to 1. Received: -4294967296 to -4294967296"),
        ({"labels": np.array([2**64 - 1], np.uint64)}, r"`labels` must be 0 to 1. Received: 18446744073709551615 to "),
        ({"labels": np.array([1.9])}, r"`labels` must be integers \(n,\). Received: labels of float64 \(1,\)"),
        ({"labels": np.array(["1"])}, r"`labels` must be integers \(n,\). Received: labels of <U1 \(1,\)"),
        ({"labels": np.array([[0]])}, r"`labels` must be integers \(n,\). Received: labels of int64 \(1, 1\)"),
        ({"class_names": np.array([b"\xff", b"light"])}, r"Received: another \('utf-8' codec"),
        ({"labels": np.array([0, 1])}, "`offsets` must cut jpeg into 2"),
        ({"labels": np.array([{"a": 1}], object)}, "jpeg, offsets and labels"),
        ({"images": np.zeros((1, 8, 8, 3))}, r"`images` must be uint8 \(1, height, width, 3\)"),
        ({"images": np.zeros((2, 8, 8, 3), np.uint8)}, r"`images` must be uint8 \(1,"),
        ({"images": np.zeros((1, 8, 8), np.uint8)}, r"`images` must be uint8 \(1,"),
        ({"class_names": np.array(["other", "names"])}, "same class_names"),
    ],
    ids=str,
)
def test_a_wrong_archive_is_one_error(folder, entries, message):
    write(folder / "train-9.npz", [encoded(1)], [0], {**NAMES, **entries})
    with pytest.raises(ValueError, match=message):
        from_archives(folder, resize=8)


def test_a_damaged_archive_and_an_empty_folder(folder, tmp_path):
    (folder / "test.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ValueError, match=r"test\.npz"):
        from_archives(folder, resize=8)
    (folder / "test.npz").unlink()
    with pytest.raises(FileNotFoundError, match="test"):
        from_archives(folder, resize=8)


@needs("data", "cifar10")
def test_cifar10():
    dataset = from_archives(SHARED / "data/cifar10", resize=32, limit=20)
    assert len(dataset.train) == len(dataset.validation) == 200
    assert dataset.class_names[3] == "cat" and dataset.train.images.std() > 40
