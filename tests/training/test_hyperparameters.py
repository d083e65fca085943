"""A search for a recipe: which images it sees, what it chooses, and how it goes on."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from commands import check_mistakes
from small_runs import TINY, coloured_set

from keras_effconv.training.hyperparameters import CHOICES, RATES, table, tune

LABELS = [0, 1, 2] * 10
RECIPE = dataclasses.replace(TINY, lr=2e-4, unfreeze_blocks=3, augmentation="light", layer_decay=0.7)


class Trials:
    """Stands for `train`: the best rate is 1e-3, and one block counts as much as another."""

    def __init__(self, stop_at=None):
        self.seen, self.stop_at = [], stop_at

    def __call__(self, recipe, dataset, folder, outputs):
        if len(self.seen) == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append((recipe, dataset, outputs))
        accuracy = round(1 - 0.3 * abs(math.log10(recipe.lr / 1e-3)), 2)
        return SimpleNamespace(score=accuracy, curves={"val_loss": [9.0, recipe.mixup]})

    @property
    def rates(self):
        return [recipe.lr for recipe, *_ in self.seen]


def test_the_best_trial_is_chosen_and_the_first_one_is_the_recipe(tmp_path):
    trials = Trials()
    tuned = tune(RECIPE, coloured_set(LABELS, [0]), tmp_path, 12, train=trials)
    assert trials.seen[0][0] == RECIPE and len(trials.seen) == len(tuned.trials) == 12
    accuracies = [accuracy for _, accuracy in tuned.trials]
    best = [recipe for (recipe, *_), accuracy in zip(trials.seen, accuracies) if accuracy == max(accuracies)]
    assert tuned.recipe in best and tuned.recipe.mixup == min(recipe.mixup for recipe in best)
    assert abs(math.log10(tuned.recipe.lr / 1e-3)) < abs(math.log10(RECIPE.lr / 1e-3))
    for recipe, _, outputs in trials.seen:
        assert not outputs and RATES[0] <= recipe.lr <= RATES[1]
        assert all(getattr(recipe, name) in values for name, values in CHOICES.items())
        same = {name: getattr(RECIPE, name) for name in ("lr", *CHOICES)}
        assert dataclasses.replace(recipe, **same) == RECIPE
    assert f"12 trials, judged by {tuned.judges} of the training images" in table(tuned)
    assert table(tuned).splitlines()[1].split()[1] == f"{max(accuracies):.1%}"


def test_validation_and_test_images_take_no_part(tmp_path):
    dataset, trials = coloured_set(LABELS, [0, 1, 2], [1]), Trials()
    tuned = tune(RECIPE, dataset, tmp_path, 2, train=trials)
    for _, inner, _ in trials.seen:
        assert sorted([*inner.train.names, *inner.validation.names]) == sorted(dataset.train.names)
        assert inner.test is None and len(inner.validation) == tuned.judges == 6
        np.testing.assert_array_equal(np.bincount(inner.validation.labels), [2, 2, 2])


def test_a_search_resumes_with_the_trials_that_it_has(tmp_path):
    dataset, first, rest = coloured_set(LABELS, [0]), Trials(stop_at=4), Trials()
    with pytest.raises(KeyboardInterrupt):
        tune(RECIPE, dataset, tmp_path, 7, train=first)
    tuned = tune(RECIPE, dataset, tmp_path, 7, resume=True, train=rest)
    assert (len(first.seen), len(rest.seen), len(tuned.trials)) == (4, 3, 7)
    assert tuned.trials[0][0] == {} and first.seen[0][0] == RECIPE
    assert [fields["lr"] for fields, _ in tuned.trials[1:]] == [*first.rates[1:], *rest.rates]
    assert len({*first.rates, *rest.rates}) == 7  # none was drawn again
    ended = Trials()
    assert tune(RECIPE, dataset, tmp_path, 7, resume=True, train=ended) == tuned and not ended.seen
    anew = Trials()
    tune(RECIPE, dataset, tmp_path, 2, train=anew)
    assert len(anew.seen) == 2


def test_a_search_that_was_killed_at_once_begins_with_the_recipe(tmp_path):
    dataset, rest = coloured_set(LABELS, [0]), Trials()
    with pytest.raises(KeyboardInterrupt):
        tune(RECIPE, dataset, tmp_path, 3, train=Trials(stop_at=0))
    tune(RECIPE, dataset, tmp_path, 3, resume=True, train=rest)
    assert rest.seen[0][0] == RECIPE and len(rest.seen) == 3


def test_a_search_resumes_from_none_of_another_recipe_or_other_images(tmp_path):
    dataset = coloured_set(LABELS, [0])
    tune(RECIPE, dataset, tmp_path, 1, train=Trials())
    for recipe, images in (
        (dataclasses.replace(RECIPE, ema=0.5), dataset),
        (RECIPE, coloured_set(LABELS[3:], [0])),
    ):
        with pytest.raises(ValueError, match="`resume` must have the recipe and the images of the search"):
            tune(recipe, images, tmp_path, 2, resume=True, train=Trials())


def test_a_field_that_is_none_of_those_tried_stays(tmp_path):
    recipe, trials = dataclasses.replace(RECIPE, lr=1e-5, augmentation="none", layer_decay=0.9), Trials()
    tune(recipe, coloured_set(LABELS, [0]), tmp_path, 6, train=trials)
    assert trials.seen[0][0] == recipe
    assert {(each.augmentation, each.layer_decay) for each, *_ in trials.seen} == {("none", 0.9)}
    assert len({each.mixup for each, *_ in trials.seen}) == 2


def test_trials_are_not_judged_by_the_epoch_that_they_chose(tmp_path):
    def trial(recipe, dataset, folder, outputs):
        return SimpleNamespace(score=0.9, last_score=0.5, curves={})

    recipe = dataclasses.replace(RECIPE, keep="best")
    assert tune(recipe, coloured_set(LABELS, [0]), tmp_path, 2, train=trial).trials[0] == ({}, 0.5)


def test_no_trial_begins_after_its_time(tmp_path):
    trials = Trials()
    assert len(tune(RECIPE, coloured_set(LABELS, [0]), tmp_path, 20, seconds=0, train=trials).trials) == 1


@pytest.mark.parametrize(
    ("changes", "labels", "message"),
    [
        ({"epochs": 0}, LABELS, "must have epochs to be tuned"),
        ({"lr": None, "find_lr": True}, LABELS, "must leave its rate to the trials"),
        ({}, [0] * 9 + [1], "two images or more of two classes"),
    ],
)
def test_what_cannot_be_tuned_is_refused(changes, labels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tune(dataclasses.replace(RECIPE, **changes), coloured_set(labels, [0]), tmp_path, 2, train=Trials())
    assert not list(tmp_path.iterdir())


def test_flags_that_do_not_go_together_are_refused(tmp_path):
    output = f"--output={tmp_path / 'run'}"
    check_mistakes(
        "finetune",
        [
            ((output, "--hpo=2", "--folds=2"), "`hpo` must be without --folds"),
            ((output, "--hpo_minutes=2"), "`hpo_minutes` must be with --hpo"),
            ((output, "--hpo=2", "--find_lr"), "must leave its rate to the trials"),
        ],
    )


@pytest.mark.long
def test_whole_trials(tmp_path):
    recipe = dataclasses.replace(TINY, epochs=1)
    tuned = tune(recipe, coloured_set(LABELS, [0, 1, 2] * 2), tmp_path, 2)
    assert len(tuned.trials) == 2 and all(0 <= accuracy <= 1 for _, accuracy in tuned.trials)
    assert tuned.recipe.model == "ResNet20" and {path.name for path in tmp_path.iterdir()} == {"hpo"}
