"""keras_effconv.data.from_directory, on folders made by the tests, and on one real folder."""

import os
import pathlib
import struct

import numpy as np
import pytest
from paths import SHARED, needs
from PIL import Image
from sample_images import READABLE, encoded, fill, png, warnings_of

from keras_effconv.data import Batches, from_directory


def test_folder_with_everything_wrong(tmp_path, caplog):
    """One warning per thing left out, and every readable kind read."""
    cat, dog = tmp_path / "train" / "cat", tmp_path / "train" / "dog"
    fill(dog, 2)
    fill(tmp_path / "validation" / "dog", 1)
    fill(tmp_path / "validation" / "cat", 1)
    fill(tmp_path / "validation" / "bird", 1)
    fill(tmp_path / "validation" / "void", 1)  # Its training folder is named, once.
    (tmp_path / "train" / "void").mkdir()
    (tmp_path / "train" / ".git").mkdir()
    (cat / "deep" / "er").mkdir(parents=True)
    good = {f"{kind}{number}.{kind.split()[-1]}": data for number, (kind, (data, _)) in enumerate(READABLE.items())}
    good |= {"deep/er/schöne Katze 猫.PNG": READABLE["png"][0], "deep/png in truth.jpg": READABLE["png"][0]}
    good["tiny.png"] = encoded(Image.new("RGB", (1, 1)), "PNG")
    bad = {"text.jpg": b"hello", "empty.png": b"", "cut.jpg": READABLE["jpeg"][0][:300], "cut.gif": b"GIF89a"}
    bad["corrupt.png"] = READABLE["png"][0].replace(b"IDAT", b"IDXT")
    bad["bomb.png"] = png(20_000, 20_000, 8, 2, b"")
    bad["bomb.bmp"] = b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 30_000, -30_000, 1, 24) + bytes(24)
    ignored = {"README": b"read me", "notes.txt": b"", ".hidden.jpg": b"not read"}
    for name, content in (good | bad | ignored).items():
        (cat / name).write_bytes(content)
    (cat / "broken link.jpg").symlink_to("nowhere.jpg")
    (cat / "circle").symlink_to(tmp_path / "train")
    os.mkfifo(cat / "pipe.jpg")

    dataset = from_directory(tmp_path, resize=8)

    assert dataset.class_names == ("cat", "dog") and dataset.flip and dataset.name == tmp_path.name
    assert len(dataset.train) == len(good) + 2 and len(dataset.validation) == 2
    assert {name for name in dataset.train.names if "/cat/" in name} == {str(cat / name) for name in good}
    unreadable = {str(cat / name) for name in [*bad, "broken link.jpg", "pipe.jpg"]}
    assert set(dataset.unreadable) == unreadable and len(dataset.unreadable) == len(unreadable)
    warnings = warnings_of(caplog)
    for path in unreadable:
        assert sum(path in warning for warning in warnings) == 1
    others = [warning for warning in warnings if not any(path in warning for path in unreadable)]
    assert len(warnings) == len(unreadable) + 4 and len(others) == 4
    assert "left out 3 files that are no images (no extension: 1, .txt: 1, links to folders: 1)" in others[0]
    assert others[1].endswith("validation, of classes unknown in training: bird") and "left out 1 image of" in others[1]
    assert "twice in a split, 2 images: " in others[2]  # "png in truth.jpg" and "schöne Katze"
    assert others[3].endswith("left out 1 class without a readable training image: void")
    assert not any("\n" in warning or "{{" in warning for warning in warnings)
    assert "empty.png: empty file" in " ".join(warnings) and "20000 x 20000 pixels" in " ".join(warnings)

    with pytest.raises(ValueError, match=rf"`strict=True` .* Received: {len(unreadable)} unreadable: .*/cat/.*: "):
        from_directory(tmp_path, resize=8, strict=True)


def test_folder_pixels_labels_and_names(tmp_path):
    fill(tmp_path / "train" / "red", 3, (255, 0, 0))
    fill(tmp_path / "train" / "blue", 2, (0, 0, 255))
    fill(tmp_path / "val" / "red", 1, (255, 0, 0))
    fill(tmp_path / "test" / "blue", 9, (0, 0, 255))  # "val" goes before "test".
    dataset = from_directory(str(tmp_path), resize=4)
    assert dataset.class_names == ("blue", "red")
    assert dataset.train.labels.tolist() == [0, 0, 1, 1, 1] and dataset.validation.labels.tolist() == [1]
    assert [pathlib.Path(name).parent.name for name in dataset.train.names] == ["blue"] * 2 + ["red"] * 3
    assert dataset.train.images[:, 1, 1].tolist() == [[0, 0, 255]] * 2 + [[255, 0, 0]] * 3
    assert dataset.train.images.shape == (5, 4, 4, 3) and dataset.train.images.dtype == np.uint8


@pytest.mark.long
@pytest.mark.parametrize("layout", ["", "train", "Training"])
def test_folder_without_validation_is_split(tmp_path, layout):
    for name, count in {"a": 10, "b": 5, "one": 1}.items():
        fill(tmp_path / layout / name, count)
    dataset = from_directory(tmp_path, resize=4, seed=1)
    train, validation = set(dataset.train.names), set(dataset.validation.names)
    assert len(train | validation) == 16 and not train & validation
    assert np.bincount(dataset.train.labels).tolist() == [8, 4, 1]
    assert np.bincount(dataset.validation.labels).tolist() == [2, 1]
    assert from_directory(tmp_path, resize=4, seed=1).train.names == dataset.train.names
    assert from_directory(tmp_path, resize=4, seed=2).train.names != dataset.train.names
    assert len(from_directory(tmp_path, resize=4, validation_split=0.5).validation) == 7


@pytest.mark.parametrize("name", ["validation", "val", "valid", "Val"])
def test_folder_names_of_validation(tmp_path, name):
    for part in ("train", name):
        for kind in ("a", "b"):
            fill(tmp_path / part / kind, 2)
    dataset = from_directory(tmp_path, resize=4)
    assert (len(dataset.train), len(dataset.validation)) == (4, 4)
    assert all(f"/{name}/" in path for path in dataset.validation.names)


def test_folder_with_a_class_called_train(tmp_path):
    for kind in ("bus", "train"):
        fill(tmp_path / kind, 3)
    assert from_directory(tmp_path, resize=4).class_names == ("bus", "train")


def test_folder_keeps_a_training_image_of_every_class(tmp_path, caplog):
    """The split is drawn before the files are read: whichever of two is corrupt, the other one trains."""
    fill(tmp_path / "b", 6, (0, 0, 255))
    for i in range(8):
        fill(tmp_path / f"a{i}", 2, (255, 0, 0))
        (tmp_path / f"a{i}" / f"0{i % 2}.png").write_bytes(b"corrupt %d" % i)
    fill(tmp_path / "gone", 2)
    for path in (tmp_path / "gone").iterdir():
        path.write_bytes(path.name.encode())
    dataset = from_directory(tmp_path, resize=4, seed=0)
    assert len(dataset.class_names) == 9 and np.bincount(dataset.train.labels).tolist() == [1] * 8 + [5]
    assert dataset.validation.labels.tolist() == [8] and dataset.validation.images[0, 0, 0].tolist() == [0, 0, 255]
    for image, name in zip(dataset.train.images, dataset.train.names, strict=True):
        assert image[0, 0].tolist() == ([0, 0, 255] if "/b/" in name else [255, 0, 0])
    single, skipped, gone = warnings_of(caplog)
    assert "a single training image in 9 classes: a0, a1, a2 and 6 more" in single and gone.endswith("image: gone")
    assert skipped.startswith("skipped 10 files or rows: Unknown image file format.")


@pytest.mark.long
def test_folder_limit(tmp_path):
    for part, counts in {"train": (6, 2), "valid": (4, 4)}.items():
        for kind, count in zip("ab", counts, strict=True):
            fill(tmp_path / part / kind, count)
    dataset = from_directory(tmp_path, resize=4, limit=3, seed=1)
    assert np.bincount(dataset.train.labels).tolist() == [3, 2] and len(dataset.validation) == 6
    assert from_directory(tmp_path, resize=4, limit=3, seed=1).train.names == dataset.train.names
    others = {from_directory(tmp_path, resize=4, limit=3, seed=seed).train.names for seed in range(5)}
    assert len(others) > 1


@pytest.mark.parametrize("kept", [True, False])
def test_folder_on_disk_equals_in_memory(tmp_path, kept):
    data, cache = tmp_path / "data", tmp_path / "cache"
    for kind, colour in {"a": (1, 2, 3), "b": (4, 5, 6)}.items():
        fill(data / kind, 7, colour)
    (data / "a" / "00.png").write_bytes(b"corrupt")
    memory = from_directory(data, resize=4)
    mapped = from_directory(data, resize=4, memory_limit=14 * 4 * 4 * 3 - 1, cache_dir=cache if kept else None)
    assert isinstance(mapped.train.images, np.memmap) and not isinstance(memory.train.images, np.memmap)
    for part in ("train", "validation"):
        one, other = getattr(memory, part), getattr(mapped, part)
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.names == other.names
    np.testing.assert_array_equal(Batches(mapped.train, 3)[1][0], Batches(memory.train, 3)[1][0])
    assert [path.name for path in cache.glob("*/*.npy")] == (["pixels.npy"] if kept else [])
    assert not isinstance(from_directory(data, resize=4, memory_limit=14 * 4 * 4 * 3).train.images, np.memmap)


def test_folder_too_large_for_the_disk(tmp_path):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 2)
    with pytest.raises(OSError, match=r"`cache_dir` must have \d+ MiB free. Received: cache_dir=.*, which has \d+ MiB"):
        from_directory(tmp_path, resize=1 << 23, memory_limit=1)


def test_folder_links(tmp_path):
    """A class folder may be a link; one that leads back to the data is no class."""
    fill(tmp_path / "elsewhere", 3)
    fill(tmp_path / "data" / "a", 3)
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "c").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "d").symlink_to("d")
    dataset = from_directory(tmp_path / "data", resize=4)
    assert dataset.class_names == ("a", "b") and len(dataset.train) + len(dataset.validation) == 6


def test_folder_without_permission(tmp_path, caplog):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    (tmp_path / "a" / "00.png").chmod(0)
    if os.access(tmp_path / "a" / "00.png", os.R_OK):
        pytest.skip("this user, perhaps root, may read everything")
    (tmp_path / "b" / "closed").mkdir(mode=0)
    dataset = from_directory(tmp_path, resize=4)
    assert len(dataset.unreadable) == 2 and all("Permission denied" in line for line in warnings_of(caplog))


def test_folder_with_a_directory_that_cannot_be_listed(tmp_path, caplog, monkeypatch):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    (tmp_path / "a" / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert from_directory(tmp_path, resize=4).unreadable == (str(tmp_path / "a" / "closed"),)
    assert [line.endswith("closed: Permission denied") for line in warnings_of(caplog)] == [True]


def test_folder_name_that_is_not_utf8(tmp_path):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    os.rename(tmp_path / "a" / "00.png", os.fsencode(tmp_path / "a") + b"/\xff.png")
    dataset = from_directory(tmp_path, resize=4)
    names = "".join(dataset.train.names + dataset.validation.names)
    assert r"\udcff.png" in names and names.encode()


def test_folder_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: data_dir='.*missing', which does not exist"):
        from_directory(tmp_path / "missing", resize=8)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"Received: data_dir='.*file', which is a file"):
        from_directory(tmp_path / "file", resize=8)
    with pytest.raises(ValueError, match=r"at least 2 class folders .* Received: 0 of 0 class folders in '.*': \[\]"):
        from_directory(tmp_path, resize=8)
    fill(tmp_path / "only", 3)
    with pytest.raises(ValueError, match=r"Received: 1 of 1 class folders in '.*': \['only'\]"):
        from_directory(tmp_path, resize=8)
    fill(tmp_path / "train", 1)
    fill(tmp_path / "validation", 1)
    with pytest.raises(ValueError, match=r"must have a sub-directory per class.* Received: '.*train' without any"):
        from_directory(tmp_path, resize=8)
    for kind in ("a", "b"):
        fill(tmp_path / "train" / kind, 1)
    with pytest.raises(ValueError, match=r"must have a readable validation image. Received: none in '.*train'"):
        from_directory(tmp_path, resize=8)
    (tmp_path / "validation" / "a").mkdir()
    (tmp_path / "validation" / "a" / "corrupt.png").write_bytes(b"corrupt")
    with pytest.raises(ValueError, match=r"must have a readable validation image. Received: none in '.*validation'"):
        from_directory(tmp_path, resize=8)
    for name, value in {"validation_split": 1.0, "limit": 0}.items():
        with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}={value}"):
            from_directory(tmp_path, **{"resize": 8, name: value})
    with pytest.raises(ValueError, match=r"`size` must be a positive integer. Received: size=0"):
        from_directory(tmp_path, resize=0)


@needs("data", "cats_vs_dogs")
def test_real_folder(caplog):
    dataset = from_directory(SHARED / "data" / "cats_vs_dogs", resize=32, limit=20)
    assert dataset.class_names == ("cat", "dog") and not dataset.unreadable and not warnings_of(caplog)
    assert (len(dataset.train), len(dataset.validation)) == (40, 40)
    assert 80 < dataset.train.images.mean() < 160 and dataset.train.images.std() > 40
