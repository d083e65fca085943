"""Splits inside classes, and in the names of their folders."""

import pytest
from laid_out import found, lay
from sample_images import warnings_of

from keras_effconv.data import scan

WHOLE = {part: {"cats": 2, "dogs": 2} for part in ("train", "validation", "test")}


def test_splits_inside_classes(tmp_path, capsys, caplog):
    lay(tmp_path, *(f"{name}/{part}" for name in ("cats", "dogs") for part in ("train", "val", "test")))
    assert found(tmp_path, capsys)[0] == WHOLE
    assert warnings_of(caplog)[0].endswith("each class folder has its own splits")
    lay(tmp_path, "birds")
    with pytest.raises(
        ValueError, match=r"splits of classes, or classes of splits. Received: splits in cats, dogs, and"
    ):
        scan(data_dir=tmp_path)


@pytest.mark.parametrize("form", ["{name}_{part}", "{part}-{name}"])
def test_splits_in_the_names_of_classes(tmp_path, capsys, caplog, form):
    names, parts = ("cats", "dogs"), ("train", "val", "test")
    lay(tmp_path, *(form.format(name=name, part=part) for name in names for part in parts))
    assert found(tmp_path, capsys)[0] == WHOLE
    assert warnings_of(caplog)[0].endswith("the names of its folders are class and split")


FORMS = ("{part}/{name}", "{name}/{part}", "{name}_{part}", "{part}-{name}", "{part}")
PARTS = [
    ("train", "val", "test"),
    ("train_1", "train_2", "test"),
    ("train", "training", "val"),
    ("train", "val", "validation"),
    ("train", "validation", "evaluation"),
    ("train", "val", "pred"),
    ("train", "val", "extra"),
    ("train", "train2"),
    ("val", "test"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("parts", PARTS, ids="+".join)
def test_each_image_is_in_a_split_or_its_folder_in_a_message(tmp_path, caplog, parts, form):
    """Of two folders of a class for one split, one was lost without a word."""
    folders = [form.format(name=name, part=part) for name in ("cats", "dogs") for part in parts]
    lay(tmp_path, *dict.fromkeys(folders))
    try:
        dataset = scan(data_dir=tmp_path)
    except ValueError as error:
        said = str(error).replace(str(tmp_path), "")
        assert "\n" not in said and any(part in said for part in parts)
        return
    listed = {path for part in (dataset.train, dataset.validation, dataset.test) if part for path in part.paths}
    lost = {path.parent for path in tmp_path.rglob("*.png") if str(path) not in listed}
    said = " ".join(warnings_of(caplog)).replace(str(tmp_path), "")
    assert not [folder for folder in lost if not any(word in said for word in folder.relative_to(tmp_path).parts)]


@pytest.mark.parametrize("form", FORMS[:3])
@pytest.mark.parametrize("parts", PARTS[1:4], ids="+".join)
def test_two_folders_of_a_split_are_refused_wherever_they_are(tmp_path, parts, form):
    lay(tmp_path, *(form.format(name=name, part=part) for name in ("cats", "dogs") for part in parts))
    message = r"have one folder per (class and )?split\. (train|validation) may be any of \w+, \w+\. Received: \S+$"
    with pytest.raises(ValueError, match=message):
        scan(data_dir=tmp_path)


NAMES = [("Blue Jay", "blue-grey_jay"), ("boeing737", "boeing747"), ("C++ code", "C# code"), ("Äpfel 2", "sets of 10")]
NAMES += [("images of cats", "cats"), ("Cat.1.b", "CatDog"), ("cat (big)", "(small) cat")]


@pytest.mark.parametrize("form", ["{name}_{part}", "{part}-{name}", "{name} ({part} set)", "{part}2017.{name}"])
@pytest.mark.parametrize("names", NAMES, ids=" and ".join)
def test_classes_keep_their_names_next_to_splits(tmp_path, capsys, form, names):
    """Once `Blue_Jay_train` was the class "blue jay", and `boeing737_train` was "boeing"."""
    lay(tmp_path, *(form.format(name=name, part=part) for name in names for part in ("train", "val")))
    assert found(tmp_path, capsys)[0] == {part: {name: 2 for name in sorted(names)} for part in ("train", "validation")}


def test_a_class_of_another_case_in_another_split_is_the_same(tmp_path, capsys):
    lay(tmp_path, "Cats_train", "cats_test", "dogs_train", "dogs_test")
    assert found(tmp_path, capsys)[0]["test"] == {"Cats": 2, "dogs": 2}
