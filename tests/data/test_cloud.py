"""Data at addresses, through fsspec: `memory://` in place of a cloud, `file://`, and what is not installed."""

import sys
import threading
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sample_images import encoded, fill

from keras_effconv.data import load, scan
from keras_effconv.data.sources import remote
from keras_effconv.data.sources.origin import CHANGES, origin_of, state_of
from keras_effconv.training.reporting.environment import environment

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A file system in memory with `photos/{train,val}/{a,b}`, and the folder of the same files."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    for part, count in {"train": 3, "val": 2}.items():
        for name in "ab":
            fill(tmp_path / "photos" / part / name, count)
    for path in (tmp_path / "photos").rglob("*.png"):
        memory.pipe(f"/photos/{path.relative_to(tmp_path / 'photos')}", path.read_bytes())
    memory.pipe("/photos/film.mp4", b"film")
    memory.pipe("/photos/.DS_Store", b"junk")
    yield memory
    memory.store.clear()


@pytest.fixture
def copied(monkeypatch):
    """The names of the files that are copied."""
    names, original = [], remote._copied

    def spy(fs, paths, target):
        names.extend(sorted(paths))
        return original(fs, paths, target)

    monkeypatch.setattr(remote, "_copied", spy)
    return names


def test_a_folder_is_copied_once(bucket, copied, capsys, tmp_path):
    dataset = load(data_dir="memory://photos", resize=4)
    assert dataset.class_names == ("a", "b") and (len(dataset.train), len(dataset.validation)) == (6, 4)
    assert len(copied) == 10 and not any("mp4" in name or "DS_Store" in name for name in copied)
    out = capsys.readouterr().out
    assert "memory://photos: copying 10 of 10 files, 0.0 MiB, to " in out and "1 files are not copied" in out
    assert dataset.name == "photos" and str(tmp_path / "home") in dataset.train.names[0]
    copied.clear()
    scan(data_dir="memory://photos/")
    assert not copied and "copying" not in capsys.readouterr().out


def test_a_copy_resumes_and_follows_changes(bucket, copied, monkeypatch):
    get, failing, others = type(bucket).get_file, [True], threading.Semaphore(0)

    def interrupted(self, path, target, **options):
        if "val/b/00" in path and failing[0]:
            assert all(others.acquire(timeout=60) for _ in range(9))  # the failure comes last: nothing is lost by it
            raise ConnectionError("gone away\nfor good")
        get(self, path, target, **options)
        others.release()

    monkeypatch.setattr(type(bucket), "get_file", interrupted)
    with pytest.raises(
        OSError, match=r"`data_dir` must be .* Received: 'memory://photos': ConnectionError: gone away for"
    ):
        scan(data_dir="memory://photos")
    failing[0] = False
    copied.clear()
    assert len(scan(data_dir="memory://photos").validation) == 4 and copied == ["val/b/00.png"]
    copied.clear()
    bucket.pipe("/photos/train/a/00.png", b"other bytes")
    bucket.rm("/photos/train/b/02.png")
    assert len(scan(data_dir="memory://photos").train) == 5 and copied == ["train/a/00.png"]


def test_a_table_and_the_images_that_it_names(bucket, copied):
    rows = [f"{part}/{name}/0{i}.png,{name},{part}" for part in ("train", "val") for name in "ab" for i in range(2)]
    bucket.pipe("/photos/table.csv", "\n".join(["path,label,split", *rows]).encode())
    dataset = scan(data_dir="memory://photos/table.csv")
    assert (len(dataset.train), len(dataset.validation)) == (4, 4) and "train/a/00.png" in copied
    assert all("/home/" in path for path in dataset.train.paths)


def test_a_local_address_is_no_copy(bucket, copied, tmp_path):
    assert len(scan(data_dir=f"file://{tmp_path}/photos").train) == 6 and not copied


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("memory://none", OSError, "Received: 'memory://none': FileNotFoundError"),
        ("nothing://photos", ValueError, "Received: 'nothing://photos': Protocol not known: nothing"),
    ],
)
def test_addresses_that_cannot_be_read_are_one_line(bucket, address, error, message):
    with pytest.raises(error, match=message) as raised:
        load(data_dir=address, resize=4)
    assert "\n" not in str(raised.value)


def test_what_to_install_is_said(bucket, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "fsspec", None)
        with pytest.raises(ImportError, match=r'expected fsspec .* pip install "keras-effconv\[cloud\]"'):
            load(data_dir="gs://bucket/photos", resize=4)

    def missing(address):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(
        ImportError, match=r"Received: 's3://bucket/photos', whose scheme needs a package: Install s3fs"
    ):
        load(data_dir="s3://bucket/photos", resize=4)


def test_names_that_lead_out_of_their_folder_are_refused(bucket, monkeypatch, tmp_path):
    monkeypatch.setattr(remote, "_listed", lambda fs, folder: {"../out.png": ("/photos/film.mp4", {"size": 4})})
    with pytest.raises(OSError, match=r"names must stay in their folder. Received: ../out.png"):
        scan(data_dir="memory://photos")


ADDRESSES = (
    "zip://photos::file://{here}/a.zip",
    "zip://photos::file://{here}/b.zip",
    "zip://others::file://{here}/a.zip",
    "zip://photos::memory://a.zip",
    "zip://photos/table.csv::file://{here}/c.zip",
    "memory://photos",
    "memory://x/photos",
    *(f"ftp://{user}@{host}/photos" for user in ("alice", "bob") for host in ("host", "other", "host:2121")),
    "webhdfs://one:9870/photos",
    "webhdfs://two:9870/photos",
    "github://alice:flowers@main/photos",
    "github://bob:flowers@main/photos",
    "github://alice:cars@main/photos",
    "github://alice:flowers@v1/photos",
)


@pytest.fixture
def origin_at(monkeypatch):
    """A function from an address to its origin; no host is connected to."""

    def unconnected(protocol, **options):
        return SimpleNamespace(protocol=protocol, storage_options=options)

    monkeypatch.setattr(fsspec.core, "filesystem", unconnected)
    return lambda address: origin_of(*fsspec.core.url_to_fs(address))


def test_addresses_that_differ_in_a_component_have_places_of_their_own(origin_at, tmp_path):
    """Once the archive, the host and the repository did not count: the second of two had the images of the first."""
    addresses = [address.format(here=tmp_path) for address in ADDRESSES]
    assert len({origin_at(address) for address in addresses}) == len(addresses)
    assert origin_at("ftp://me:secret@host/photos") == origin_at("ftp://me:renewed@host/photos")
    assert "secret" not in origin_at("zip://photos::ftp://me:secret@host/a.zip")


@pytest.mark.parametrize("fact", CHANGES)
def test_a_file_of_the_same_size_that_another_fact_tells_apart(fact):
    assert len({state_of({"size": 9, fact: value}) for value in ("one", "two", None)}) == 3


def zipped(path, shades):
    """A zip file of two classes, with images of one size and one date."""
    with zipfile.ZipFile(path, "w") as archive:
        for i, shade in enumerate(shades):
            name = zipfile.ZipInfo(f"photos/{'ab'[i % 2]}/{i}.bmp", (2020, 1, 1, 0, 0, 0))
            archive.writestr(name, encoded(Image.new("L", (4, 4), shade), "BMP"))


def test_members_of_archives_are_those_of_each_archive_as_it_is_now(bucket, copied, tmp_path):
    def shades(name):
        fsspec.get_filesystem_class("zip").clear_instance_cache()
        dataset = load(data_dir=f"zip://photos::file://{tmp_path}/{name}.zip", resize=4)
        return sorted(np.concatenate([dataset.train.images, dataset.validation.images])[:, 0, 0, 0].tolist())

    zipped(tmp_path / "a.zip", [10, 20, 30, 40])
    zipped(tmp_path / "b.zip", [50, 60, 70, 80])
    assert shades("a") == [10, 20, 30, 40] and shades("b") == [50, 60, 70, 80]
    zipped(tmp_path / "a.zip", [10, 20, 30, 90])
    copied.clear()
    assert shades("a") == [10, 20, 30, 90] and copied == ["b/3.bmp"]


def test_passwords_in_addresses_are_not_said(bucket, monkeypatch, capsys, tmp_path):
    memory = fsspec.filesystem("memory")
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda address: (memory, "/photos"))
    load(data_dir="memory://me:secret@photos?token=secret", resize=4)
    monkeypatch.setattr(type(memory), "find", lambda *_, **__: {}["ftp://me:secret@photos"])
    with pytest.raises(OSError, match=r"Received: 'memory://me:\*\*\*@photos\?token=\*\*\*': KeyError") as raised:
        load(data_dir="memory://me:secret@photos?token=secret", resize=4)
    said = capsys.readouterr().out
    assert "memory://me:***@photos?token=***: copying" in said and "secret" not in said + str(raised.value)
    assert not [path for path in (tmp_path / "home").rglob("*") if "secret" in str(path)]
    monkeypatch.setattr(sys, "argv", ["finetune", "--data_dir=zip://a::ftp://me:secret@host/a.zip"])
    assert environment()["command"] == ["finetune", "--data_dir=zip://a::ftp://me:***@host/a.zip"]
