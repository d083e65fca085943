"""`finetune`, `evaluate`, `predict` and `export` of several labels, as a user runs them one after another."""

import csv
import json
import re

import numpy as np
import pytest
from commands import check_mistakes, command
from digit_pairs import write_pairs

from keras_effconv import exporting
from keras_effconv.data.images.reading import read_image
from keras_effconv.training.reporting import evaluation

pytestmark = pytest.mark.long
FLAGS = ("--image_size=32", "--epochs=1", "--model=ResNet20", "--weights=none", '--options={"depth": 0.3}')


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run on images of none, one or two digits."""
    folder = tmp_path_factory.mktemp("pairs")
    table = write_pairs(folder / "pairs", {"train": 120, "validation": 60, "test": 40})
    done = command("finetune", f"--data_dir={table}", "--multi_label", f"--output={folder / 'out'}", *FLAGS)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, table, done


def report_of(folder):
    return json.loads((folder / "out" / "report.json").read_text())


def test_the_screen_says_what_was_understood_and_what_came_out(finished):
    folder, table, done = finished
    with table.open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    mean = np.mean([len([name for name in row["labels"].split("|") if name]) for row in rows])
    assert f"10 classes; multi-label: {mean:.1f} labels an image; ResNet20" in done.stdout
    assert "120 training and 60 validation images, 40 test images for the end, 10 classes" in done.stdout
    report = report_of(folder)
    assert f"test mean average precision {report['test_mean_average_precision']:.1%}" in done.stdout
    assert "test images at thresholds chosen on the validation images: precision" in done.stdout
    written = done.stdout.splitlines()[-2].partition(": ")[2].split()
    assert {"thresholds.json", "precision_recall.png", "serving/1"} <= set(written) and "confusion.png" not in written


def test_evaluate_measures_the_same_again_also_of_the_export(finished):
    folder, table, _ = finished
    for model in ("model.keras", "serving"):
        flags = (f"--data_dir={table}", "--multi_label", "--split=test", f"--output={folder / 'again'}")
        done = command("evaluate", f"--model={folder / 'out' / model}", *flags)
        assert done.returncode == 0, done.stderr[-2000:]
        again, report = json.loads((folder / "again" / "evaluation.json").read_text()), report_of(folder)
        assert again["mean_average_precision"] == pytest.approx(report["test_mean_average_precision"], abs=1e-3)
        assert again["thresholds"] == pytest.approx(report["thresholds"], abs=1e-6)
        assert re.search(r"^pixels +mean average precision +95 % interval +F1 +images/s$", done.stdout, re.MULTILINE)


def said(path, model, view):
    """The classes that the definition says of a file: probabilities of the SavedModel, thresholds of the file."""
    exported = exporting.load(model)
    probabilities = exported(np.asarray(read_image(path, view))[None])[0]
    return {name for name, p, limit in zip(exported.labels, probabilities, exported.thresholds) if p >= limit}


def test_predict_prints_the_classes_above_their_thresholds(finished, tmp_path):
    from keras_effconv.data.images.reading import compiled_decoder

    folder, table, _ = finished
    serving, images = folder / "out" / "serving", [table.parent / f"test-{i}.png" for i in range(6)]
    view = compiled_decoder(exporting.load(serving).preprocessing)
    expected = {str(path): said(str(path), serving, view) for path in images}
    for model in (folder / "out" / "model.keras", serving):
        done = command("predict", *images, f"--model={model}", "--top=10", f"--csv={tmp_path / 'out.csv'}")
        assert done.returncode == 0, done.stderr[-2000:]
        with (tmp_path / "out.csv").open() as file:
            rows = {row["path"]: {row[f"label_{i}"] for i in range(1, 11)} - {""} for row in csv.DictReader(file)}
        assert rows == expected
    done = command("predict", *images, f"--model={serving}", "--top=10")
    shown = "".join(f"{path}\n" + "".join(f"  {name}\n" for name in sorted(names)) for path, names in expected.items())
    words = [line.split()[-1] for line in done.stdout.splitlines() if line.strip() != "none of the classes"]
    assert sorted(words) == sorted(shown.split())


def test_edited_thresholds_are_obeyed(finished):
    folder, table, _ = finished
    file = folder / "out" / "thresholds.json"
    before = file.read_text()
    try:
        file.write_text(json.dumps(dict.fromkeys(json.loads(before), 1.0)))
        done = command("predict", table.parent / "test-0.png", f"--model={folder / 'out' / 'model.keras'}")
        assert done.returncode == 0 and "none of the classes" in done.stdout
        file.write_text(json.dumps({"0": 0.5}))
        mistake = (
            (table.parent / "test-0.png", f"--model={folder / 'out' / 'model.keras'}"),
            "a number from 0 to 1 for each",
        )
        check_mistakes("predict", [mistake])
    finally:
        file.write_text(before)


def test_what_does_not_go_together_is_one_line(finished, tmp_path):
    folder, table, _ = finished
    data, output = f"--data_dir={table}", f"--output={tmp_path / 'out'}"
    check_mistakes(
        "finetune",
        [
            ((data, output), "unless `multi_label` (--multi_label) is set"),
            ((data, output, "--multi_label", "--balanced_sampling"), "`balanced_sampling` must be False"),
            (("--dataset=digits", output, "--multi_label"), "`multi_label` must be with a CSV file"),
            ((data, output, "--csv_label_separator=|"), "`csv_label_separator` must be with `multi_label`"),
        ],
    )
    model = f"--model={folder / 'out' / 'model.keras'}"
    check_mistakes("evaluate", [((model, data, output), "`multi_label` must be set for a model of several labels")])
    check_mistakes("compare", [((data, output, "--multi_label"), "`multi_label` must be False in a comparison")])
    assert not (tmp_path / "out" / "checkpoint.npz").exists()


def test_a_table_of_the_screen_has_a_line_a_class():
    labels = np.array([[1, 0], [1, 0], [0, 0]], "int32")
    lines = evaluation.table(evaluation.of_answers(np.array([[0.9, 0.6], [0.2, 0.1], [0.6, 0.2]]), labels, ("a", "b")))
    assert lines[1].split() == ["a", "2", "83.3%", "0.50", "50.0%", "50.0%", "50.0%"]
    assert lines[2].split() == ["b", "no", "image"]
