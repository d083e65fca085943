"""Data at addresses, through fsspec: `memory://` in place of a cloud, `file://`, and what is not installed."""

import threading

import pytest
from sample_images import fill

from keras_effconv.data import load, scan
from keras_effconv.data.sources import remote

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
