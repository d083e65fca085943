"""Pixels of data above the memory limit: found again by the next run, whole or not at all, and removed."""

import os
import time

import numpy as np
import pytest
from PIL import Image
from sample_images import fill, save

from keras_effconv.data import from_directory
from keras_effconv.data.images import storage
from keras_effconv.data.images.storage import KEPT, filled


@pytest.fixture
def folder(tmp_path):
    for name in "ab":
        fill(tmp_path / "data" / name, 5)
    (tmp_path / "data" / "a" / "00.png").write_bytes(b"corrupt")
    return tmp_path


def load(folder, size=4, **options):
    return from_directory(folder / "data", size, memory_limit=0, cache_dir=folder / "cache", **options)


def files(folder):
    return sorted(path.name for path in (folder / "cache").iterdir())


def test_a_second_run_finds_the_pixels(folder, monkeypatch, caplog, capsys):
    first = load(folder)
    before = files(folder)
    monkeypatch.setattr("keras_effconv.data.sources.file_list.read_into", None)
    again = load(folder)
    assert files(folder) == before and len(before) == 1 and "pixels of an earlier run" in capsys.readouterr().out
    for part in ("train", "validation"):
        one, other = getattr(first, part), getattr(again, part)
        np.testing.assert_array_equal(one.images, other.images)
        assert one.names == other.names and one.labels.tolist() == other.labels.tolist()
    assert again.unreadable == first.unreadable == (str(folder / "data" / "a" / "00.png"),)


@pytest.mark.parametrize("change", ["size", "seed", "content", "another file"])
def test_other_data_is_read_anew(folder, change):
    load(folder)
    options = {"size": 5} if change == "size" else {"seed": 3} if change == "seed" else {}
    if change in ("content", "another file"):
        name = "01.png" if change == "content" else "new.png"
        save(Image.new("RGB", (9, 9), (1, 2, 3)), folder / "data" / "a" / name)
    dataset = load(folder, **options)
    assert len(files(folder)) == 2
    shades = {
        split.names[i].rpartition("/")[2]: split.images[i, 0, 0].tolist()
        for split in (dataset.train, dataset.validation)
        for i in range(len(split))
        if "/a/" in split.names[i]
    }
    expected = {"content": ("01.png", [1, 2, 3]), "another file": ("new.png", [1, 2, 3])}.get(change)
    assert expected is None or shades[expected[0]] == expected[1]


def test_old_files_go(tmp_path):
    for i in range(6):
        cached(tmp_path, f"data {i}", fill_with(i))
    assert len([*tmp_path.iterdir()]) == KEPT
    assert (cached(tmp_path, "data 5", None)[0] == 5).all()


def fill_with(value):
    def fill(images):
        images[:] = value
        return {"value": value}

    return fill


def cached(folder, key, fill):
    return filled(3, 4, fill, lambda: key, 0, folder)


def test_a_killed_run_leaves_nothing_that_is_taken_for_whole(tmp_path):
    def killed(images):
        images[:1] = 7
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, "x", killed)
    assert not [*tmp_path.iterdir()]
    folder = tmp_path / ".images_x.abc" / "images_x"  # as after `kill -9`
    folder.mkdir(parents=True)
    (folder / storage.PIXELS).write_bytes(b"half")
    (folder.parent / storage.LOCK).write_bytes(b"")
    images, note = cached(tmp_path, "x", fill_with(3))
    assert (images == 3).all() and note == {"value": 3}
    old = time.time() - storage.YOUNG - 1
    for path in (folder.parent, *folder.parent.glob("**/*")):
        os.utime(path, (old, old))
    cached(tmp_path, "y", fill_with(4))
    assert not folder.parent.exists()


def test_a_run_at_work_keeps_its_unfinished_file(tmp_path, monkeypatch):
    pytest.importorskip("fcntl")
    monkeypatch.setattr(storage, "YOUNG", -1)

    def fill(images):
        cached(tmp_path, "inner", fill_with(1))
        return fill_with(2)(images)

    assert cached(tmp_path, "outer", fill)[1] == {"value": 2}


def test_a_damaged_file_is_written_anew(tmp_path):
    cached(tmp_path, "x", fill_with(3))
    [path] = tmp_path.glob("*/*.npy")
    path.write_bytes(path.read_bytes()[:100])
    images, _ = cached(tmp_path, "x", fill_with(5))
    assert (images == 5).all()


def test_what_is_changed_later_stays_in_memory(tmp_path):
    images, _ = cached(tmp_path, "x", fill_with(3))
    images[0] = 9
    assert (cached(tmp_path, "x", None)[0] == 3).all()
