"""Intervals of accuracies, and the scores of classes, next to their definitions."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_effconv.cli.evaluate import shares, sizes_table
from keras_effconv.training import Evaluation
from keras_effconv.training.average_precision import mean_average_precision
from keras_effconv.training.reporting import intervals
from keras_effconv.training.reporting.class_scores import class_scores, confused_pairs
from keras_effconv.training.reporting.intervals import LEAST, of_mean_average_precision, wilson
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.training.reporting.page import document

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


# --- mean average precision -------------------------------------------------------------------------------------------


def ranked(images, shares, distance, together=0.0, seed=0):
    """Labels, and scores that are normal: those of a class are higher by a distance. Classes may err together."""
    rng, shares = np.random.default_rng(seed), np.asarray(shares)
    labels = rng.random((images, len(shares))) < shares
    noise = math.sqrt(together) * rng.normal(size=(images, 1))
    return labels, noise + math.sqrt(1 - together) * rng.normal(size=labels.shape) + distance * labels


@pytest.mark.parametrize("digits", [0, 1, 9])
@pytest.mark.parametrize("shares", [(0.5,), (0.3, 0.05, 0.9), (1.0, 0.2)])
def test_leaving_an_image_out_is_what_it_says(shares, digits):
    """With ties, with a class of one image, and with one of all."""
    labels, scores = ranked(17, shares, 1.0, seed=1)
    labels[:, -1] |= np.arange(17) == 3
    scores = np.round(scores, digits).astype("float32")
    value, without = intervals._left_out(labels, scores, labels.sum(0))
    assert value == pytest.approx(mean_average_precision(labels, scores))
    expected = [mean_average_precision(np.delete(labels, i, 0), np.delete(scores, i, 0)) for i in range(17)]
    np.testing.assert_allclose(without, expected)


@pytest.mark.parametrize("together", [0.0, 0.5])
@pytest.mark.parametrize("distance", [0.5, 1.5, 3.0])
@pytest.mark.parametrize(
    ("images", "shares"), [(30, (0.3,)), (30, (0.3,) * 3), (80, (0.15,) * 8), (60, (0.5, 0.2, 0.1))]
)
def test_intervals_hold_the_true_value(images, shares, distance, together):
    """Of 150 at 95 %, at least 88 %: by chance, one of a thousand times it is less."""
    true = np.mean([mean_average_precision(*ranked(200_000, (share,), distance)) for share in shares])
    found = [of_mean_average_precision(*ranked(images, shares, distance, together, seed)) for seed in range(150)]
    found = [ends for ends in found if ends is not None]
    assert len(found) > 50
    assert np.mean([low <= true <= high for low, high in found]) >= 0.88


def test_an_interval_holds_the_value_and_is_narrower_with_more_images():
    ends = [of_mean_average_precision(*ranked(images, (0.3, 0.1), 1.5)) for images in (100, 1000, 10_000)]
    widths = [high - low for low, high in ends]
    assert widths[0] > 2 * widths[1] > 4 * widths[2] > 0
    for images, (low, high) in zip((100, 1000, 10_000), ends):
        assert 0 < low < mean_average_precision(*ranked(images, (0.3, 0.1), 1.5)) < high < 1
    assert (
        of_mean_average_precision(*ranked(100, (0.3,), 1.5), 0.99)[0]
        < of_mean_average_precision(*ranked(100, (0.3,), 1.5))[0]
    )


@given(st.integers(LEAST, 40), st.integers(1, 30), st.integers(1, 3))
def test_a_perfect_ranking_is_no_proof(known, others, classes):
    labels = np.repeat(np.arange(known + others)[:, None] < known, classes, axis=1)
    low, high = of_mean_average_precision(labels, labels.astype("float32"))
    assert high == 1 and low == pytest.approx(wilson(known * classes, known * classes)[0])


def test_few_images_of_a_class_have_no_interval():
    labels, scores = ranked(200, (0.5,) * 3, 1.0)
    few = labels & (np.cumsum(labels, 0) < LEAST)
    assert of_mean_average_precision(few, scores) is None and of_mean_average_precision(labels & False, scores) is None
    one = labels & ((np.arange(3) < 2) | (np.cumsum(labels, 0) < 2))  # a rare class among others
    assert of_mean_average_precision(one, scores) is None
    assert of_mean_average_precision(np.concatenate([labels, few], 1), np.tile(scores, 2)) is not None
    assert of_mean_average_precision(np.concatenate([labels, labels & False], 1), np.tile(scores, 2)) is not None


def test_without_an_interval_nothing_is_said_of_one():
    labels = np.arange(20)[:, None] < [3, 10]
    evaluation = MultiLabelEvaluation(labels.astype("float32"), labels, ("a", "b"))
    assert evaluation.interval is None and intervals.with_interval(0.5, evaluation.interval) == "50.0%"
    page = document.headline(evaluation, "images", [], [])
    assert "too few images of a class for a 95 % interval" in page and "interval:" not in page
    table = sizes_table([{"size": 32, "images_per_second": 1.0, **shares(evaluation)}])
    assert table.splitlines()[-1].split() == ["32", "100.0%", "100.0%", "1"]


def test_many_images_take_little_memory_and_the_interval_is_found_once(monkeypatch):
    calls, labels = [], np.random.default_rng(0).random((10_000, 20)) < 0.1
    real = of_mean_average_precision
    monkeypatch.setattr(
        "keras_effconv.training.reporting.multi_label.of_mean_average_precision",
        lambda *arguments: calls.append(arguments) or real(*arguments),
    )
    evaluation = MultiLabelEvaluation(ranked(10_000, (0.1,) * 20, 1.0)[1], labels, tuple(map(str, range(20))))
    tracemalloc.start()
    try:
        assert evaluation.interval == evaluation.measured()["mean_average_precision_interval"] == evaluation.interval
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert len(calls) == 1
