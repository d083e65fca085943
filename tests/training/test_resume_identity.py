"""Which run a folder holds: the recipe and the images of a run, whatever path leads to them."""

import dataclasses
import os

import numpy as np
import pytest
from commands import command
from PIL import Image
from small_runs import TINY, coloured, coloured_set

from keras_effconv import data
from keras_effconv.cli import training_run
from keras_effconv.training import checkpoint
from keras_effconv.training.reporting.fingerprint import fingerprints
from keras_effconv.training.reporting.run_record import check_same, described, identity, standing, write_record

LABELS = [0, 1, 2] * 4


def folder_of(root, classes=("blue", "red"), count=6):
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (32, 32), (40 * number, 10 * i, 0)).save(root / name / f"{i}.png")
    return root


def records_of(folder, **options):
    return described(TINY, data.load(data_dir=folder, resize=32, **options))


def refusal(record, folder, other):
    """What is said of a run that would resume from another one's folder."""
    write_record(folder, record)
    with pytest.raises(ValueError, match="another run's") as error:
        check_same(folder, other)
    return str(error.value)


def test_another_spelling_of_the_path_is_the_same_run(tmp_path, monkeypatch):
    """Relative, absolute, with a slash at the end, through a link, below the home folder."""
    folder_of(tmp_path / "home" / "data")
    (tmp_path / "link").symlink_to(tmp_path / "home" / "data")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home")
    spellings = ["data", "data/", "./data", tmp_path / "home" / "data", tmp_path / "link", "~/data"]
    records = [records_of(path) for path in spellings]
    write_record(tmp_path / "run", records[0])
    for record in records:
        check_same(tmp_path / "run", record)
        assert identity(record) == identity(records[0])


def test_a_limit_a_split_and_changed_files_are_told(tmp_path):
    root = folder_of(tmp_path / "data")
    first = records_of(root)
    assert "training_images" in refusal(first, tmp_path / "a", records_of(root, limit=2))
    assert "the train images have other names" in refusal(first, tmp_path / "b", records_of(root, seed=3))
    Image.new("RGB", (64, 64), (9, 9, 9)).resize((32, 32)).save(root / "red" / "0.png", compress_level=0)
    assert "images have other sizes" in refusal(first, tmp_path / "c", records_of(root))
    with pytest.raises(ValueError, match=r"that one has seed=0; this one has seed=5"):
        check_same(tmp_path / "c", described(dataclasses.replace(TINY, seed=5)))


def test_labels_and_pixels_of_images_without_files_count():
    split = coloured(LABELS)
    same, other = coloured(LABELS), coloured(LABELS, seed=4)
    swapped = data.Split(split.images, split.labels[::-1].copy(), split.names)
    first, second, third, fourth = (fingerprints({"train": each})["train"] for each in (split, same, other, swapped))
    assert first == second
    assert {name for name in first if first[name] != third[name]} == {"sizes"}
    assert {name for name in first if first[name] != fourth[name]} == {"labels"}


def test_a_stream_of_files_is_the_same_data_as_its_files(tmp_path):
    root = folder_of(tmp_path / "data")
    listed = data.scan(data_dir=root)
    assert fingerprints({"train": listed.train}) == fingerprints({"train": data.load(data_dir=root, resize=32).train})


def test_a_teacher_is_known_by_its_content(tmp_path, monkeypatch):
    (tmp_path / "teacher.keras").write_bytes(b"some weights")
    monkeypatch.chdir(tmp_path)
    here, there = (described(dataclasses.replace(TINY, teacher=path))["teacher"] for path in (
        "teacher.keras", str(tmp_path / "teacher.keras")
    ))  # fmt: skip
    assert here == there
    (tmp_path / "teacher.keras").write_bytes(b"some others")
    assert described(dataclasses.replace(TINY, teacher="teacher.keras"))["teacher"] != here


def test_what_becomes_of_the_folder_is_told(tmp_path):
    """With and without a checkpoint, with and without --resume."""
    record = described(TINY, coloured_set(LABELS, LABELS))
    assert standing(tmp_path, False, record) == (False, "")
    assert standing(tmp_path, True, record) == (False, f"no checkpoint in {tmp_path}: starting anew")
    checkpoint.save(tmp_path, [], checkpoint.Progress(epoch=0, step=1, run=identity(record)))
    write_record(tmp_path, record)
    assert standing(tmp_path, True, record) == (True, "")
    resumes, text = standing(tmp_path, False, record)
    assert not resumes and "done 0 epochs; --resume would continue it: starting anew" in text
    other = described(dataclasses.replace(TINY, seed=1), coloured_set(LABELS, LABELS))
    write_record(tmp_path, other)  # begun in the same folder, and stopped before its first checkpoint
    resumes, text = standing(tmp_path, True, other)
    assert not resumes and "only an earlier run's: starting anew" in text


def test_another_test_split_is_told_and_resumes(tmp_path, capsys):
    before, now = (described(TINY, coloured_set(LABELS, LABELS, test)) for test in (LABELS, LABELS[:5]))
    write_record(tmp_path, before)
    check_same(tmp_path, now)
    assert "the test images are others" in capsys.readouterr().out
    assert identity(before) == identity(now)


def test_a_name_outside_utf8_has_a_fingerprint():
    names = tuple(os.fsdecode(b"caf\xe9/%d.jpg" % i) for i in range(3))
    split = data.Split(np.zeros((3, 8, 8, 3), "uint8"), np.zeros(3, "int32"), names)
    assert len(fingerprints({"train": split})["train"]["names"]) == 16


@pytest.mark.parametrize(("stopped", "told"), [(True, "is whole: --resume continues"), (False, "no checkpoint in")])
def test_an_interruption_promises_what_there_is(stopped, told, tmp_path, monkeypatch):
    def interrupted(flags):
        raise KeyboardInterrupt

    monkeypatch.setattr(training_run, "_run", interrupted)
    if stopped:
        checkpoint.save(tmp_path, [], checkpoint.Progress())
    done = command("train", f"--output={tmp_path}")
    assert done.returncode == 130
    assert told in done.stderr
