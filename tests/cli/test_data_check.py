"""`keras-effconv data check`: its statuses, and what it writes and prints."""

import json
import shutil

import pytest
from blots import blots
from commands import check_mistakes, command


@pytest.fixture(autouse=True)
def seed():
    """Nothing of Keras is drawn. A new seed would make TensorFlow prepare the decoder again, which takes seconds."""


@pytest.fixture
def photos(tmp_path):
    """A folder per class."""
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(4):
            blots(10 * number + i).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def test_nothing_is_wrong(photos, tmp_path):
    done = command("data", "check", photos, "--validation_split=0.25")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "photos: found 2 classes, 8 images; 25% of each class validate"
    assert "train            6           0        2               3        3  48x40  48x40   48x40" in lines
    assert "cat        3           1" in lines and "PNG         6           2" in lines
    assert lines[-3:] == ["no problems", "", "no notes"] and sorted(tmp_path.iterdir()) == [photos]


def test_a_problem_is_status_1_and_is_written(photos, tmp_path):
    shutil.copy(photos / "cat/0.png", photos / "dog/cat.png")
    for _ in range(2):  # the second one replaces the files of the first
        done = command("data", "check", f"--data_dir={photos}", f"--output={tmp_path / 'out'}")
        assert (done.returncode, done.stderr) == (1, "")
    assert f"photos/cat/0.png = {photos}/dog/cat.png" in done.stdout
    assert done.stdout.splitlines()[-1] == f"written to {tmp_path / 'out'}: check.json contact_sheet.png"
    saved = json.loads((tmp_path / "out/check.json").read_text())
    assert "conflict" in [finding["name"] for finding in saved["findings"] if finding["harmful"]]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["check.json", "contact_sheet.png"]


def test_mistakes_are_one_line(photos, tmp_path):
    (tmp_path / "file").write_text("")
    mistakes = [
        (("check",), "`FOLDER` must be a folder of images or a CSV file. Received: nothing"),
        (("check", photos, f"--data_dir={photos}"), "`FOLDER` must be a folder of images or a CSV file. Received: "),
        (("check", photos, photos), "check: too many positional arguments"),
        (("check", tmp_path / "none"), "which does not exist"),
        (("check", photos / "cat"), "at least 2 class folders"),
        (("check", photos, "--validation_split=1"), "`validation_split` must be a number in (0, 1)"),
        (("check", photos, f"--output={photos}"), "`output` must be a folder without images"),
        (("check", photos, f"--output={photos / 'cat'}"), "`output` must be a folder without images"),
        (("check", photos, f"--output={tmp_path / 'file'}"), "must be a folder that can be written to"),
    ]
    check_mistakes("data", mistakes)
    assert not list(photos.rglob("check.json"))


def test_throughput_takes_the_same_flags(photos, monkeypatch):
    sources = []
    monkeypatch.setattr("keras_effconv.data.throughput", lambda source, *rest: sources.append(len(source)) or 1.0)
    done = command("data", "throughput", f"--data_dir={photos}", "--recipe=none", "--validation_split=0.5")
    assert done.returncode == 0 and sources == [4, 4] and done.stdout.count("photos, to ") == 2
