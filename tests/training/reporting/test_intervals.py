"""Intervals of accuracies, and the scores of classes, next to their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_effconv.training import Evaluation
from keras_effconv.training.reporting.class_scores import class_scores, confused_pairs
from keras_effconv.training.reporting.intervals import wilson

# Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
PRINTED = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}


@pytest.mark.parametrize(("counts", "ends"), PRINTED.items())
def test_wilsons_interval_is_that_of_the_literature(counts, ends):
    assert np.round(wilson(*counts), 4).tolist() == list(ends)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_ends_are_the_shares_that_are_just_not_rejected(counts):
    """By definition: the distance of the end and the share is z standard deviations of the end's own binomial."""
    right, images = counts
    share, ends = right / images, wilson(right, images)
    assert 0 <= ends[0] <= share <= ends[1] <= 1 and ends[0] < ends[1]
    for end in ends:
        if 0 < end < 1:
            deviation = math.sqrt(end * (1 - end) / images)
            assert abs(share - end) == pytest.approx(1.959963985 * deviation, rel=1e-6)
    low, high = wilson(images - right, images)
    assert (1 - high, 1 - low) == pytest.approx(ends, abs=1e-12)


def test_an_interval_says_what_is_wrong():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(90, 100, 0.99)[0] < wilson(90, 100)[0]
    with pytest.raises(ValueError, match="`right` must be 0 to 3"):
        wilson(4, 3)
    with pytest.raises(ValueError, match="`level` must be"):
        wilson(1, 3, 95)


def test_scores_of_classes_are_scikit_learns():
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 4, 200), rng.dirichlet(np.ones(4), 200)
    evaluation = Evaluation(probabilities, labels, tuple("abcd"))
    scores = class_scores(evaluation)
    expected = precision_recall_fscore_support(labels, probabilities.argmax(1))
    for name, values in zip(("precision", "recall", "f1", "images"), expected):
        np.testing.assert_allclose([getattr(score, name) for score in scores], values, err_msg=name)
    assert all(score.recall_interval == wilson(score.right, score.images) for score in scores)


def test_a_class_without_images_has_no_recall():
    scores = class_scores(Evaluation(np.eye(3)[[0, 2]], np.array([0, 0]), ("a", "b", "c")))
    assert scores[1][1:] == (0, 0, 0, None, None, None, None)
    assert (scores[2].answers, scores[2].precision, scores[2].recall, scores[2].f1) == (1, 0.0, None, None)


def test_pairs_come_by_number_then_by_share():
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
    answers = np.array([1, 1, 0, 0, 0, 2, 1, 0, 2, 2])
    pairs = confused_pairs(Evaluation(np.eye(3)[answers], labels, ("a", "b", "c")))
    assert [(pair.true, pair.answer, pair.count, pair.images) for pair in pairs] == [
        ("a", "b", 2, 5),
        ("b", "c", 1, 2),
        ("c", "a", 1, 3),
    ]
    assert confused_pairs(Evaluation(np.eye(3), np.arange(3), ("a", "b", "c"))) == []
