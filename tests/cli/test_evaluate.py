"""`keras-effconv evaluate` on data with other, fewer or differently ordered classes than the model's."""

import json
import shutil
import unicodedata

import keras
import numpy as np
import pytest
from commands import command
from html_pages import Page
from PIL import Image
from small_runs import COLOURS, coloured, coloured_set
from weights import random_statistics

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.cli import evaluate, evaluate_subject, predictor
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.training import Recipe
from keras_effconv.training.class_names import match
from keras_effconv.training.reporting.intervals import wilson
from keras_effconv.training.reporting.run_record import described, write_record
from keras_effconv.training.trainer import at_size

NAMES = ["red", "green", "blue"]


def by_colour():
    """A classifier that is right: the largest channel is the class."""
    image = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 32)(Preprocessing(32, crop=None).layer()(image))
    return keras.Model(image, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a model")
    by_colour().save(folder / "model.keras")
    (folder / "labels.txt").write_text("\n".join(NAMES) + "\n")
    return folder


def painted(folder, names):
    for name in names:
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (32, 32), tuple(COLOURS[NAMES.index(name.lower())])).save(folder / name / f"{i}.png")
    return folder


def evaluated(saved, folder, *flags):
    return command("evaluate", f"--model={saved / 'model.keras'}", f"--data_dir={folder}", *flags)


def test_classes_are_matched_by_name(saved, tmp_path):
    """A folder lists its classes from a to z; the model has them in the order of labels.txt."""
    done = evaluated(saved, painted(tmp_path / "data", NAMES), f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "in another order: matched by name" in done.stdout
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (record["classes"], record["sizes"][0]["top1"]) == (NAMES, 1.0)
    assert record["sizes"][0]["top1_interval"] == list(
        wilson(record["sizes"][0]["images"], record["sizes"][0]["images"])
    )
    assert [(each["name"], each["recall"]) for each in record["per_class"]] == [(name, 1.0) for name in NAMES]
    assert "written to" in done.stdout.splitlines()[-1] and "report.html" in done.stdout.splitlines()[-1]
    page = Page((tmp_path / "out" / "report.html").read_text("utf-8"))
    assert "model.keras on data" in page.words and "every image is right" in page.words


@pytest.mark.parametrize("place", [".", "serving"])
def test_the_split_is_that_of_the_run_that_left_the_model(saved, tmp_path, place):
    """Of a folder without a split, another seed validates on images that the model was trained on."""
    folder, model = painted(tmp_path / "data", NAMES), tmp_path / "run" / place / "model.keras"
    model.parent.mkdir(parents=True)
    for name in ("model.keras", "labels.txt"):
        shutil.copy(saved / name, model.parent / name)
    dataset = data.load(data_dir=str(folder), resize=32, seed=1, validation_split=0.4)
    write_record(tmp_path / "run", described(Recipe(seed=1), dataset))
    flags = [f"--model={model}", f"--data_dir={folder}", f"--output={tmp_path / 'out'}"]
    same, other = "--validation_split=0.4", "the validation images are not those of the run"
    assert other not in command("evaluate", *flags, same).stderr
    assert other not in command("evaluate", *flags, same, "--seed=1").stderr
    assert other in command("evaluate", *flags, same, "--seed=2").stderr
    assert other in command("evaluate", *flags, "--validation_split=0.7").stderr
    (tmp_path / "run" / "run.json").write_text('{"seed": 1, "images": {')
    assert command("evaluate", *flags, same).returncode == 0


def test_fewer_classes_are_said_and_unknown_ones_refused(saved, tmp_path):
    done = evaluated(saved, painted(tmp_path / "few", ["red", "blue"]), f"--output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "the data has 2 of the model's 3 classes, by name; not green" in done.stdout
    assert "green  no image" in done.stdout
    assert "green no image" in Page((tmp_path / "out" / "report.html").read_text("utf-8")).words
    done = evaluated(saved, painted(tmp_path / "other", ["Red", "blue"]), f"--output={tmp_path / 'out'}")
    assert done.returncode == 2
    assert "1 of 2 that it does not know: 'Red' (did you mean red?)" in done.stderr.splitlines()[-1]


def test_without_names_the_order_is_said_or_the_number_refused(capsys):
    dataset = coloured_set([0, 1, 2], [0, 1, 2])
    split, names = evaluate.matched(dataset.validation, dataset, 3, None)
    assert split is dataset.validation and names == tuple(NAMES)
    assert "taken in the order of the data's" in capsys.readouterr().out
    two = data.Dataset("two", coloured([0, 1]), coloured([0, 1]), ("red", "green"))
    with pytest.raises(ValueError, match=r"must have its 3 classes\. Received: 2"):
        evaluate.matched(two.validation, two, 3, None)


def test_a_split_is_chosen():
    dataset = coloured_set([0, 1, 2], [0, 1], [2])
    assert evaluate.chosen(dataset, "test") is dataset.test
    with pytest.raises(ValueError, match="one that the data has: validation, train"):
        evaluate.chosen(coloured_set([0, 1], [0, 1]), "test")
    hidden = data.Split(coloured([0]).images, np.array([-1], "int32"), ("a",))
    with pytest.raises(ValueError, match="whose labels are hidden"):
        evaluate.chosen(data.Dataset("x", hidden, hidden, ("a", "b"), test=hidden), "test")


def test_composed_and_decomposed_names_are_one():
    """MacOS writes file names decomposed (NFD)."""
    assert match([unicodedata.normalize("NFD", "café"), "thé"], ["thé", "café"], "the model") == [1, 0]
    with pytest.raises(ValueError, match="several classes have this name"):
        match(["crane"], ["crane", "crane"], "the model")


def test_identifiers_of_imagenet_are_names_of_its_classes():
    from keras_effconv import zoo

    names = [name for _, name in zoo.imagenet_classes()]
    assert evaluate.known(names, ["n01440764", "n01443537"])[:2] == ["n01440764", "n01443537"]
    assert evaluate.known(names, ["tench"]) is names


def test_columns_of_a_table_are_asked_for(saved, tmp_path):
    folder = painted(tmp_path / "data", NAMES)
    lines = [f"{i},{name}/{i}.png,{name},x{i}" for name in NAMES for i in range(3)]
    (folder / "table.csv").write_text("\n".join(["n,where,what,else", *lines]) + "\n")
    flags = ("--csv_path_column=where", "--csv_label_column=what", f"--output={tmp_path / 'out'}")
    done = evaluated(saved, folder / "table.csv", *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "100.0%" in done.stdout


def exported(saved, folder, format="onnx"):
    """Export the classifier by colour with its names."""
    from keras_effconv import export

    model = keras.models.load_model(saved / "model.keras")
    export(model, folder, format, labels=NAMES, preprocessing=Preprocessing(32, crop=None))
    return folder


@pytest.mark.long
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_an_export_is_evaluated_in_its_runtime(saved, tmp_path, format):
    path = exported(saved, tmp_path / "export", format)
    photos = painted(tmp_path / "data", NAMES)
    flags = (f"--model={path}", f"--data_dir={photos}", f"--output={tmp_path / 'out'}")
    done = command("evaluate", *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "in another order: matched by name" in done.stdout
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (record["classes"], record["sizes"][0]["size"], record["sizes"][0]["top1"]) == (NAMES, 32, 1.0)
    words = Page((tmp_path / "out" / "report.html").read_text("utf-8")).words
    assert f"Format {format}" in words and "Weights float32" in words
    done = command("evaluate", *flags, "--sizes=32,64")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("`sizes` must be that of the export, 32. Received: 64")


def test_mistakes_of_an_export_have_no_heat(saved, tmp_path):
    from keras_effconv import exporting
    from keras_effconv.training import evaluate as measured
    from keras_effconv.training.reporting.mistakes import worst_mistakes

    split = coloured([0, 1, 2, 2])
    wrong = data.Split(split.images, np.array([1, 1, 2, 0], "int32"), split.names)
    export = exporting.load(exported(saved, tmp_path / "export"))
    evaluation = measured(export, wrong, NAMES, batch_size=3)
    np.testing.assert_allclose(evaluation.probabilities, by_colour().predict(split.images, verbose=0), atol=1e-5)
    mistakes = worst_mistakes(export, evaluation, wrong)
    assert sorted((each.label, each.answer) for each in mistakes) == [("green", "red"), ("red", "blue")]
    assert [each.heat for each in mistakes] == [None, None]


def test_views_are_averaged(saved, tmp_path):
    """Colours look the same from all sides, so that the answers stay; the file says which views were seen."""
    painted(tmp_path / "data", NAMES)
    done = [evaluated(saved, tmp_path / "data", f"--views={v}", f"--output={tmp_path / v}") for v in ("plain", "crops")]
    assert [each.returncode for each in done] == [0, 0]
    found = [json.loads((tmp_path / v / "evaluation.json").read_text()) for v in ("plain", "crops")]
    assert [each["views"] for each in found] == ["plain", "crops"]
    assert found[0]["confusion"] == found[1]["confusion"]


def test_views_change_what_a_model_of_places_says(saved, tmp_path):
    """A model of the left half alone is sure of red; of the mirror image it is as sure of green."""
    image = keras.Input((32, 32, 3))
    left = keras.layers.Cropping2D(((0, 0), (0, 16)))(image)
    keras.Model(image, by_colour()(keras.layers.Resizing(32, 32)(left))).save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("\n".join(NAMES) + "\n")
    (tmp_path / "data" / "red").mkdir(parents=True)
    (tmp_path / "data" / "green").mkdir()
    pixels = np.zeros((32, 32, 3), "uint8")
    pixels[:, :16], pixels[:, 16:] = COLOURS[0], COLOURS[1]
    for i in range(4):
        Image.fromarray(pixels if i % 2 else pixels[:, ::-1]).save(
            tmp_path / "data" / ("green", "red")[i % 2] / f"{i}.png"
        )
    errors = []
    for views in ("plain", "mirror"):
        done = evaluated(tmp_path, tmp_path / "data", f"--views={views}", f"--output={tmp_path / views}")
        assert done.returncode == 0
        errors.append(json.loads((tmp_path / views / "evaluation.json").read_text())["calibration"]["bins"])
    sure, unsure = ([each["confidence"] for each in bins if each["images"]] for bins in errors)
    assert min(sure) > 0.95 and max(unsure) < 0.55


NETWORKS = {
    "numbers outside": lambda: ke.ResNet20(weights=None, classes=3),
    "BGR": lambda: ke.VGG11(weights=None, classes=3, input_shape=(32, 32, 3), width=0.05),
    "-1 to 1": lambda: ke.MobileNet(weights=None, classes=3, input_shape=(32, 32, 3), alpha=0.25),
    "inside": lambda: ke.EfficientNetLite0(weights=None, classes=3, input_shape=(32, 32, 3), width=0.25, depth=0.3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluate_computes_what_predict_computes(name, tmp_path):
    """A network as it is saved may want other numbers than 0..255, at any size."""
    network = random_statistics(NETWORKS[name]())
    network.save(tmp_path / "model.keras")
    path = str(tmp_path / "model.keras")
    subject, other = evaluate_subject.load(path, None, None), predictor.load(path)
    images = np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3)).astype("float32")
    np.testing.assert_allclose(subject.at(32)(images[:, :32, :32]), other.run(images[:, :32, :32]), atol=1e-6)
    if name != "BGR":  # whose dense layers take one size
        layer = ke.preprocessing_for(network).preprocessing.at(48).layer()
        np.testing.assert_allclose(subject.at(48)(images), at_size(network, 48)(layer(images)), atol=1e-6)
