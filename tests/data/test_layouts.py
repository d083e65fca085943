"""Folders as archives are unpacked: wrappers, splits by many names, and what looks like them."""

import os

import pytest
from laid_out import found, lay
from PIL import Image
from sample_images import encoded, gradient, save, warnings_of

from keras_effconv.data import from_directory, scan

SPLIT = ("{train}/cats", "{train}/dogs", "{validation}/cats", "{validation}/dogs", "{test}/cats", "{test}/dogs")
WHOLE = {part: {"cats": 2, "dogs": 2} for part in ("train", "validation", "test")}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Training", "VALID", "Testing"),
        ("training_set/training_set", "validation_set", "test_set/test_set"),
        ("seg_train/seg_train", "seg_dev", "seg_test/seg_test"),
        ("dataset/train", "dataset/valid", "dataset/test"),
        ("archive/animals/trainset", "archive/animals/valset", "archive/animals/holdout"),
        ("animals-train", "animals-val", "animals-test"),
        ("train-20200101T101010Z-001/train", "val-20200101T101010Z-001/val", "test-20200101T101010Z-001/test"),
        ("part1/train", "part1/val", "part2/test"),
        ("training", "validation", "evaluation"),
    ],
)
def test_splits_by_their_names_and_inside_wrappers(tmp_path, capsys, caplog, train, validation, test):
    """Archives as people unpack them: the split twice, wrapper folders, splits by other names."""
    lay(tmp_path, *(path.format(train=train, validation=validation, test=test) for path in SPLIT))
    lay(tmp_path, "__MACOSX/train/cats", ".ipynb_checkpoints/x")
    for junk in ("Thumbs.db", ".DS_Store"):
        (tmp_path / train / "cats" / junk).write_bytes(b"junk")
    counts, line = found(tmp_path, capsys)
    assert counts == WHOLE and not warnings_of(caplog)
    assert line == (
        f"{tmp_path.name}: found a split: train (2 classes, 4 images), validation (2 classes, 4 images), "
        "test (2 classes, 4 images); test is for the end"
    )


@pytest.mark.parametrize("wrapper", ["", "flower_photos", "a/b/c"])
def test_classes_inside_wrappers(tmp_path, capsys, wrapper):
    lay(tmp_path / wrapper, "rose", "tulip", count=5)
    lay(tmp_path, "__MACOSX/flower_photos/rose")
    (tmp_path / "LICENSE.txt").write_text("by hand")
    counts, line = found(tmp_path, capsys)
    assert counts == {"train": {"rose": 4, "tulip": 4}, "validation": {"rose": 1, "tulip": 1}}
    assert line == f"{tmp_path.name}: found 2 classes, 10 images; 20% of each class validate"


def test_a_folder_without_images_next_to_the_wrapper(tmp_path, capsys):
    lay(tmp_path / "images", "rose", "tulip")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "1.txt").write_text("0")
    assert set(found(tmp_path, capsys)[0]["train"]) == {"rose", "tulip"}


def test_a_copy_of_all_classes_next_to_them(tmp_path, capsys, caplog):
    lay(tmp_path, "sick", "well", "cells/sick", "cells/well")
    assert found(tmp_path, capsys)[0]["train"] == {"sick": 1, "well": 1}
    assert (
        "left out cells of" in warnings_of(caplog)[0] and "a copy of the folders next to it" in warnings_of(caplog)[0]
    )


def test_other_folders_next_to_a_split_are_left_out_with_a_warning(tmp_path, capsys, caplog):
    lay(tmp_path, "train/a", "train/b", "test/a", "test/b", "extra/a", "extra/b")
    assert set(found(tmp_path, capsys)[0]) == {"train", "validation", "test"}
    assert f"left out extra of {str(tmp_path)!r}, next to the splits" in warnings_of(caplog)[0]


def test_train_and_test_only_train_is_divided_and_test_is_for_the_end(tmp_path, capsys):
    lay(tmp_path, "train/a", "train/b", "test/a", "test/b", count=5)
    counts, line = found(tmp_path, capsys)
    assert counts == {"train": {"a": 4, "b": 4}, "validation": {"a": 1, "b": 1}, "test": {"a": 5, "b": 5}}
    assert line.endswith("test (2 classes, 10 images); 20% of each class validate; test is for the end")
    loaded = from_directory(tmp_path, 4)
    assert len(loaded.test) == 10 and loaded.test.labels.tolist() == [0] * 5 + [1] * 5
    assert all("/test/" in name for name in loaded.test.names) and not set(loaded.test.names) & set(loaded.train.names)


@pytest.mark.parametrize("flat", ["Test", "test/test", "test/unknown", "pred"])
def test_a_flat_unlabelled_test_is_left_out(tmp_path, capsys, caplog, flat):
    """Kaggle: `Train/{a,b}` and a flat, unlabelled `Test/`."""
    lay(tmp_path, "Train/a", "Train/b", flat, count=5)
    counts, _ = found(tmp_path, capsys)
    assert counts == {"train": {"a": 4, "b": 4}, "validation": {"a": 1, "b": 1}}
    assert len(warnings_of(caplog)) == 1 and "left out 5 images of" in warnings_of(caplog)[0]


@pytest.mark.parametrize("order", ["{part}/{name}", "{name}/{part}"])
def test_the_same_folders_in_each_class_are_refused(tmp_path, order):
    """Splits that nobody can recognise are no classes: fold1/cats, fold1/dogs, fold2/cats, fold2/dogs."""
    lay(tmp_path, *(order.format(part=part, name=name) for part in ("fold1", "fold2") for name in ("cats", "dogs")))
    with pytest.raises(
        ValueError, match=r"`data_dir` must have classes at one level .* Received: the folders .* in each of"
    ):
        scan(data_dir=tmp_path)


def test_one_common_folder_in_each_class_is_no_level(tmp_path, capsys):
    lay(tmp_path, "n01/images", "n02/images")
    assert set(found(tmp_path, capsys)[0]["train"]) == {"n01", "n02"}


def test_classes_that_are_called_like_splits(tmp_path, capsys, caplog):
    """A class "train" next to others is a class, and said to be; what may be both is refused."""
    lay(tmp_path, "bus", "train")
    assert set(found(tmp_path, capsys)[0]["train"]) == {"bus", "train"}
    assert "'train' is a class, not a split: it has no class folders, like bus" in warnings_of(caplog)[0]
    lay(tmp_path, "train/steam", "train/diesel")
    with pytest.raises(ValueError, match=r"'train' with class folders next to bus in"):
        scan(data_dir=tmp_path)


def test_classes_called_test_without_train(tmp_path, capsys, caplog):
    lay(tmp_path, "test", "exam")
    assert set(found(tmp_path, capsys)[0]["train"]) == {"test", "exam"}
    assert warnings_of(caplog)[0].endswith("classes, not splits, since nothing is for training: test")


def test_a_class_of_folders_next_to_one_of_images_is_said(tmp_path, capsys, caplog):
    lay(tmp_path, "images/a", "images/b", "annotations")
    assert set(found(tmp_path, capsys)[0]["train"]) == {"images", "annotations"}
    assert warnings_of(caplog)[0].endswith("one class each, though with folders inside: images")


def test_a_copy_of_the_splits_next_to_them(tmp_path, capsys, caplog):
    lay(tmp_path, *(f"chest_xray/{part}/{name}" for part in ("train", "val", "test") for name in ("cats", "dogs")))
    lay(tmp_path, "chest_xray/chest_xray/train/cats", "chest_xray/chest_xray/test/cats")
    assert found(tmp_path, capsys)[0] == WHOLE
    assert "left out chest_xray of" in warnings_of(caplog)[0]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            ["train", "test"],
            r"must have a sub-directory per class, or be a CSV file .* Received: '.*train' without any",
        ),
        (["x/train/a", "x/train/b", "y/train/a"], r"one folder per split. Received: 'train' in each of x, y, in"),
        (["val/a", "val/b", "test/a", "test/b"], r"must have a split for training. Received: \['test', 'val'\]"),
        (
            ["train/a", "train/b", "training/a", "training/b"],
            r"one folder per split. train may be any of train, training",
        ),
    ],
)
def test_splits_that_cannot_train_are_refused(tmp_path, paths, message):
    lay(tmp_path, *paths)
    with pytest.raises(ValueError, match=message) as raised:
        scan(data_dir=tmp_path)
    assert "\n" not in str(raised.value)


def test_outputs_of_runs_are_no_class(tmp_path, capsys, caplog):
    """`--output` inside `--data_dir`: the second run leaves out what the first has written."""
    lay(tmp_path, "a", "b", "outputs/finetune", "a/run", count=4)
    (tmp_path / "outputs" / "finetune" / "run.json").write_text("{}")
    (tmp_path / "a" / "run" / "report.json").write_text("{}")
    counts, _ = found(tmp_path, capsys)
    assert counts["train"] == {"a": 3, "b": 3} and counts["validation"] == {"a": 1, "b": 1}
    [line] = warnings_of(caplog)
    assert "left out what a run has written" in line and "outputs" in line and os.path.join("a", "run") in line


def test_left_out_files_are_counted_by_extension(tmp_path, capsys, caplog):
    lay(tmp_path, "a", "b", count=4)
    for i in range(3):
        (tmp_path / "a" / f"{i}.xyz").write_bytes(b"no image")
    (tmp_path / "a" / "film.mp4").write_bytes(b"film")
    found(tmp_path, capsys)
    [line] = warnings_of(caplog)
    assert line.endswith("left out 4 files that are no images (.xyz: 3, .mp4: 1)")


def test_images_by_their_first_bytes(tmp_path, capsys):
    """Files without an extension, or with a wrong one, that are images."""
    lay(tmp_path, "a", "b")
    for name, kind in {"photo": "JPEG", "photo.jpg_large": "PNG", "1.bin": "BMP", "0001.001": "GIF"}.items():
        (tmp_path / "a" / name).write_bytes(encoded(gradient(), kind))
    assert sum(counts["a"] for counts in found(tmp_path, capsys)[0].values()) == 6
    assert len(from_directory(tmp_path, 4).train) == 6


def test_loose_images_are_said(tmp_path, capsys, caplog):
    lay(tmp_path, "a", "b")
    save(Image.new("RGB", (4, 4)), tmp_path / "cover.png")
    found(tmp_path, capsys)
    assert "left out 1 image of" in warnings_of(caplog)[0] and "in no class folder" in warnings_of(caplog)[0]


def test_copies_of_the_classes_at_two_depths_are_refused(tmp_path):
    """`data/photos/CLASS` next to `photos/CLASS` were two classes, `data` and `photos`."""
    lay(tmp_path, "data/photos/cats", "data/photos/dogs", "photos/cats", "photos/dogs")
    with pytest.raises(ValueError, match=r"must have classes at one level .* cats, dogs in each of data, photos"):
        scan(data_dir=tmp_path)


def test_classes_that_all_have_folders_inside_are_said(tmp_path, capsys, caplog):
    lay(tmp_path, "cats/siamese", "cats/persian", "dogs/poodle", "dogs/boxer")
    assert found(tmp_path, capsys)[0]["train"] == {"cats": 3, "dogs": 3}
    assert "one class each, though with folders inside: cats, dogs" in warnings_of(caplog)[0]
