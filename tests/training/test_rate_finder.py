"""The range test: what it suggests, and that a run with it is one at that rate from the beginning."""

import dataclasses
import json

import numpy as np
import pytest
from small_runs import SMALL, Stop, StopAt

from keras_effconv import data
from keras_effconv.training import Recipe, train
from keras_effconv.training.rate_finder import FILE, FIRST, LAST, PICTURE, STEPS, Rising, suggested

FINDING = dataclasses.replace(SMALL, lr=None, find_lr=True, epochs=2)


@pytest.fixture(scope="module")
def digits():
    return data.digits(32, limit=4)


def test_the_rates_rise_by_one_factor():
    rates = np.array([float(Rising()(step)) for step in range(STEPS)])
    np.testing.assert_allclose(rates[[0, -1]], [FIRST, LAST], rtol=1e-4)
    np.testing.assert_allclose(rates[1:] / rates[:-1], (LAST / FIRST) ** (1 / (STEPS - 1)), rtol=1e-3)


def test_losses_that_are_no_numbers_suggest_nothing():
    assert suggested([1e-3, 1e-2, 1e-1], [2.0, 1.0, float("nan")]) == pytest.approx(1e-3)


@pytest.mark.long
def test_a_run_is_the_one_at_the_rate_that_was_found(digits, tmp_path):
    found = train(FINDING, digits, tmp_path / "found", outputs=False)
    said = json.loads((tmp_path / "found" / FILE).read_text())
    assert 10 < len(said["rates"]) == len(said["losses"]) <= STEPS
    assert said["rate"] == pytest.approx(said["rates"][int(np.argmin(said["losses"]))] / 10)
    assert 1e-5 < said["rate"] < 0.1  # Nesterov's momentum learns digits in between
    given = train(dataclasses.replace(SMALL, lr=said["rate"], epochs=2), digits, tmp_path / "given", outputs=False)
    assert found.curves == given.curves
    for mine, theirs in zip(found.model.get_weights(), given.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.long
def test_a_run_that_resumes_does_not_search_again(digits, tmp_path):
    with pytest.raises(Stop):
        train(FINDING, digits, tmp_path, callbacks=[StopAt(0, 1)], checkpoint_seconds=0, outputs=False)
    found = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**found, "rate": 0.0}))
    result = train(FINDING, digits, tmp_path, resume=True, outputs=False)
    assert len(result.curves["loss"]) == 2
    (tmp_path / FILE).write_text(json.dumps({**found, "run": "another"}))
    with pytest.raises(ValueError, match=r"`learning_rates.json` must be of the run that resumes"):
        train(FINDING, digits, tmp_path, resume=True, outputs=False)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ValueError, match=r"`learning_rates.json` must be the file of a run that resumes"):
        train(FINDING, digits, tmp_path, resume=True, outputs=False)


def test_a_rate_is_given_or_found():
    with pytest.raises(ValueError, match="One of `lr` and `find_lr`"):
        Recipe(lr=0.1, find_lr=True)


@pytest.mark.long
def test_the_search_is_drawn_and_goes_with_its_run(digits, no_export, tmp_path):
    train(dataclasses.replace(FINDING, epochs=1), digits, tmp_path)
    assert (tmp_path / PICTURE).stat().st_size > 5000
    train(dataclasses.replace(SMALL, epochs=1), digits, tmp_path)
    assert not (tmp_path / PICTURE).exists() and not (tmp_path / FILE).exists()
