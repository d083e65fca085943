"""What a run says of itself: report, card, screen and disk agree, and none says more than was seen."""

import dataclasses
import json
import re
import time
from unittest import mock

import numpy as np
import pytest
from commands import command
from html_pages import Page
from small_runs import TINY, Stop, StopAt, coloured_set

from keras_effconv.training import Evaluation, checkpoint, train
from keras_effconv.training.reporting import evaluation as evaluations
from keras_effconv.training.reporting import outputs, screen
from keras_effconv.training.reporting.intervals import wilson
from keras_effconv.training.reporting.outputs import files

LABELS = [0, 1, 2] * 5
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A run with a test split and a class without a validation image: its result, data set, screen and calls."""
    folder = tmp_path_factory.mktemp("runs") / "a run"
    dataset, calls = coloured_set(LABELS, [0, 1, 1, 0], [2, 2, 1, 0, 0]), []

    def watched(model, split, *rest):
        calls.append((split, model.get_weights()))
        return evaluations.evaluate(model, split, *rest)

    with mock.patch.object(outputs, "evaluate", watched), mock.patch("builtins.print") as printed:
        begun = time.perf_counter() - 100
        result = train(TINY, dataset, folder, begun=begun)
        seconds = time.perf_counter() - begun
        print("\n".join(screen.closing(result, TINY, dataset)))
    shown = "\n".join(" ".join(map(str, call.args)) for call in printed.call_args_list)
    return result, dataset, shown, calls, seconds


def report_of(result):
    return json.loads((result.folder / "report.json").read_text())


def test_the_test_split_is_evaluated_once_with_the_chosen_weights(reported):
    result, dataset, _, calls, _ = reported
    tests = [weights for split, weights in calls if split is dataset.test]
    assert len(tests) == 1
    divided = report_of(result)["calibration"]["applied"] or 1
    weights = result.model.get_weights()
    weights[-2:] = [each * divided for each in weights[-2:]]  # the head, which calibration alone changes
    for mine, theirs in zip(tests[0], weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
    # By definition: the share of the test images whose largest probability is at their label.
    scores = result.model.predict(dataset.test.images.astype("float32"), verbose=0)
    accuracy = np.mean(scores.argmax(1) == dataset.test.labels)
    assert report_of(result)["test_accuracy"] == pytest.approx(accuracy)


def test_report_card_screen_and_disk_agree(reported):
    """The new row of evaluation: every number and every file that is named, in all places."""
    result, dataset, screen, _, _ = reported
    report, card = report_of(result), (result.folder / "README.md").read_text()
    metrics = json.loads((result.folder / "metrics.json").read_text())
    curve = [*metrics["head"]["val_accuracy"], *metrics["val_accuracy"]]
    assert report["accuracy"] == pytest.approx(curve[report["kept_epoch"]], abs=1e-6)
    assert (report["last_accuracy"], report["head_accuracy"]) == (curve[-1], curve[0])
    for prefix, name, split in (("", "validation", dataset.validation), ("test_", "test", dataset.test)):
        confusion = np.array(report[f"{prefix}confusion"])
        assert confusion.sum() == report[f"{name}_images"] == len(split)
        assert report[f"{prefix}accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
        low, high = report[f"{prefix}accuracy_interval"]
        assert (low, high) == wilson(np.trace(confusion), confusion.sum())
        shown = f"{report[f'{prefix}accuracy']:.1%} (95% interval: {low:.1%} to {high:.1%})"
        assert f"accuracy {shown} on {len(split)} {name} images" in screen
        assert f"| {name} | {len(split)} images: top-1 {shown} |" in card
    images, share = len(dataset.train), report["head_cross_validated"]
    assert report["head_cross_validated_images"] == images and share * images == pytest.approx(round(share * images))
    low, high = report["head_cross_validated_interval"]
    assert (low, high) == wilson(round(share * images), images)
    shown = f"{share:.1%} (95% interval: {low:.1%} to {high:.1%})"
    assert f"head alone, in five folds of {images} training images: {shown}" in screen
    written = re.search(r"written to .*: (.*)", screen)[1].split()
    assert ", ".join(written) in card
    assert all((result.folder / name).exists() for name in written)
    on_disk = {path.name for path in result.folder.iterdir()} - {"checkpoint.npz", "best.npz"}
    assert {name.split("/")[0] for name in written} == on_disk
    assert (result.folder / "labels.txt").read_text().split() == list(dataset.class_names)


def test_the_page_agrees_with_the_report(reported):
    """The test images report, so that the page shows theirs: accuracy, classes, mistakes; and the labels suspected."""
    result, dataset, _, _, _ = reported
    report, page = report_of(result), Page((result.folder / "report.html").read_text("utf-8"))
    low, high = report["test_accuracy_interval"]
    assert (
        f"{100 * report['test_accuracy']:.1f} % accuracy; 95 % interval: {100 * low:.1f} to {100 * high:.1f} %"
        in page.words
    )
    assert "No images selected anything. Measured on the test images" in page.words
    assert f"{report['params'] / 1e6:.2f} million" in page.words
    assert report["model_bytes"] == (result.folder / "model.keras").stat().st_size
    assert report["calibration"]["measured_on"] == "test images"
    assert report["calibration"]["fitted_on"] == "validation images"
    search = json.loads((result.folder / "mislabelled.json").read_text())
    assert (search["images"], search["skipped"]) == (len(dataset.train), "")
    assert report["suspected_labels"] == len(search["suspects"])
    assert f"looked at {len(dataset.train)} training images and suspects {len(search['suspects'])}" in page.words
    wrong = round(len(dataset.test) * (1 - report["test_accuracy"]))
    *photos, stages = page.pictures
    assert len(photos) == 2 * wrong + len(search["suspects"]) and stages.startswith("data:image/png")
    for prefix, classes in (("", report["per_class"]), ("test_", report["test_per_class"])):
        assert [each["images"] for each in classes] == np.sum(report[f"{prefix}confusion"], axis=1).tolist()
        assert [each["recall"] is None for each in classes] == [not each["images"] for each in classes]


def test_a_class_without_validation_images_has_no_accuracy(reported):
    result, _, screen, _, _ = reported
    line = next(line for line in screen.splitlines() if line.startswith("blue "))
    assert line.split() == ["blue", "no", "image"]
    assert "1 classes have no validation image, so nothing is known of them: blue" in screen
    assert report_of(result)["classes_without_validation_images"] == ["blue"]
    assert "- Classes without a validation image: blue." in (result.folder / "README.md").read_text()


def test_the_seconds_are_those_of_the_clock(reported):
    """From the beginning that the command knows to the end, evaluation and export included."""
    result, _, screen, _, seconds = reported
    assert report_of(result)["seconds"] == pytest.approx(seconds, abs=1)
    assert f"{report_of(result)['seconds']:.0f} s in all" in screen


def test_the_next_command_is_one_that_a_shell_reads(reported):
    result, _, screen, _, _ = reported
    assert screen.splitlines()[-1] == f"next: keras-effconv predict IMAGE '--model={result.folder / 'model.keras'}'"


def test_what_an_earlier_run_left_is_not_reported(reported, no_export, tmp_path):
    """A run without epochs and without a test split, in the folder of one that had both."""
    result, dataset, _, _, _ = reported
    for name in ("test_confusion.png", "mislabelled.json", "model.keras", "checkpoint.npz", "run.json"):
        (tmp_path / name).write_bytes((result.folder / name).read_bytes())
    checkpoint.write_arrays(tmp_path / checkpoint.BEST, result.model.weights)
    (tmp_path / "logs").mkdir()
    recipe = dataclasses.replace(TINY, epochs=0, head_c=0, seed=1, keep="best")
    with mock.patch("builtins.print") as printed:
        second = train(recipe, dataclasses.replace(dataset, test=None), tmp_path)
    said = printed.call_args_list[0].args[0]
    assert (
        said == f"{tmp_path} holds an earlier run, which has done 1 epochs: starting anew, its files will be replaced"
    )
    assert {"logs/", "test_confusion.png", "mislabelled.json"}.isdisjoint(files(tmp_path))
    assert not (tmp_path / "logs").exists()
    # The weights are its own: not the earlier run's best.
    kernels = [model.get_layer("predictions").get_weights()[0] for model in (second.model, result.model)]
    assert not np.allclose(*kernels)
    with pytest.raises(ValueError, match="another run's"):  # and its checkpoint is nobody's to resume from
        (tmp_path / "run.json").unlink()
        train(recipe, dataset, tmp_path, resume=True)


def test_a_run_that_resumes_keeps_the_suspected_labels(reported, no_export, tmp_path):
    """The features are computed once, before the first checkpoint: the search is a file of the run."""
    result, dataset, _, _, _ = reported
    with pytest.raises(Stop):
        train(TINY, dataset, tmp_path, callbacks=[StopAt(0, 0)], checkpoint_seconds=0)
    train(TINY, dataset, tmp_path, resume=True)
    assert (tmp_path / "mislabelled.json").read_text() == (result.folder / "mislabelled.json").read_text()
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert f"looked at {len(dataset.train)} training images" in page.words


def test_ties_are_decided_once():
    """Constant images: the first of equal classes counts, for accuracy, top-k, confusion and table alike."""
    evaluation = Evaluation(np.full((4, 8), 1 / 8), np.array([0, 1, 4, 5]), tuple("abcdefgh"))
    assert evaluation.predicted.tolist() == [0] * 4
    assert evaluation.accuracy == np.trace(evaluation.confusion) / 4 == 0.25
    assert evaluation.accuracy_at(5) == 0.75
    assert evaluation.accuracy_at(8) == 1.0
    assert Evaluation(np.full((2, 2), np.nan), np.array([0, 1]), ("a", "b")).accuracy == 0.5


def test_a_command_counts_from_its_start(no_export, tmp_path):
    flags = [
        "--dataset=digits",
        "--limit=1",
        "--model=ResNet20",
        "--image_size=32",
        "--epochs=0",
        "--recipe=digits-smoke",
    ]
    begun = time.perf_counter()
    done = command("train", *flags, '--options={"depth": 0.3}', f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr[-2000:]
    seconds = json.loads((tmp_path / "out" / "report.json").read_text())["seconds"]
    assert time.perf_counter() - begun - 1 < seconds < time.perf_counter() - begun + 0.1
