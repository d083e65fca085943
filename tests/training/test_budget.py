"""A run with a budget of time makes as many epochs as fit, and measuring them leaves no trace."""

import contextlib
import dataclasses
import math
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from small_runs import SMALL, Stop, StopAt

from keras_effconv import data
from keras_effconv.training import budget, train

BUDGETED = dataclasses.replace(SMALL, epochs=3, minutes=60.0)


@pytest.fixture(scope="module")
def digits():
    return data.digits(32, limit=4)


class Slow(keras.callbacks.Callback):
    """A machine on which something else has begun to run."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(1.0)


@pytest.mark.long
def test_with_time_enough_a_run_is_as_without_a_budget(digits, tmp_path):
    with_time = train(BUDGETED, digits, tmp_path / "budget", outputs=False)
    without = train(dataclasses.replace(BUDGETED, minutes=0.0), digits, tmp_path / "free", outputs=False)
    assert with_time.epochs == without.epochs == with_time.kept == 3
    assert with_time.curves == without.curves
    for mine, theirs in zip(with_time.model.get_weights(), without.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.long
def test_epochs_are_as_many_as_fit_and_stay_so_when_a_run_resumes(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "_timed", lambda runner: (10.0, 20.0))
    judging = 20 * math.ceil(len(digits.validation) / BUDGETED.batch_size)
    epoch = 10 * math.ceil(len(digits.train) / BUDGETED.batch_size) + judging
    seconds = budget.CLOSING + 2 * judging + 2.5 * epoch / budget.SPARE  # the model is judged twice more
    recipe = dataclasses.replace(BUDGETED, minutes=seconds / 60)
    with pytest.raises(Stop):
        train(recipe, digits, tmp_path, callbacks=[StopAt(0, 1)], checkpoint_seconds=0, outputs=False)
    monkeypatch.setattr(budget, "_timed", None)  # it is not asked again
    resumed = train(recipe, digits, tmp_path, resume=True, outputs=False)
    assert resumed.epochs == resumed.kept == len(resumed.curves["loss"]) == 2


@pytest.mark.long
def test_without_time_for_an_epoch_the_head_is_left(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "_timed", lambda runner: (1e6, 1e6))
    result = train(dataclasses.replace(BUDGETED, head_c=0.03), digits, tmp_path, outputs=False)
    assert (result.epochs, result.kept, result.curves) == (0, 0, {})
    assert result.score == result.head_score > 0.2


@pytest.mark.long
def test_a_run_ends_in_time_on_a_machine_that_gets_slower(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "_timed", lambda runner: (1e-3, 1e-3))
    begun = time.perf_counter()
    recipe = dataclasses.replace(BUDGETED, epochs=500, minutes=(budget.CLOSING + 25) / 60)
    result = train(recipe, digits, tmp_path, callbacks=[Slow()], outputs=False, begun=begun)
    assert 0 < result.kept < result.epochs
    assert time.perf_counter() - begun < 25 + 10


def test_a_slow_disk_and_many_test_images_take_their_time(digits, monkeypatch):
    """A batch that takes longer to read than to learn, and test images that are judged once at the end."""

    class Reading:
        def __len__(self):
            return 4

        def __getitem__(self, number):
            time.sleep(0.2)
            return digits.train.images[:4].astype("float32"), digits.train.labels[:4]

    trainer = SimpleNamespace(train_on_batch=lambda *batch: None, test_on_batch=lambda *batch: None)
    monkeypatch.setattr(budget, "feed", lambda split, recipe, shuffle: Reading())
    dataset = dataclasses.replace(digits, test=digits.train)
    runner = SimpleNamespace(recipe=SMALL, dataset=dataset, steps=4, trial=lambda: contextlib.nullcontext(trainer))
    batches = [math.ceil(len(split) / SMALL.batch_size) for split in (digits.validation, digits.train)]
    closing = 0.2 * (2 * batches[0] + batches[1])
    _, left = budget.fitting_epochs(runner, budget.Budget(3600, time.perf_counter()))
    assert left.closing - budget.CLOSING == pytest.approx(closing, rel=0.2)
    seconds = budget.CLOSING + closing + 6 * 0.2 + 2.5 * (4 + batches[0]) * 0.2 / budget.SPARE
    few, _ = budget.fitting_epochs(runner, budget.Budget(seconds, time.perf_counter()))
    assert 1 <= few <= 3  # the trainer alone would have time for all four
