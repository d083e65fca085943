"""Folds: each image is judged once by a network that has not seen it, and no epoch is selected."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from commands import check_mistakes
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import TINY, coloured_set

from keras_effconv.training import cross_validation
from keras_effconv.training.cross_validation import FILE, cross_validate, summary, table
from keras_effconv.training.reporting.intervals import wilson

LABELS = [0, 1, 2] * 8


class Runs:
    """Stands for `train`: it keeps what it was given, and is right about some of the images."""

    def __init__(self, accuracies=(0.5,), head=0.25):
        self.accuracies, self.head, self.seen = list(accuracies), head, []

    def __call__(self, recipe, dataset, folder, resume, outputs):
        self.seen.append((dataset, folder, resume, outputs))
        last = self.accuracies[(len(self.seen) - 1) % len(self.accuracies)]
        return SimpleNamespace(head_score=self.head, score=last)


@settings(max_examples=15, deadline=None)
@given(
    counts=st.lists(st.integers(4, 9), min_size=2, max_size=4),
    folds=st.integers(2, 4),
    held=st.integers(1, 3),
    data=st.data(),
)
def test_each_image_is_judged_once_and_trains_the_other_folds(counts, folds, held, data, tmp_path_factory):
    labels = data.draw(st.permutations([label for label, count in enumerate(counts) for _ in range(count)]))
    names = tuple("abcd"[: len(counts)])
    dataset = coloured_set(labels[held:], labels[:held], [0], class_names=names)
    runs = Runs()
    found = cross_validate(TINY, dataset, tmp_path_factory.mktemp("folds"), folds, train=runs)
    whole = sorted([*dataset.train.names, *dataset.validation.names])
    judged = [name for fold, *_ in runs.seen for name in fold.validation.names]
    assert sorted(judged) == whole and len(found) == folds
    for fold, *_ in runs.seen:
        assert sorted([*fold.train.names, *fold.validation.names]) == whole and fold.test is None
        parts = np.bincount(fold.validation.labels, minlength=len(counts))
        assert all(abs(part - count / folds) < 1 for part, count in zip(parts, counts))


def test_the_accuracy_is_of_all_images(tmp_path):
    runs = Runs((0.5, 0.75, 0.25), head=0.25)
    found = cross_validate(TINY, coloured_set(LABELS, []), tmp_path, 3, train=runs)
    assert [(fold.images, fold.score, fold.head_score) for fold in found] == [
        (8, 0.5, 0.25),
        (8, 0.75, 0.25),
        (8, 0.25, 0.25),
    ]
    written = json.loads((tmp_path / FILE).read_text())
    assert (written["accuracy"], written["head_accuracy"], written["images"]) == (0.5, 0.25, 24)
    assert tuple(written["accuracy_interval"]) == wilson(12, 24) == summary(found)["accuracy_interval"]
    text = table(found)
    assert "accuracy 50.0% (95% interval: 31.4% to 68.6%) on 24 images; head alone 25.0%" in text
    assert "| 2 | 8 | 75.0% | 25.0% |" in text
    assert [(folder.name, resume, outputs) for _, folder, resume, outputs in runs.seen][1] == ("fold-2", False, False)


def test_finished_folds_are_not_run_again(tmp_path):
    dataset, runs = coloured_set(LABELS, [0, 1, 2]), Runs()
    first = cross_validate(TINY, dataset, tmp_path, 3, train=runs)
    kept = json.loads((tmp_path / FILE).read_text())
    kept["runs"] = kept["runs"][:2]
    (tmp_path / FILE).write_text(json.dumps(kept))
    again = Runs()
    assert cross_validate(TINY, dataset, tmp_path, 3, resume=True, train=again) == first
    assert [folder.name for _, folder, *_ in again.seen] == ["fold-3"]
    other = Runs()
    cross_validate(dataclasses.replace(TINY, lr=0.5), dataset, tmp_path, 3, resume=True, train=other)
    assert len(other.seen) == 3  # another recipe
    (tmp_path / FILE).write_text("{")
    damaged = Runs()
    cross_validate(TINY, dataset, tmp_path, 3, resume=True, train=damaged)
    assert len(damaged.seen) == 3


def test_a_fold_without_a_score_is_run_again(tmp_path):
    """A mean average precision is nan without an image of any class, and `null` in the file."""
    dataset = coloured_set(LABELS, [0, 1, 2])
    cross_validate(TINY, dataset, tmp_path, 3, train=Runs())
    kept = json.loads((tmp_path / FILE).read_text())
    kept["runs"][1]["score"] = None
    (tmp_path / FILE).write_text(json.dumps(kept))
    again = Runs()
    cross_validate(TINY, dataset, tmp_path, 3, resume=True, train=again)
    assert [folder.name for _, folder, *_ in again.seen] == ["fold-2"]


@pytest.mark.parametrize("folds", [1, 9])
def test_folds_that_cannot_be_are_refused(folds, tmp_path):
    with pytest.raises(ValueError, match=rf"`folds` must be 2 to 8, the images .*Received: folds={folds}"):
        cross_validate(TINY, coloured_set(LABELS, []), tmp_path, folds, train=Runs())


def test_a_run_that_trains_nothing_has_no_accuracy(tmp_path):
    with pytest.raises(ValueError, match="`recipe` must train something"):
        cross_validate(TINY, coloured_set(LABELS, []), tmp_path, 2, train=Runs((None,), None))


def test_what_goes_with_one_run_only_is_refused(tmp_path):
    output = f"--output={tmp_path / 'run'}"
    check_mistakes("finetune", [((output, "--folds=2", "--stream"), "`folds` must be without --track, --stream")])


@pytest.mark.long
def test_whole_runs(tmp_path):
    dataset = coloured_set(LABELS, [0, 1, 2] * 2)
    found = cross_validate(dataclasses.replace(TINY, epochs=1), dataset, tmp_path, 2)
    assert [fold.images for fold in found] == [15, 15] and len({fold.run for fold in found}) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"fold-1", "fold-2", FILE}
    assert cross_validate(dataclasses.replace(TINY, epochs=1), dataset, tmp_path, 2, resume=True) == found
    assert cross_validation.table(found).count("\n| ") == 2


def test_a_fold_is_not_judged_by_the_epoch_that_it_chose(tmp_path):
    def best(recipe, dataset, folder, resume, outputs):
        return SimpleNamespace(head_score=0.25, score=0.9, last_score=0.5)

    for recipe, expected in ((dataclasses.replace(TINY, keep="best"), 0.5), (TINY, 0.9)):
        found = cross_validate(recipe, coloured_set(LABELS, [0, 1, 2]), tmp_path, 3, train=best)
        assert {fold.score for fold in found} == {expected}
