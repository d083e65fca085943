"""`data.check`: one case for each finding."""

import os
import shutil

import pytest
from blots import blots, split_folder
from PIL import Image
from sample_images import warnings_of

from keras_effconv import data
from keras_effconv.data.checking import check as checking
from keras_effconv.data.images.reading import UnreadableImageError
from keras_effconv.data.sources.class_names import alike
from keras_effconv.data.sources.messages import CAUSES


@pytest.fixture(autouse=True)
def seed():
    """Nothing of Keras is drawn. A new seed would make TensorFlow prepare the decoder again, which takes seconds."""


@pytest.fixture
def folder(tmp_path):
    """Splits of classes a and b, without anything wrong."""
    return split_folder(tmp_path / "data")


def found(folder, **options):
    """Return {name: finding} of a check; a name occurs once."""
    findings = data.check(folder, **options).findings
    assert len({finding.name for finding in findings}) == len(findings), findings
    return {finding.name: finding for finding in findings}


def ends(finding):
    """The examples of a finding without their folders."""
    return [" = ".join("/".join(path.split("/")[-3:]) for path in line.split(" = ")) for line in finding.examples]


def test_nothing_is_wrong(folder, caplog):
    result = data.check(folder)
    assert result.findings == () and result.name == "data" and result.left_out == {} and not warnings_of(caplog)
    train, validation = result.splits["train"], result.splits["validation"]
    assert train.classes == {"a": 3, "b": 3} and validation.classes == {"a": 2, "b": 2}
    assert (train.images, train.unreadable, train.imbalance, train.formats) == (6, 0, 1, {"PNG": 6})
    assert train.sizes == {"min": (48, 40), "median": (48, 40), "max": (48, 40)} and train.traits == {}


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read(folder):
    whole = (folder / "train/a/0.png").read_bytes()
    (folder / "train/a/0.png").write_bytes(whole[: len(whole) // 2])
    (folder / "val/a/empty.jpg").write_bytes(b"")
    os.mkfifo(folder / "val/b/pipe.png")
    result = data.check(folder)
    assert [finding.harmful for finding in result.findings[:3]] == [True] * 3
    said = {finding.examples[0].rpartition("/")[2]: finding.text for finding in result.findings[:3]}
    assert said["empty.jpg"] == "1 file cannot be read (empty file)"
    assert said["pipe.png"] == "1 file cannot be read (not a regular file)"
    assert said["0.png"].startswith("1 file cannot be read (truncated: Invalid PNG")
    assert (result.splits["train"].unreadable, result.splits["validation"].unreadable) == (1, 2)
    assert result.splits["train"].classes == {"a": 2, "b": 3}


def test_many_causes_are_few_lines(folder, monkeypatch):
    """Damage of hostile files may have as many causes as there are files."""

    def unreadable(path, decoder):
        raise UnreadableImageError(f"cause {path[-20:]}")

    monkeypatch.setattr(checking, "picture_of", unreadable)
    for i in range(9):
        (folder / f"train/a/{i + 3}.png").touch()
    findings = [finding for finding in data.check(folder).findings if finding.name == "unreadable"]
    assert len(findings) == CAUSES + 1 and findings[-1].text == "9 files cannot be read (other causes)"
    assert sum(len(finding.examples) for finding in findings) == 19


def test_files_that_are_no_images(folder, caplog):
    (folder / "train/a/notes.txt").write_text("notes")
    (folder / "train/a/film.mp4").write_bytes(b"film")
    result = data.check(folder)
    assert result.left_out == {".txt": 1, ".mp4": 1} and not result.problems and not warnings_of(caplog)
    assert "left out 2 files that are no images (" in result.findings[0].text


# --- duplicates -------------------------------------------------------------------------------------------------------


def test_the_same_bytes_in_two_splits(folder):
    shutil.copy(folder / "train/a/0.png", folder / "val/a/copy.png")
    shutil.copy(folder / "train/a/0.png", folder / "val/a/again.png")
    leak = found(folder)["leak"]
    assert leak.harmful and leak.text == "leak: 2 images of validation, with the same pixels, in train"
    assert sorted(ends(leak)) == ["val/a/again.png = train/a/0.png", "val/a/copy.png = train/a/0.png"]


def test_the_same_pixels_in_another_format(folder):
    Image.open(folder / "train/b/2.png").save(folder / "val/b/leak.bmp")
    assert list(ends(found(folder)["leak"])) == ["val/b/leak.bmp = train/b/2.png"]


def test_the_same_image_with_two_labels(folder):
    shutil.copy(folder / "train/a/1.png", folder / "train/b/wrong.png")
    findings = found(folder)
    assert list(findings) == ["conflict"] and findings["conflict"].harmful
    assert ends(findings["conflict"]) == ["train/a/1.png = train/b/wrong.png"]


def test_twice_in_a_split_is_no_problem(folder):
    shutil.copy(folder / "train/a/1.png", folder / "train/a/twice.png")
    assert not data.check(folder).problems and ends(found(folder)["duplicate"]) == ["train/a/twice.png = train/a/1.png"]


def test_near_duplicates(folder):
    """Of another size and compression: in another split, with another label, and in the same class."""
    original = Image.open(folder / "train/a/0.png")
    original.resize((96, 80)).save(folder / "val/a/near.jpg", quality=90)
    near = found(folder)
    assert list(near) == ["near leak"] and near["near leak"].harmful
    assert near["near leak"].text == "near leak: 1 image of validation with a near duplicate in train"
    assert ends(near["near leak"]) == ["val/a/near.jpg = train/a/0.png"]
    shutil.move(folder / "val/a/near.jpg", folder / "train/a/near.jpg")
    near = found(folder)
    assert list(near) == ["near duplicate"] and not near["near duplicate"].harmful
    shutil.move(folder / "train/a/near.jpg", folder / "train/b/near.jpg")
    near = found(folder)
    assert list(near) == ["near conflict"] and near["near conflict"].harmful


def test_copies_of_a_near_duplicate_do_not_hide_a_leak(folder):
    """Copies with the same pixels are compared once, but once in each split."""
    original = Image.open(folder / "train/a/0.png")
    original.resize((96, 80)).save(folder / "train/a/near.png")
    shutil.copy(folder / "train/a/near.png", folder / "val/a/near.png")
    assert ends(found(folder)["near leak"]) == ["val/a/near.png = train/a/0.png"]


def test_many_images_are_not_searched_for_near_duplicates(folder, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 9)
    monkeypatch.setattr(checking, "near_pairs", None)
    assert found(folder)["incomplete"].text == "not searched for near duplicates, of more than 9 images"


def test_a_search_that_stopped_says_so(folder, monkeypatch):
    for i in range(3):
        blots(1, (60 + i, 50)).save(folder / f"train/a/near{i}.png")
    monkeypatch.setattr(checking, "MOST_PAIRS", 2)
    assert "stopped at" in found(folder)["incomplete"].text


# --- images and classes -----------------------------------------------------------------------------------------------


def test_small_long_and_blank_images(folder):
    blots(50, (40, 31)).save(folder / "train/a/small.png")
    blots(51, (120, 39)).save(folder / "train/a/long.png")
    Image.new("RGB", (64, 64), (200, 190, 180)).save(folder / "train/b/blank.png")
    Image.new("RGB", (60, 60), (200, 190, 180)).save(folder / "val/b/blank.png")
    findings = found(folder)
    assert not any(finding.harmful for finding in findings.values())
    assert ends(findings["small"]) == ["train/a/small.png"] and ends(findings["elongated"]) == ["train/a/long.png"]
    assert ends(findings["blank"]) == ["train/b/blank.png", "val/b/blank.png"]  # but no near duplicates
    assert data.check(folder).splits["train"].sizes == {"min": (40, 31), "median": (48, 40), "max": (120, 39)}


def test_formats_and_traits_are_counted(folder):
    blots(52).convert("L").save(folder / "train/a/grey.jpg")
    blots(53).convert("RGBA").save(folder / "val/a/clear.png")
    splits = data.check(folder).splits
    assert splits["train"].formats == {"PNG": 6, "JPEG": 1} and splits["train"].traits == {"grayscale": 1}
    assert splits["validation"].traits == {"transparency": 1}


@pytest.mark.parametrize("count, expected", [(30, False), (31, True)])
def test_imbalance(folder, count, expected):
    for i in range(count - 3):
        blots(100 + i).save(folder / f"train/a/more{i}.png")
    findings = found(folder)
    assert ("imbalance" in findings) == expected
    if expected:
        assert findings["imbalance"].text == "imbalance: 31 training images of 'a', 3 of 'b'"
        assert not findings["imbalance"].harmful


def test_class_names_that_look_alike(folder):
    for name in ("Blue Jay", "blue_jay"):
        shutil.copytree(folder / "train/a", folder / "train" / name)
    problem = {finding.name: finding for finding in data.check(folder).problems}["alike"]
    assert problem.text == "1 group of class names that look alike"
    assert problem.examples == ("'Blue Jay' and 'blue_jay'",)


@pytest.mark.parametrize("separator", [" ", "-", "_", ".", "- ", "--"])
def test_separators_count_between_digits_alone(separator):
    """Once "2.5" and "25", "1-0" and "10", "-1" and "1" were one class, and a check ended with status 1."""
    for form, count in (("2{}5", 1), ("v1{}0", 1), ("a{}b", 2), ("a{}5", 2), ("5{}a", 2), ("a{}", 2)):
        names = [form.format(separator), form.format("")]
        assert max(map(len, alike(names, separators=True)), default=1) == count, names
    assert not alike(["-1", "1", ".5", "5"], separators=True)


def test_a_validation_class_that_looks_like_one_of_training(folder):
    """Its images would be left out."""
    for part, name in (("train", "blue jay"), ("val", "blue-jay")):
        (folder / part / name).mkdir()
        blots(len(name) + len(part)).save(folder / part / name / "0.png")
    findings = {finding.name: finding for finding in data.check(folder).findings}
    assert findings["alike"].harmful and findings["alike"].examples == ("'blue jay' and 'blue-jay'",)


def test_a_class_without_a_readable_image(folder):
    (folder / "train/c").mkdir()
    (folder / "train/c/0.png").write_bytes(b"no image")
    findings = found(folder)
    assert findings["empty"].harmful and findings["empty"].examples == ("c",)


def test_classes_that_cannot_be_measured(folder):
    (folder / "train/c").mkdir()
    blots(60).save(folder / "train/c/0.png")
    texts = [finding.text for finding in data.check(folder).findings if finding.name == "classes"]
    assert texts == ["a single training image in 1 class: c", "no validation image in 1 class: c"]


@pytest.mark.parametrize("place", [".", "train/a/0.png", "train/a/unreadable.png", "train/a/odd.bytes"])
def test_a_name_that_is_no_text_is_in_every_output(folder, tmp_path, place):
    """Names of files are bytes: of the data set, of images and of what is left out."""
    for name in ("unreadable.png", "odd.bytes"):
        (folder / "train/a" / name).write_bytes(b"no image")
    path = folder / place
    renamed = os.fsdecode(b"\xff\x1b") + path.suffix + os.fsdecode(b"\xfe" * (place == "train/a/odd.bytes"))
    os.rename(path, path.with_name(renamed))
    result = data.check(tmp_path / renamed if place == "." else folder)
    result.save(tmp_path / "out")
    str(result).encode("utf-8")
    assert "\x1b" not in str(result)
    (tmp_path / "out/check.json").read_text("utf-8").encode("utf-8")
    assert (tmp_path / "out/contact_sheet.png").stat().st_size > 1000
