"""One definition of accuracy: the metric of the curves and the numbers of the report."""

import keras
import numpy as np

from keras_effconv.training import Evaluation
from keras_effconv.training.accuracy import metrics, ranks


def test_metrics_and_evaluation_agree_on_ties():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 3, (200, 8)).astype("float32")  # ties everywhere
    labels = rng.integers(0, 8, 200).astype("int32")
    order = np.argsort(-scores, axis=1, kind="stable")  # the definition: of equals the first
    expected = [np.mean([label in row[:k] for label, row in zip(labels, order)]) for k in (1, 5)]
    evaluation = Evaluation(scores, labels, tuple("abcdefgh"))
    np.testing.assert_allclose([evaluation.accuracy, evaluation.accuracy_at(5)], expected)
    for metric, value in zip(metrics(8), expected, strict=True):
        metric.update_state(labels, scores)
        np.testing.assert_allclose(float(metric.result()), value, rtol=1e-6)
    assert [metric.name for metric in metrics(3)] == ["accuracy"]


def test_accuracy_is_the_one_of_keras():
    scores = np.random.default_rng(1).random((50, 4)).astype("float32")
    labels = np.arange(50) % 4
    theirs = keras.metrics.SparseCategoricalAccuracy()
    theirs.update_state(labels, scores)
    mine = np.mean(keras.ops.convert_to_numpy(ranks(scores, labels)) == 0)
    np.testing.assert_allclose(mine, float(theirs.result()), rtol=1e-6)
