"""`keras-effconv zoo`, the writers behind it, and archives of checkpoints."""

import concurrent.futures
import errno
import functools
import io
import os
import shutil
import tarfile
import tempfile
import threading

import keras
import numpy as np
import pytest
from commands import check_mistakes, command

import keras_effconv as ke
from keras_effconv.zoo import writers
from keras_effconv.zoo.fetching import unpack
from keras_effconv.zoo.fetching.unpack import unpacked
from keras_effconv.zoo.readers import FormatError

run = functools.partial(command, "zoo")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Weights of a small network, as Keras wrote them long ago, and outputs of it."""
    folder = tmp_path_factory.mktemp("source")
    keras.utils.set_random_seed(0)
    model = ke.ResNet20(weights=None, width=0.25, conv=ke.OctConv(alpha=0.25))
    for v in model.weights:
        v.assign(np.random.default_rng(0).uniform(0.1, 1, v.shape).astype("float32") / v.shape[-1])
    images = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    np.savez(folder / "reference.npz", images=images, outputs=keras.ops.convert_to_numpy(model(images)))
    model.save_weights(folder / "model.weights.h5")
    return folder


@pytest.mark.long
def test_convert_writes_each_format_and_compares(source, tmp_path):
    flags = ("--model=ResNet20", "--conv=OctConv(alpha=0.25)", '--options={"width": 0.25}')
    path = source / "model.weights.h5"
    for suffix in writers.SUFFIXES:
        result = run("convert", path, tmp_path / f"new{suffix}", *flags, f"--reference={source / 'reference.npz'}")
        assert result.returncode == 0, result.stderr
        assert "largest difference 0\n" in result.stdout and "reference.npz: " in result.stdout
        path = tmp_path / f"new{suffix}"
    wrong = {**np.load(source / "reference.npz")}
    np.savez(tmp_path / "wrong.npz", images=wrong["images"], outputs=wrong["outputs"] + 1)
    result = run("convert", path, tmp_path / "last.keras", *flags, f"--reference={tmp_path / 'wrong.npz'}")
    assert result.returncode == 2 and "the difference must be at most 0.0001. Received: " in result.stderr


def test_a_mistake_is_one_line_and_status_2():
    mistakes = [
        ((), "`ACTION` must be one of list, fetch, verify, convert, push. Received: nothing"),
        (("list", "--model=nothing"), "no set of weights has that name. Received: model='nothing'"),
        (("fetch", "--model=ResNet50"), "must be those of one set, or --yes be given. Received: "),
        (("convert", "a.h5", "b.txt", "--model=VGG16"), "ends in .weights.h5, .keras, .safetensors"),
        (("convert", "nothing.h5", "b.keras", "--model=ResNet20"), "nothing.h5"),
        (("convert", "a.h5", "b.keras", "--model=ResNet20", "--options=[1]"), "must be a JSON object"),
    ]
    check_mistakes("zoo", mistakes)


def test_fetch_from_a_mirror_and_verify(tmp_path):
    """ResNet20's published file does not fit in a test: a mirror with another one shows both ends."""
    mirror, home = tmp_path / "mirror", tmp_path / "home"
    mirror.mkdir()
    (mirror / "resnet20-12fca82f.th").write_bytes(b"something else")
    flags = ("--model=^ResNet20$", "--tag=cifar10")
    environment = {"KERAS_EFFCONV_ZOO": str(mirror), "KERAS_HOME": str(home)}
    assert "must have the hash 12fca82f" in run("fetch", *flags, **environment).stderr
    assert run("verify", *flags, **environment).stdout == ""
    (home / "models").mkdir(parents=True)
    (home / "models" / "resnet20-12fca82f.th").write_bytes(b"something else")
    result = run("verify", *flags, **environment)
    assert result.returncode == 1 and "must have the hash 12fca82f" in result.stdout


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' folder of downloads."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(unpack, "_TEMPORARY", {})
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


CHECKPOINT = {"net/model.ckpt.index": b"i", "net/model.ckpt.data-00000-of-00001": b"d", "net/checkpoint": b"c"}


def test_an_archive_is_unpacked_into_the_cache_and_nowhere_else(tmp_path, cache):
    inside = tmp_path / "mirror"
    inside.mkdir()
    files = {
        "net/model.ckpt.index": b"i",
        "../../model.ckpt.data-00000-of-00001": b"d",
        "/checkpoint": b"c",
        "run.py": b"x",
    }
    folder = unpacked(archive(inside / "net.tar.gz", files))
    assert folder == cache / "net"
    assert sorted(p.name for p in folder.iterdir()) == [
        "archive.sha256",
        "checkpoint",
        "model.ckpt.data-00000-of-00001",
        "model.ckpt.index",
    ]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file() and p.parent != folder) == ["net.tar.gz"]
    assert unpacked(inside / "net.tar.gz") == folder


def test_times_play_no_part_in_what_is_unpacked(tmp_path, cache):
    """A cache that was copied has other times; an archive that was replaced may have an older one."""
    path = archive(cache / "net.tar.gz", CHECKPOINT)
    folder = unpacked(path)
    os.utime(folder, (1, 1))
    number = folder.stat().st_ino
    assert unpacked(path) == folder and folder.stat().st_ino == number
    archive(path, {**CHECKPOINT, "net/model.ckpt.index": b"another"})
    os.utime(path, (1, 1))
    assert (unpacked(path) / "model.ckpt.index").read_bytes() == b"another"
    other = tmp_path / "copy"
    shutil.copytree(cache, other)
    shutil.rmtree(cache)
    assert unpacked(other / "net.tar.gz") == other / "net"


def test_a_cache_that_can_only_be_read_serves(cache, monkeypatch):
    path = archive(cache / "net.tar.gz", CHECKPOINT)

    def refuse(*_, **others):
        if str(others.get("dir", "")).startswith(str(cache)):
            raise OSError(errno.EROFS, "Read-only file system")
        return made(*_, **others)

    made = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    folder = unpacked(path)
    assert (folder / "checkpoint").read_bytes() == b"c" and unpacked(path) == folder
    assert [each.name for each in cache.iterdir()] == ["net.tar.gz"]


def test_two_who_unpack_at_once_both_have_it(cache, monkeypatch):
    """Both have asked whether it is there before either has put it there."""
    path, barrier, replace = archive(cache / "net.tar.gz", CHECKPOINT), threading.Barrier(2), os.replace

    def wait(source, target):
        barrier.wait()
        replace(source, target)

    monkeypatch.setattr(os, "replace", wait)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(unpacked, [path, path]))
    assert folders == [cache / "net"] * 2 and (cache / "net" / "checkpoint").is_file()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_full_disk_is_no_damage_of_the_archive(number, cache, monkeypatch):
    path = archive(cache / "net.tar.gz", CHECKPOINT)

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        unpacked(path)
    assert [each.name for each in cache.iterdir()] == ["net.tar.gz"]


@pytest.mark.parametrize("content", [b"", b"<html>", None], ids=["empty", "page", "no checkpoint"])
def test_another_archive_is_one_error_and_leaves_nothing(cache, content):
    path = cache / "net.tar.gz"
    if content is None:
        archive(path, {"readme.txt": b"hello"})
    else:
        path.write_bytes(content)
    with pytest.raises(FormatError, match="`path` must be an archive of a TensorFlow checkpoint"):
        unpacked(path)
    assert [p.name for p in cache.iterdir()] == ["net.tar.gz"]
