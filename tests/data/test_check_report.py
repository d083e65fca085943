"""What `data.check` says: in text, in JSON and in a picture."""

import json
import os
import shutil

import numpy as np
import pytest
from blots import split_folder
from paths import SHARED, needs
from PIL import Image

from keras_effconv import data
from keras_effconv.data.checking import contact_sheet, report
from keras_effconv.data.checking.contact_sheet import samples_of


@pytest.fixture(autouse=True)
def seed():
    """Nothing of Keras is drawn. A new seed would make TensorFlow prepare the decoder again, which takes seconds."""


@pytest.fixture
def folder(tmp_path):
    """Splits of classes a and b, without anything wrong."""
    return split_folder(tmp_path / "data")


def test_the_text_is_short(folder):
    for i in range(5):
        (folder / f"train/a/bad{i}.png").write_bytes(b"")
    for i in range(25):
        shutil.copytree(folder / "train/a", folder / f"train/class {i}")
    text = str(data.check(folder))
    assert "bad2.png\n    and 127 more\n" in text and "bad3.png" not in text
    assert "... and 7 classes more, all in check.json" in text and "class 9" not in text.partition("problem")[0]


def test_a_name_cannot_command_the_terminal(folder):
    (folder / "train/a/\x1b[2J\nfine.png").write_bytes(b"")
    text = str(data.check(folder))
    assert "\x1b" not in text and r"\x1b[2J\nfine.png" in text


def test_the_files(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_EXAMPLES", 2)
    for i in range(4):
        (folder / f"train/a/bad{i}.png").write_bytes(b"")
    result = data.check(folder)
    result.save(tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["check.json", "contact_sheet.png"]
    saved = json.loads((tmp_path / "out/check.json").read_text())
    assert saved["splits"]["train"]["images"] == 6 and saved["splits"]["train"]["sizes"]["min"] == [48, 40]
    [finding] = saved["findings"]
    assert finding["count"] == 4 and len(finding["examples"]) == 2 and finding["harmful"] is True
    assert saved["bounds"]["imbalance"] == 10


def test_what_a_check_has_written_is_no_class(folder):
    data.check(folder).save(folder / "train" / "report")
    assert list(data.check(folder).splits["train"].classes) == ["a", "b"]


def colours(path):
    """The pixels of a picture, as a set of tuples."""
    with Image.open(path) as picture:
        return set(map(tuple, np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist())), picture.size


def test_the_contact_sheet_shows_each_class_also_with_hard_names(tmp_path):
    names = {"$x^{": (250, 10, 20), "玫瑰": (10, 240, 30), "long " * 30: (20, 30, 230)}
    for name, colour in names.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (300, 50 + i), colour).save(tmp_path / "data" / name / f"{i}.png")
    data.check(tmp_path / "data").save(tmp_path)
    seen, (width, height) = colours(tmp_path / "contact_sheet.png")
    assert set(names.values()) <= seen and width > 300 and height > 300


def test_a_file_that_is_gone_leaves_a_gap(folder, tmp_path):
    result = data.check(folder)
    shutil.rmtree(folder)
    result.save(tmp_path / "out")
    seen, _ = colours(tmp_path / "out/contact_sheet.png")
    assert all(len(set(pixel)) == 1 for pixel in seen)  # letters only


def test_the_sheet_is_bounded():
    files = [(f"class {i:03}", f"{i}/{j}.jpg") for i in range(100) for j in range(20)]
    samples = samples_of(files)
    assert len(samples) == contact_sheet.ROWS and {len(paths) for paths in samples.values()} == {contact_sheet.COLUMNS}
    assert (min(samples), max(samples)) == ("class 000", "class 099")
    assert samples["class 000"][0] == "0/0.jpg" and samples["class 000"][-1] == "0/19.jpg"


@needs("data", "flowers")
def test_real_images():
    result = data.check(SHARED / "data" / "flowers", limit=12)
    assert result.findings == () and result.splits["train"].images == 60
    assert result.splits["train"].formats == {"JPEG": 60}
