"""Gradient steps of a conversion stay only if they bring it nearer, on images that take no part."""

import sys
import warnings

import numpy as np

import keras_effconv as ke
from keras_effconv.converting import convert

LEARNING = sys.modules["keras_effconv.converting.learning"]


def noise(n=30):
    return np.random.default_rng(0).normal(size=(n, 32, 32, 3)).astype("float32")


def converted(monkeypatch, answers, mimic=2):
    """Convert a small network, with what is said of agreement and variance ahead of the steps and behind them."""
    said = iter(answers)
    monkeypatch.setattr(LEARNING, "compared", lambda *arguments: next(said))
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    model.set_weights([np.random.default_rng(i).normal(0.1, 0.1, w.shape) ** 2 for i, w in enumerate(model.weights)])
    return convert(model, "HetConv(parts=2)", noise(), mimic=mimic, measure=False, verbose=False)


def test_steps_that_lead_away_are_undone_and_said(monkeypatch):
    model = converted(monkeypatch, [], mimic=0)
    fitted, report = model.get_weights(), model.convert_report
    assert (report.steps, report.learning_rate) == (0, None) and "gradient steps" not in str(report)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = converted(monkeypatch, [(0.8, 0.9), (0.9, 0.5)])
    undone, report = model.get_weights(), model.convert_report
    assert (report.steps, report.learning_rate) == (0, None)
    assert any("`mimic` led away from the dense network on 3 images" in str(each.message) for each in said)
    assert all(np.array_equal(a, b) for a, b in zip(fitted, undone, strict=True))


def test_steps_that_bring_it_nearer_stay(monkeypatch):
    fitted = converted(monkeypatch, [], mimic=0).get_weights()
    for answers in ([(0.9, 0.5), (0.8, 0.6)], [(None, 0.5), (None, 0.6)]):
        model = converted(monkeypatch, answers)
        stayed, report = model.get_weights(), model.convert_report
        assert report.steps == 2 and 0 < report.learning_rate <= 0.02
        assert f"2 gradient steps at a rate of {report.learning_rate:.2g}" in str(report)
        assert any(not np.array_equal(a, b) for a, b in zip(fitted, stayed, strict=True))
