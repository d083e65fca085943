"""keras_effconv.data.from_csv."""

import csv
import re

import numpy as np
import pytest
from paths import SHARED, needs
from PIL import Image

from keras_effconv.data import from_csv, from_directory, load

SHADES = {"a": 10, "b": 60, "c": 120, "d": 180}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images, all").mkdir()
    for name, shade in SHADES.items():
        Image.new("RGB", (6, 5), (shade,) * 3).save(tmp_path / "images, all" / f"{name}.png")
    return tmp_path


def write(folder, rows, header=("path", "label", "split")):
    with (folder / "table.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / "table.csv"


def row(name, *rest):
    return (f"images, all/{name}.png", *rest)


def shades(split):
    return split.images[:, 0, 0, 0].tolist()


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_rows_labels_and_splits(folder, caplog):
    rows = [row("d", "zebra", "Train"), row("b", "ape", "training"), row("a", "ape", "test"), row("c", "zebra", "val")]
    dataset = load(data_dir=write(folder, rows), resize=4)
    assert dataset.class_names == ("ape", "zebra") and dataset.name == "table" and dataset.flip
    assert (shades(dataset.train), dataset.train.labels.tolist()) == ([180, 60], [1, 0])
    assert shades(dataset.validation) == [120] and shades(dataset.test) == [10]
    lines = warnings_of(caplog)
    assert lines[0] == "table: a single training image in 2 classes: ape, zebra" and len(lines) == 4
    assert lines[1:] == [
        "table: no validation image in 1 class: ape",
        "table: validation has images of one class only: zebra",
        "table: test has images of one class only: ape",
    ]
    assert not dataset.unreadable and load(data_dir=folder / "table.csv", resize=4, strict=True)
    assert dataset.train.names[0] == str(folder / "images, all" / "d.png")


def test_without_split_each_class_is_divided(folder):
    rows = [("ignored", "x", f"images, all/{name}.png") for name in "ab"]
    rows += [("ignored", "y", f"images, all/{name}.png") for name in "cd"]
    dataset = from_csv(write(folder, rows, ("other", " label", "path ")), resize=4, seed=3)
    assert sorted(dataset.train.labels) == sorted(dataset.validation.labels) == [0, 1]
    assert sorted(shades(dataset.train) + shades(dataset.validation)) == sorted(SHADES.values())
    assert len(from_csv(folder / "table.csv", resize=4, limit=1).train) == 2


def test_bad_rows_are_named_once_each(folder, caplog):
    bad = [
        (("", "x", "train"), "no value for path"),
        (row("a", " ", ""), "no value for label"),
        (row("a", "x", "elsewhere"), "`split` must mean one of train, validation, test"),
        ((*row("a", "x", "train"), "extra"), "more values than columns"),
        (("a\0.png", "x", "train"), "zero byte"),
        (row("b", "x"), "`split` must mean one of"),
        (row("c", "x", "train"), r"the same path as in an earlier row"),
    ]
    good = [row("c", "x", "train"), row("d", "y", "train"), row("a", "y", "val"), row("missing", "y", "train")]
    path = write(folder, [good[0], *(cells for cells, _ in bad), *good[1:]])
    dataset = from_csv(path, resize=4)
    missing = str(folder / "images, all" / "missing.png")
    lines = [line for line in warnings_of(caplog) if line.startswith("skipped")]
    assert dataset.unreadable == (*(f"table.csv:{i + 3}" for i in range(len(bad))), missing)
    assert len(lines) == len(bad) and lines[-1] == f"skipped {missing}: No such file or directory"  # two of one cause
    for i, (_, cause) in enumerate(bad):
        assert sum(f"table.csv:{i + 3}" in line and re.search(cause, line) is not None for line in lines) == 1, cause
    with pytest.raises(ValueError, match=r"`strict=True` all must be readable. Received: 8 unreadable: table.csv:3: "):
        load(data_dir=path, resize=4, strict=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no path nor label among the columns"),
        (b"path,kind,other\na.png,x,y\n", "no label among the columns"),
        (b"path\na.png\n", "no label among the columns"),
        (b'path,label\n"a.png"b,x\n', "table.csv': .*expected after"),
        (b"path,label\n" + b"x" * 200_000 + b",a\n", "field larger than field limit"),
        (b"path,label\n", r"at least 2 classes with readable images. Received: 0 of 0 classes in '.*table.csv'"),
    ],
)
def test_no_such_table(folder, content, message):
    (folder / "table.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        from_csv(folder / "table.csv", resize=4)
    assert "\n" not in str(raised.value)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`path` must be a CSV file of path and label. Received: "):
        load(data_dir=tmp_path / "none.csv", resize=4)


@needs("data", "flowers")
def test_real_images_are_those_of_the_folder(tmp_path):
    root = SHARED / "data" / "flowers"
    expected = from_directory(root, resize=16, limit=3)
    rows = [(name, name.split("/")[-2], "train") for name in expected.train.names]
    rows += [(name, name.split("/")[-2], "val") for name in expected.validation.names]
    found = from_csv(write(tmp_path, rows), resize=16)
    assert found.class_names == expected.class_names
    np.testing.assert_array_equal(found.train.images, expected.train.images)
    np.testing.assert_array_equal(found.validation.labels, expected.validation.labels)
