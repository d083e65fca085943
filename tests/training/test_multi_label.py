"""Training on several labels an image: losses, head, metric and thresholds by their definitions, and whole runs."""

import dataclasses
import json
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from digit_pairs import write_pairs
from html_pages import Page
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import COLOURS, SMALL, TINY, Stop, StopAt, coloured

from keras_effconv import data
from keras_effconv.network_info import says_several
from keras_effconv.training import Recipe, cross_validate, train, tune
from keras_effconv.training.average_precision import MeanAveragePrecision, average_precisions, mean_average_precision
from keras_effconv.training.cross_validation import table
from keras_effconv.training.head import fit_softmax
from keras_effconv.training.input_pipeline import streamed
from keras_effconv.training.large_head import fit_large_several
from keras_effconv.training.network import classifier, preprocessing
from keras_effconv.training.one_vs_rest import balanced_weights, fit_one_vs_rest, sigmoid
from keras_effconv.training.optimization import losses
from keras_effconv.training.reporting import thresholds
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.training.task import MultiLabel, SingleLabel, task_of

NAMES = ("red", "green", "blue")


MULTI = dataclasses.replace(TINY, head_c=0.03, epochs=1)


def halves(count, seed=0):
    """A `Split` whose images show the colours of their labels: one in each half, or noise alone."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(-1, 3, (count, 2))
    images, labels = rng.integers(0, 40, (count, 32, 32, 3)), np.zeros((count, 3), "int32")
    for image, label, pair in zip(images, labels, pairs):
        for half, colour in zip((image[:, :16], image[:, 16:]), pair):
            if colour >= 0:
                half += COLOURS[colour]
                label[colour] = 1
    return data.Split(images.clip(0, 255).astype("uint8"), labels, tuple(f"image {i}" for i in range(count)))


def several(train=40, validation=24, test=None, names=NAMES):
    parts = [None if count is None else halves(count, seed) for seed, count in enumerate((train, validation, test))]
    return data.Dataset("halves", parts[0], parts[1], names, test=parts[2])


def drawn(count=60, classes=4, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, classes)) < 0.3).astype("int32")
    scores = rng.random((count, classes)) * 0.6 + labels * rng.random((count, classes)) * 0.4
    return labels, (np.round(scores, 1) if ties else scores).astype("float32")


def precision_by_definition(known, scores):
    """The mean, over the images of a class, of the precision among the images that score at least as high."""
    return np.mean([known[scores >= score].mean() for score in scores[known > 0]])


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_its_definition(ties):
    labels, scores = drawn(ties=ties)
    expected = [precision_by_definition(known, score) for known, score in zip(labels.T, scores.T)]
    np.testing.assert_allclose(average_precisions(labels, scores), expected, rtol=1e-12)
    labels[:, 2] = 0
    assert average_precisions(labels, scores)[2] is None
    assert mean_average_precision(labels, scores) == pytest.approx(np.mean([expected[i] for i in (0, 1, 3)]))


def test_the_metric_of_the_curves_is_that_of_the_report():
    labels, scores = drawn(200, seed=3)
    metric, half = MeanAveragePrecision(4), MeanAveragePrecision(4)
    for rows in np.array_split(np.arange(200), 7):
        metric.update_state(labels[rows], scores[rows])
    assert float(metric.result()) == pytest.approx(mean_average_precision(labels, scores), abs=2e-3)
    half.update_state(labels, scores, sample_weight=(np.arange(200) < 100).astype("float32"))
    assert float(half.result()) == pytest.approx(mean_average_precision(labels[:100], scores[:100]), abs=2e-3)
    hard = MeanAveragePrecision(1)  # a probability of 1e-5 is still more than one of 1e-6
    hard.update_state([[1], [0]], [[1e-5], [1e-6]])
    assert float(hard.result()) == 1.0


@pytest.mark.parametrize("focal", [0.0, 2.0])
def test_losses_are_their_definitions(focal):
    labels, scores = drawn()
    targets = labels * 0.8 + 0.1
    own = -(targets * (1 - scores) ** focal * np.log(scores) + (1 - targets) * scores**focal * np.log(1 - scores))
    found = losses.binary_crossentropies(labels.astype("float32"), scores, smoothing=0.2, focal=focal)
    if focal:  # by Keras, the weight of a smoothed target is that of the probability of the target itself
        right = targets * scores + (1 - targets) * (1 - scores)
        own = (1 - right) ** focal * -(targets * np.log(scores) + (1 - targets) * np.log(1 - scores))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), own, rtol=2e-4)


def test_a_divergence_is_that_of_yes_and_no():
    (_, student), (_, teacher) = drawn(seed=1), drawn(seed=2)
    soft = [1 / (1 + np.exp(-np.log(p / (1 - p)) / 2.0)) for p in (student, teacher)]
    expected = 4 * (soft[1] * np.log(soft[1] / soft[0]) + (1 - soft[1]) * np.log((1 - soft[1]) / (1 - soft[0])))
    found = keras.ops.convert_to_numpy(losses.binary_divergences(student, teacher, 2.0))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("even", [False, True])
def test_the_head_is_scikit_learns_one_against_the_rest(even):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    rng = np.random.default_rng(0)
    labels = drawn(300)[0]
    features = (rng.normal(size=(300, 6)) + labels @ rng.normal(size=(4, 6))).astype("float32") * 3 + 1
    kernel, bias = fit_one_vs_rest(features, labels, 4, Recipe(head_c=0.1, class_weights=even))
    scaled = (features - features.mean(0)) / np.sqrt(features.var(0).mean())
    own = OneVsRestClassifier(LogisticRegression(C=0.1, class_weight="balanced" if even else None)).fit(scaled, labels)
    np.testing.assert_allclose(sigmoid(features @ kernel + bias), own.predict_proba(scaled), atol=1e-3)
    large = fit_large_several(features, labels, 0.1, balanced_weights(labels) if even else None)
    np.testing.assert_allclose(sigmoid(features @ large[0] + large[1]), own.predict_proba(scaled), atol=5e-3)


def test_one_class_an_image_has_the_ranking_of_single_labels():
    """The head of several labels, on images of one class each, says the classes that the softmax head says."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 240)
    features = (rng.normal(size=(240, 5)) + 3 * np.eye(3, 5)[labels]).astype("float32")
    one_hot = np.eye(3, dtype="int32")[labels]
    (kernel, bias), (kernels, biases) = (
        fit(features, known, 3, Recipe(head_c=1.0))
        for fit, known in ((fit_softmax, labels), (fit_one_vs_rest, one_hot))
    )
    softmax, sigmoids = features @ kernel + bias, features @ kernels + biases
    assert (softmax.argmax(1) == sigmoids.argmax(1)).mean() > 0.98
    shares = np.exp(softmax) / np.exp(softmax).sum(1, keepdims=True)
    assert mean_average_precision(one_hot, sigmoid(sigmoids)) == pytest.approx(
        mean_average_precision(one_hot, shares), abs=0.01
    )


def test_classes_that_all_or_no_images_have_get_a_prior():
    labels = np.zeros((20, 3), "int32")
    labels[:, 1], labels[::2, 2] = 1, 1
    features = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    kernel, bias = fit_one_vs_rest(features, labels, 3, Recipe())
    probabilities = sigmoid(features @ kernel + bias)
    assert (probabilities[:, 0] < 0.05).all() and (probabilities[:, 1] > 0.95).all()


def test_class_weights_give_both_sides_of_a_class_the_same_part():
    labels, task = np.array([[1, 0], [0, 0], [0, 1], [0, 1]], "int32"), MultiLabel()
    weights = np.asarray(task.weights(labels.astype("float32"), task.class_weights(labels, 2)))
    np.testing.assert_allclose(weights.mean(0), 1, rtol=1e-6)
    for column, known in zip(weights.T, labels.T):
        assert column[known > 0].sum() == pytest.approx(column[known == 0].sum())


def f1_at(known, scores, threshold):
    said = scores >= threshold
    return 2 * (said & (known > 0)).sum() / (said.sum() + known.sum())


def test_thresholds_have_the_best_f1():
    labels, scores = drawn(200, seed=4)
    for known, score, threshold in zip(labels.T, scores.T, thresholds.best_thresholds(labels, scores)):
        assert f1_at(known, score, threshold) == pytest.approx(max(f1_at(known, score, each) for each in score))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-7, 1e-30, 1e-44])
@pytest.mark.parametrize("spread", [1.0, 1e-5, 1e-7])
@pytest.mark.parametrize("near_one", [False, True])
def test_no_digit_of_a_threshold_changes_what_is_said(tmp_path, dtype, scale, spread, near_one):
    """Of the images that chose it, also as the file has it: probabilities may be tiny, nearly 1, or nearly the same."""
    labels, scores = drawn(200, seed=4)
    scores = scale * (1 - spread + spread * scores.astype("float64"))
    scores = (1 - scores if near_one else scores).astype(dtype)
    evaluation = MultiLabelEvaluation(scores, labels, tuple("abcd")).with_own_thresholds("images")
    thresholds.write(tmp_path, evaluation.class_names, evaluation.thresholds)
    read = thresholds.read(tmp_path / thresholds.FILE, evaluation.class_names)
    assert read == evaluation.thresholds
    for known, score, threshold in zip(labels.T, scores.T.astype("float64"), read):
        assert f1_at(known, score, threshold) == max(f1_at(known, score, each) for each in score)
        gap = np.diff(np.unique(score)).min(initial=1.0)
        rest = 1 - threshold if threshold > 0.5 else threshold
        if gap > 1e-4 * rest:
            assert float(f"{rest:.6g}") == pytest.approx(rest, rel=1e-9)


def test_few_images_leave_a_threshold_at_a_half():
    labels = np.zeros((50, 2), "int32")
    labels[:4, 0], labels[:5, 1] = 1, 1
    found = thresholds.best_thresholds(labels, np.where(labels, 0.3, 0.1))
    assert found.tolist() == [0.5, pytest.approx(0.2)]


def test_no_answer_is_by_a_threshold_of_its_own_fold(monkeypatch):
    """Other labels in a fold change no answer in it, and change those of the other folds."""
    labels, scores = drawn(100, seed=5)
    monkeypatch.setattr(thresholds, "dealt", lambda known, shares, seed: np.arange(len(known)) % len(shares))
    before, first = thresholds.folded_answers(labels, scores), np.arange(100) % 5 == 0
    after = thresholds.folded_answers(np.where(first[:, None], 1 - labels, labels), scores)
    np.testing.assert_array_equal(before[first], after[first])
    assert (before[~first] != after[~first]).any()


def test_thresholds_of_noise_are_not_praised():
    """The best F1 on the images that choose it is higher than on others; the one that is reported is not."""
    rng = np.random.default_rng(0)
    labels, scores = (rng.random((60, 20)) < 0.3).astype("int32"), rng.random((60, 20))
    evaluation = MultiLabelEvaluation(scores, labels, tuple(map(str, range(20)))).with_own_thresholds("images")
    inside = [f1_at(*each) for each in zip(labels.T, scores.T, evaluation.thresholds)]
    assert evaluation.measured()["f1"] < np.mean(inside) - 0.02


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run with test images, and its folder."""
    from keras_effconv.training.reporting import outputs

    folder, dataset = tmp_path_factory.mktemp("several") / "run", several(test=30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "_export", lambda *arguments: [])
        return train(dataclasses.replace(MULTI, class_weights=True, mixup=0.2), dataset, folder), dataset


@pytest.mark.long
def test_a_run_reports_several_labels(finished):
    result, dataset = finished
    report = json.loads((result.folder / "report.json").read_text())
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert result.metric == report["metric"] == "mean_average_precision" and "accuracy" not in report
    assert len(metrics["val_mean_average_precision"]) == 1 and "val_accuracy" not in metrics
    scores = result.model.predict(dataset.test.images.astype("float32"), verbose=0)
    assert says_several(result.model) and report["test_mean_average_precision"] == pytest.approx(
        np.mean([precision_by_definition(*each) for each in zip(dataset.test.labels.T, scores.T)])
    )
    limits = json.loads((result.folder / "thresholds.json").read_text())
    assert list(limits) == list(NAMES) and report["thresholds"] == pytest.approx(limits, abs=1e-6)
    for scores_of, known, each in zip(scores.T, dataset.test.labels.T, report["test_per_class"]):
        assert each["images"] == known.sum()
        assert each["f1"] == pytest.approx(f1_at(known, scores_of, report["thresholds"][each["name"]]))
    assert report["test_thresholds_chosen"] == "on the validation images"
    assert "in 5 folds" in report["thresholds_chosen"]


@pytest.mark.long
def test_page_card_and_files_are_of_several_labels(finished):
    result, _ = finished
    page, card = Page((result.folder / "report.html").read_text()), (result.folder / "README.md").read_text()
    for heading in ("Classes on one image", "The worst mistakes", "Calibration", "mean average precision"):
        assert heading in page.words
    assert "Confusion" not in page.words and "probably wrong" not in page.words and "accuracy" not in page.words.lower()
    assert "mean average precision" in card and "thresholds.json" in card and "top-1" not in card
    assert {"precision_recall.png", "test_precision_recall.png"} <= {path.name for path in result.folder.iterdir()}
    assert not (result.folder / "confusion.png").exists()


@pytest.mark.long
def test_a_run_that_resumes_ends_with_the_same_numbers(tmp_path, no_export):
    recipe, dataset = dataclasses.replace(MULTI, epochs=2, augmentation="light", ema=0.9), several()
    whole = train(recipe, dataset, tmp_path / "whole")
    with pytest.raises(Stop):
        train(recipe, dataset, tmp_path / "cut", callbacks=[StopAt(1, 2)], checkpoint_seconds=0)
    resumed = train(recipe, dataset, tmp_path / "cut", resume=True)
    training = "mean_average_precision"  # of a training epoch in two parts it is the mean of both
    for name in whole.curves.keys() - {training, "loss"}:
        assert resumed.curves[name] == whole.curves[name], name
    np.testing.assert_allclose(resumed.curves["loss"], whole.curves["loss"], rtol=1e-6)  # two parts, rounded by each
    assert resumed.curves[training][0] == whole.curves[training][0] and resumed.score == whole.score
    for mine, theirs in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    mine, theirs = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("cut", "whole"))
    timeless = {"seconds": 0, "images_per_second": 0}
    assert {**mine, **timeless} == {**theirs, **timeless}


@pytest.mark.long
def test_a_class_or_none_is_learned(tmp_path):
    whole = several(60, 30)
    parts = {
        name: dataclasses.replace(split, labels=np.ascontiguousarray(split.labels[:, :1]))
        for name, split in (("train", whole.train), ("validation", whole.validation))
    }
    dataset = dataclasses.replace(whole, class_names=("red",), **parts)
    result = train(dataclasses.replace(MULTI, epochs=0), dataset, tmp_path, outputs=False)
    assert result.model.output_shape == (None, 1) and result.score > dataset.validation.labels.mean() + 0.2


def test_images_without_any_label_measure_nothing(tmp_path):
    whole = several(30, 12)
    nothing = dataclasses.replace(whole.validation, labels=np.zeros_like(whole.validation.labels))
    for split in ("validation", "test"):
        with pytest.raises(ValueError, match=f"`dataset.{split}` must have an image of a class"):
            train(MULTI, dataclasses.replace(whole, **{split: nothing}), tmp_path, outputs=False)


@pytest.mark.long
def test_a_stream_trains_as_images_in_memory_do(tmp_path):
    """The same files, read while training or before it, give the same head to the last bit."""
    table = write_pairs(tmp_path / "pairs", {"train": 40, "validation": 20})
    recipe, options = dataclasses.replace(MULTI, epochs=0), {"data_dir": table, "multi_label": True}
    view = preprocessing(recipe)
    sets = data.load(resize=view, **options), streamed(data.scan(**options), view)
    heads = [train(recipe, each, tmp_path / name, outputs=False).model.get_layer("predictions").get_weights()
             for name, each in zip(("memory", "disk"), sets)]  # fmt: skip
    for mine, theirs in zip(*heads, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.long
def test_a_teacher_of_several_labels_teaches(tmp_path):
    image = keras.Input((32, 32, 3))
    features = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image)))
    for activation in ("sigmoid", "softmax"):
        classifier(features, 3, 0.0, "teacher", activation).save(tmp_path / f"{activation}.keras")
    recipe = dataclasses.replace(SMALL, epochs=1, teacher=str(tmp_path / "sigmoid.keras"))
    assert np.isfinite(train(recipe, several(), tmp_path / "run", outputs=False).curves["loss"]).all()
    with pytest.raises(ValueError, match=r"`teacher` must return probabilities, which are each between 0 and 1, by a"):
        train(dataclasses.replace(recipe, teacher=str(tmp_path / "softmax.keras")), several(), tmp_path / "other")


class Stand:
    """Stands for `train`: it keeps the data sets, and its scores are given."""

    def __init__(self, *scores):
        self.scores, self.seen = scores, []

    def __call__(self, recipe, dataset, folder, *resume, outputs):
        self.seen.append(dataset)
        score = self.scores[(len(self.seen) - 1) % len(self.scores)]
        return SimpleNamespace(score=score, head_score=score / 2, curves={"val_loss": [1.0]})


@settings(max_examples=15, deadline=None)
@given(folds=st.integers(2, 4), seed=st.integers(0, 99))
def test_folds_judge_each_image_once_and_have_their_part_of_each_class(folds, seed, tmp_path_factory):
    dataset, stand = several(40, 24), Stand(0.5)
    cross_validate(dataclasses.replace(MULTI, seed=seed), dataset, tmp_path_factory.mktemp("folds"), folds, train=stand)
    whole = np.concatenate([dataset.train.labels, dataset.validation.labels])
    judged = np.concatenate([fold.validation.labels for fold in stand.seen])
    assert sorted(map(tuple, judged)) == sorted(map(tuple, whole))
    for fold in stand.seen:
        assert len(fold.train) + len(fold.validation) == len(whole) and fold.test is None
        assert (np.abs(fold.validation.labels.sum(0) - whole.sum(0) / folds) <= 2).all()


def test_the_folds_of_several_labels_come_to_their_mean(tmp_path):
    found = cross_validate(MULTI, several(40, 24), tmp_path, 3, train=Stand(0.5, 0.6, 0.7))
    written = json.loads((tmp_path / "folds.json").read_text())
    assert written["mean_average_precision"] == pytest.approx(0.6) and "accuracy" not in written
    assert written["head_mean_average_precision"] == pytest.approx(0.3)
    half = 4.302653 * 0.1 / math.sqrt(3)  # Student's t of two degrees of freedom, from a table
    assert written["mean_average_precision_interval"] == pytest.approx([0.6 - half, 0.6 + half], abs=1e-6)
    assert "mean average precision 60.0% (95% interval: 35.2% to 84.8%) on 64 images; head alone 30.0%" in table(found)


def test_a_search_is_judged_by_mean_average_precision(tmp_path):
    pytest.importorskip("optuna")
    dataset, stand = several(40, 24), Stand(0.5, 0.75)
    tuned = tune(MULTI, dataset, tmp_path, 2, train=stand)
    assert [score for _, score in tuned.trials] == [0.5, 0.75] and tuned.metric == "mean_average_precision"
    for inner in stand.seen:
        assert sorted([*inner.train.names, *inner.validation.names]) == sorted(dataset.train.names)
        assert len(inner.validation) == tuned.judges == 8


@pytest.mark.long
def test_whole_runs_of_folds_and_trials(tmp_path):
    recipe = dataclasses.replace(MULTI, epochs=1)
    found = cross_validate(recipe, several(30, 10), tmp_path / "folds", 2)
    assert sum(fold.images for fold in found) == 40 and all(0.4 < fold.score <= 1 for fold in found)
    assert 0 <= tune(recipe, several(30, 10), tmp_path / "hpo", 1).trials[0][1] <= 1


def test_what_has_no_meaning_is_refused_before_work(tmp_path):
    dataset = several(12, 12)
    with pytest.raises(ValueError, match="`balanced_sampling` must be False if an image may have several labels"):
        train(dataclasses.replace(MULTI, balanced_sampling=True), dataset, tmp_path)
    rare = dataclasses.replace(dataset.train, labels=np.eye(3, dtype="int32")[[0] * 10 + [1, 2]])
    empty = dataclasses.replace(dataset.validation, labels=np.zeros((12, 3), "int32"))
    lacking = dataclasses.replace(dataset, train=rare, validation=empty)
    with pytest.raises(
        ValueError, match=r"`folds` must be 2 to 1, the images of the smallest class. Received: folds=5"
    ):
        cross_validate(MULTI, lacking, tmp_path / "folds")
    with pytest.raises(ValueError, match=r"`dataset.train` must have two images or more of a class. Received"):
        tune(MULTI, dataclasses.replace(lacking, train=rare.take([10, 11])), tmp_path / "hpo")
    absent = dataclasses.replace(dataset.train, labels=np.zeros_like(dataset.train.labels))
    with pytest.raises(ValueError, match="images that are of a class, and images that are not"):
        train(MULTI, dataclasses.replace(dataset, train=absent), tmp_path)
    mixed = dataclasses.replace(dataset, validation=coloured([0, 1, 2]))
    with pytest.raises(ValueError, match=r"`dataset.validation` must have labels \(n, 3\) as others"):
        train(MULTI, mixed, tmp_path)
    assert not list(tmp_path.rglob("*.npz")) and task_of(mixed) == MultiLabel() != SingleLabel()
