"""`report.html`: it can be read whatever the classes and files are called, and refers to nothing outside itself."""

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from html_pages import Page
from hypothesis import given
from hypothesis import strategies as st
from small_runs import TINY, coloured, coloured_set

from keras_effconv.training import Evaluation
from keras_effconv.training.network import HEAD
from keras_effconv.training.reporting import findings, html_report, mislabelled, mistakes
from keras_effconv.training.reporting.calibration import calibrate
from keras_effconv.training.reporting.page import charts, parts, sections
from keras_effconv.training.reporting.summary import summarized
from keras_effconv.training.result import Result

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=//evil.example/x onerror=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "</style></title></svg><!-- ]]>",
    "\udcff\x00\x1b[31m\u202egnp.exe",
    "{0} {name} %s %(x)d $x \\",
    "&lt;b&gt; &amp; &#60;",
    "line\nbreak\r\ttab",
    "long " * 2000,
    "\u73ab\u7470 \u0648\u0631\u062f\u0629 \N{ROSE}",
    "",
)


def network(classes, size=32):
    """A classifier with a map to look at."""
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax", name=HEAD)(x))


def answers(labels, classes, seed=0, wrong=0.3):
    """Probabilities whose largest is at the label, of some at another class."""
    rng, labels = np.random.default_rng(seed), np.asarray(labels)
    probabilities = rng.dirichlet(np.full(classes, 0.5), len(labels))
    best = np.where(rng.random(len(labels)) < wrong, (labels + 1) % classes, labels)
    probabilities[np.arange(len(labels)), best] += 1
    return probabilities / probabilities.sum(1, keepdims=True)


def evaluated(labels, names, **options):
    return Evaluation(answers(labels, len(names), **options), np.asarray(labels), tuple(names))


def shown(evaluation, split, tmp_path, model=None):
    """Return the page of an evaluation."""
    model = network(len(evaluation.class_names)) if model is None else model
    wrong = mistakes.worst_mistakes(model, evaluation, split)
    measured = calibrate(evaluation, "test images")
    facts = [("Network", "x"), ("Hostile", HOSTILE[0])]
    html_report.write_evaluation(tmp_path / "a.html", HOSTILE[1], evaluation, "test images", facts, measured, wrong)
    return Page((tmp_path / "a.html").read_text("utf-8"))


def run_page(dataset, evaluation, tmp_path, test=None, search=None, curves=None, head=None, keep="last"):
    """Return the page of a run that ended with these evaluations."""
    head = {"accuracy": [0.5], "val_accuracy": [0.4], "loss": [1.0], "val_loss": [1.2]} if head is None else head
    model, recipe = network(len(dataset.class_names)), dataclasses.replace(TINY, keep=keep)
    model.save(tmp_path / "model.keras")
    result = Result(model, None, 0.4, head, curves or {}, 0, 0.4, 2 * bool(curves), 12.3, tmp_path, evaluation, test)
    if search is not None:
        mislabelled.write(tmp_path, search, "run")
    result, calibration = findings.calibrated(result)
    found = findings.find(result, dataset, "run", calibration)
    summary = {**summarized(result, recipe, dataset), **findings.numbers(found, result)}
    html_report.write_run(result, recipe, dataset, summary, found)
    return Page((tmp_path / html_report.PAGE).read_text("utf-8")), summary


def test_hostile_names_are_text(tmp_path):
    """In the names of classes, files and the data set: the page has the tags that it would have anyway."""
    labels = [i % 4 for i in range(24)]
    pages = []
    for names, files in (
        (HOSTILE[:4], [HOSTILE[i % len(HOSTILE)] for i in range(24)]),
        (HOSTILE[4:8], [f"a/b/{HOSTILE[i % len(HOSTILE)]}" for i in range(24)]),
        ("abcd", [f"{i}" for i in range(24)]),
    ):
        split = coloured(labels, names=files)
        dataset = coloured_set(labels, labels, class_names=names)
        dataset = type(dataset)(names[0], split, split, tuple(names))
        suspects = [mislabelled.Suspect(i, files[i], names[0], names[1], 0.1, 0.5) for i in range(3)]
        pages.append(run_page(dataset, evaluated(labels, names), tmp_path, search=mislabelled.Search(24, "", suspects)))
    tags = [page.tags for page, _ in pages]
    assert tags[0] == tags[1] == tags[2]
    for name in HOSTILE[:4]:
        assert name in pages[0][0].words
    assert "\u202e" not in pages[1][0].words and "\N{REPLACEMENT CHARACTER}" in pages[1][0].words


@given(st.text(st.characters(codec=None), max_size=30))
def test_any_text_is_read_as_it_was_written(value):
    """What is replaced aside, a reader of HTML finds the text again; nothing of it becomes a tag."""
    source = f"<!DOCTYPE html><p>{parts.text(value)}</p>"
    source.encode("utf-8")
    page = Page(source)
    assert page.tags == ["p"]
    expected = "".join(map(parts._harmless, value))
    assert page.words == " ".join(expected.split())
    inside = Page(f'<!DOCTYPE html><p class="{parts.text(value)}"></p>')
    assert inside.tags == ["p"] and not inside.words


def test_names_are_cut_and_folders_left_out():
    assert len(parts.text("x" * 500)) == 100
    assert "home" not in parts.file_name("/home/someone/flowers/rose/1.jpg")
    assert "rose/1.jpg" in parts.file_name("C:\\Users\\someone\\rose\\1.jpg")
    assert parts.file_name("a/" + "x" * 300 + ".jpg").endswith(".jpg</bdi>")


def test_the_page_of_a_run_has_its_numbers(tmp_path):
    labels = [i % 3 for i in range(30)]
    dataset = coloured_set(labels, labels, labels)
    curves = {"accuracy": [0.6, 0.9], "val_accuracy": [0.5, 0.7], "loss": [1.0, float("nan")], "val_loss": [1.1, 0.9]}
    validation, test = evaluated(labels, dataset.class_names), evaluated(labels, dataset.class_names, seed=1)
    page, summary = run_page(dataset, validation, tmp_path, test, curves=curves, keep="best")
    low, high = summary["test_accuracy_interval"]
    right = int((test.predicted == test.labels).sum())
    assert f"{test.accuracy:.1%}".replace("%", " %") in page.words
    assert f" % accuracy; 95 % interval: {100 * low:.1f} to {100 * high:.1f} %" in page.words
    assert f"{right} of 30 test images are right. The validation images selected the epoch. Measured on" in page.words
    assert f"Validation accuracy {100 * validation.accuracy:.1f} %" in page.words
    assert page.tags.count("svg") == 3  # two curves and the diagram
    wrong = 30 - right
    *photos, stages = page.pictures
    assert len(photos) == 2 * min(wrong, mistakes.MOST) > 0  # each next to its heat map
    assert stages.startswith("data:image/png") and "The network" in page.words
    measured = summary["calibration"]
    assert f"{100 * measured['ece']:.1f} %" in page.words and f"{measured['temperature']:.2f}" in page.words
    assert "It is found on the validation images" in page.words
    assert f"The model is saved with {measured['applied']:.2f}: its logits are divided by it." in page.words
    for scores in summary["test_per_class"]:
        low, high = scores["recall_interval"]
        recall = f"{100 * scores['recall']:.1f} % {100 * low:.1f} to {100 * high:.1f} %"
        assert f"{scores['name']} {scores['images']} {recall} {100 * scores['precision']:.1f} %" in page.words
    assert "The training images were not searched: no head was fitted to features." in page.words


def test_suspects_are_shown_with_their_photos(tmp_path):
    labels = [0, 1, 2] * 5
    dataset = coloured_set(labels, labels)
    names = dataset.class_names
    suspects = [mislabelled.Suspect(i, f"photo {i}", names[0], names[1], 0.01 * i, 0.5) for i in range(15)]
    right = evaluated(labels, names, wrong=0)
    page, summary = run_page(dataset, right, tmp_path, search=mislabelled.Search(15, "", suspects))
    *photos, _ = page.pictures
    assert len(photos) == 15 and summary["suspected_labels"] == 15
    assert "looked at 15 training images and suspects 15 labels" in page.words
    page, summary = run_page(dataset, right, tmp_path, search=mislabelled.Search(0, "it would take long", []))
    assert "not searched: it would take long." in page.words and summary["suspected_labels"] is None


def test_a_run_without_mistakes_has_a_page(tmp_path):
    labels = [0, 1, 2] * 5
    split = coloured(labels)
    page = shown(evaluated(labels, ("red", "green", "blue"), wrong=0), split, tmp_path)
    assert "There is none: every image is right." in page.words
    assert "No image is taken for another class." in page.words
    assert "do not determine a temperature" in page.words
    assert page.pictures == []


@pytest.mark.parametrize("present", [0, 1])
def test_only_one_class_has_images(present, tmp_path):
    evaluation = evaluated([present] * 9, ("rose", "daisy", "tulip"), seed=3)
    page = shown(evaluation, coloured([present] * 9), tmp_path)
    assert page.words.count(" no image \N{EN DASH} \N{EN DASH}") == 2
    assert "2 of 3 classes have no image, so nothing is known of them." in page.words


def test_an_evaluation_without_an_image_is_refused_by_nothing(tmp_path):
    empty = Evaluation(np.zeros((0, 3)), np.zeros(0, int), ("a", "b", "c"))
    split = coloured([0]).take([])
    page = shown(empty, split, tmp_path)
    assert "0 of 0 test images are right" in page.words and "no probabilities" in page.words


def test_a_thousand_classes_stay_readable(tmp_path):
    names = [f"class number {i}" for i in range(1000)]
    labels = np.arange(900)
    split = coloured([0] * len(labels))
    page = shown(evaluated(labels, names), split, tmp_path)
    assert page.tags.count("tr") < 100
    assert len(page.words) < 12_000
    assert (tmp_path / "a.html").stat().st_size < 500_000
    assert "100 of 1000 classes have no image" in page.words and "These 20 pairs are confused most often." in page.words
    classes = sections.classes(evaluated(labels, names))
    recalls = [
        float(each) for each in re.findall(r"<td class=\"number\">([\d.]+)\xa0%</td><td[^>]*>[\d.]+ to", classes)
    ]
    assert recalls[:20] == [0.0] * 20 and recalls[20:] == [100.0] * 10


def test_the_worst_mistakes_are_the_surest_ones():
    labels = [0, 1, 2, 0, 1]
    probabilities = np.array([[0.1, 0.9, 0], [0.6, 0.4, 0], [0, 0, 1], [0, 0.2, 0.8], [np.nan, 0, 0]])
    evaluation = Evaluation(probabilities, np.array(labels), ("a", "b", "c"))
    worst = mistakes.worst_mistakes(network(3), evaluation, coloured(labels), most=3)
    assert [(each.file, each.label, each.answer, each.confidence) for each in worst] == [
        ("image 0", "a", "b", 0.9),
        ("image 3", "a", "c", 0.8),
        ("image 1", "b", "a", 0.6),
    ]
    assert worst[0].label_probability == pytest.approx(0.1)


def test_heat_is_of_the_wrong_answer():
    from keras_effconv import grad_cam

    labels, model = [0, 1, 2], network(3)
    split = coloured(labels)
    evaluation = Evaluation(np.eye(3)[[1, 2, 0]], np.array(labels), ("a", "b", "c"))
    worst = mistakes.worst_mistakes(model, evaluation, split)
    expected = grad_cam(model, split.images.astype("float32"), class_index=[1, 2, 0])
    np.testing.assert_allclose([each.heat for each in worst], expected, atol=1e-6)


def test_a_model_without_a_map_shows_photos_alone(tmp_path):
    image = keras.Input((32, 32, 3))
    flat = keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(image)))
    labels = [0, 1, 2] * 3
    evaluation = evaluated(labels, ("a", "b", "c"), wrong=1.0)
    worst = mistakes.worst_mistakes(flat, evaluation, coloured(labels))
    page = shown(evaluation, coloured(labels), tmp_path, model=flat)
    assert len(worst) == 9 and all(each.heat is None for each in worst) and len(page.pictures) == 9
    assert "Grad-CAM" not in page.words


def test_streams_show_no_photos(tmp_path):
    assert findings.mistakes_of(None, None, object()) is None
    labels = [0, 1, 2] * 3
    evaluation = evaluated(labels, ("a", "b", "c"), wrong=1.0)
    html_report.write_evaluation(tmp_path / "a.html", "x", evaluation, "test images", [], None, None)
    page = Page((tmp_path / "a.html").read_text("utf-8"))
    assert "9 images are wrong. The images are read from disk, so none is shown." in page.words


def test_one_epoch_is_a_table_and_none_is_nothing():
    one = {"accuracy": [0.5], "val_accuracy": [0.25], "loss": [1.0], "val_loss": [2.0]}
    assert "svg" not in sections.curves(one, {}) and "25.0\xa0%" in sections.curves(one, {})
    assert sections.curves({}, {}) == ""
    both = sections.curves(one, one)
    assert both.count("<svg") == 2 and both.count("<circle") == 8


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.booleans())
def test_ticks_are_few_and_inside(low, width, whole):
    found = charts.ticks(low, low + width, whole=whole)
    assert len(found) <= 7
    assert all(low - 1e-5 * width <= tick <= low + width * (1 + 1e-5) for tick in found)
    assert not whole or all(isinstance(tick, int) for tick in found)
    if not whole or width > 2:
        assert found


def test_the_page_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("old")
    monkeypatch.setattr(Path, "write_text", lambda *arguments, **options: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        html_report.write_evaluation(path, "x", evaluated([0, 1], "ab"), "test images", [], None, None)
    monkeypatch.undo()
    assert path.read_text() == "old" and [each.name for each in tmp_path.iterdir()] == ["a.html"]
