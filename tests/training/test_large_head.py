"""The head on more features than scikit-learn takes in reasonable time: the same solution, without copies."""

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_effconv.training.head import _fit
from keras_effconv.training.large_head import fit_large, moments
from keras_effconv.training.recipe import Recipe


def problem(rows=1500, columns=20, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows).astype("int32")
    features = rng.normal(size=(rows, columns)) + rng.normal(size=(classes, columns))[labels] + 3
    return (5 * features).astype("float32"), labels


@pytest.mark.parametrize("class_weights", [False, True])
def test_it_is_the_solution_of_scikit_learn(class_weights, monkeypatch):
    monkeypatch.setattr("keras_effconv.training.large_head.BLOCK", 400)
    monkeypatch.setattr("keras_effconv.training.large_head.CHANGE", 0.0)
    features, labels = problem()
    labels[:1000] = 0  # of unequal classes
    mean, scale = features.mean(0), np.sqrt(features.var(0).mean())
    exact = LogisticRegression(C=0.03, max_iter=2000, tol=1e-8, class_weight="balanced" if class_weights else None)
    exact.fit(((features - mean) / scale).astype("float64"), labels)
    counts = np.bincount(labels)
    weights = (len(labels) / (5 * counts))[labels] if class_weights else None
    kernel, bias = fit_large(features, labels, 5, 0.03, weights)
    expected = exact.predict_proba((features - mean) / scale)
    logits = features @ kernel + bias
    received = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(received, expected, atol=2e-3)
    np.testing.assert_allclose(kernel * scale, exact.coef_.T, atol=2e-3)


def test_two_classes_and_a_class_without_images():
    features, labels = problem(classes=2)
    for classes in (2, 3):
        small, large = _fit(features, labels, classes, Recipe()), fit_large(features, labels, classes, 0.03)
        scores = [features @ kernel + bias for kernel, bias in (small, large)]
        np.testing.assert_array_equal(*(each.argmax(1) for each in scores))


def test_no_copy_of_the_features_is_made():
    features, labels = problem(rows=40_000, columns=64)
    tracemalloc.start()
    fit_large(features, labels, 5, 0.03, iterations=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * features.nbytes  # blocks of 8192 rows


def test_time_is_bounded_and_told(capsys):
    features, labels = problem()
    fit_large(features, labels, 5, 1e6, seconds=0.0)
    assert "iterations of L-BFGS" in capsys.readouterr().out
    fit_large(features, labels, 5, 1e6, seconds=1e-9)
    assert "the head: 1 iterations" in capsys.readouterr().out


def test_moments_are_those_of_all_rows():
    features, _ = problem()
    mean, scale = moments(features)
    np.testing.assert_allclose(mean, features.mean(0, dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(scale, np.sqrt(features.var(0, dtype="float64").mean()), rtol=1e-6)
