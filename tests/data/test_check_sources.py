"""What `data.check` takes: folders and CSV files, as `scan` does, and nothing else."""

import csv

import numpy as np
import pytest
from blots import blots, split_folder

from keras_effconv import data


@pytest.fixture(autouse=True)
def seed():
    """Nothing of Keras is drawn. A new seed would make TensorFlow prepare the decoder again, which takes seconds."""


@pytest.fixture
def folder(tmp_path):
    """Splits of classes a and b, without anything wrong."""
    return split_folder(tmp_path / "data")


def test_a_csv_file(folder):
    rows = [
        ("path", "kind", "split"),
        *((f"train/{name}/{i}.png", name, "train") for name in "ab" for i in range(3)),
        *((f"val/{name}/{i}.png", name, "val") for name in "ab" for i in range(2)),
        *((f"val/a/{i}.png", "a", "val") for i in range(2)),
        ("train/a/0.png", "b", "train"),
        ("missing.png", "a", "train"),
    ]
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    result = data.check(folder / "table.csv", csv_label_column="kind")
    texts = {finding.text: finding.harmful for finding in result.findings}
    assert texts == {
        "1 file cannot be read (No such file or directory)": True,
        "1 row skipped (the same path as in an earlier row, with another label)": True,
        "2 rows skipped (the same path as in an earlier row)": False,
    }
    assert result.splits["train"].classes == {"a": 3, "b": 3}


def test_the_splits_are_those_of_scan(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(10):
            blots(i + 10 * ord(name)).save(tmp_path / name / f"{i}.png")
    options = {"validation_split": 0.3, "seed": 3, "limit": 5}
    scanned, result = data.scan(data_dir=tmp_path, **options), data.check(tmp_path, **options)
    assert result.splits["train"].images == len(scanned.train) == 10
    assert result.splits["validation"].images == len(scanned.validation) == 6
    assert {path for paths in result.samples.values() for path in paths} == set(scanned.train.paths)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: None, "which does not exist"),
        (lambda path: (path / "a").mkdir(parents=True), "at least 2 class folders"),
        (lambda path: (path.mkdir(), np.savez(path / "train.npz", images=[0])), "with archives"),
    ],
)
def test_what_is_no_data_set_is_an_error(tmp_path, make, message):
    make(tmp_path / "data")
    with pytest.raises((ValueError, OSError), match=message):
        data.check(tmp_path / "data")


def test_a_folder_of_damaged_files_is_a_report(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"damaged")
    result = data.check(folder)
    assert result.splits["train"].images == 0 and result.splits["train"].unreadable == 6
    assert [finding.name for finding in result.problems] == ["unreadable", "empty"] and "no notes" in str(result)
