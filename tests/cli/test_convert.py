"""`keras-effconv convert`: from a trained model and a folder of photos to a folder that the other commands take."""

import csv
import functools
import io
import itertools
import json
import sys

import keras
import numpy as np
import pytest
from commands import check_mistakes, command
from PIL import Image
from small_runs import COLOURS

import keras_effconv as ke
from keras_effconv import zoo
from keras_effconv.cli import convert_model
from keras_effconv.converting.mimicking.state import FILE as STATE

NAMES = ["blue", "green", "red"]
PAINTS = dict(zip(NAMES, COLOURS[[2, 1, 0]]))
CONV = "--conv=OctConv(alpha=0.25)"
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def small_classifier():
    """A network of this package as fine-tuning leaves it: preprocessing, backbone and a head of three classes."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3), name="image")
    prepared = ke.ImagePreprocessing(32, crop=None, mean=(127.0,) * 3, std=(60.0,) * 3, name="preprocessing")(image)
    options = {"weights": None, "width": 0.5, "depth": 0.3, "include_top": False, "pooling": "avg"}
    network = ke.ResNet20(**options, input_tensor=prepared, input_shape=(32, 32, 3))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="predictions")(network.output))


def foreign_classifier(size=32, channels=3):
    """A user's own model, which says nothing of its images."""
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, channels))
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="first")(image)
    for name in ("second", "third"):
        x = keras.layers.Conv2D(16, 3, padding="same", use_bias=False, name=name)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(name=f"{name}_bn")(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="scores")(x), name="mine")


def paint(folder, count, seed):
    """Write noise around a colour, in a folder per class."""
    rng = np.random.default_rng(seed)
    for name, colour in PAINTS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(-40, 40, (36, 40, 3)) + colour
            Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(folder / name / f"{number}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models with their labels, and photos with classes and without."""
    folder = tmp_path_factory.mktemp("a conversion")
    for name, model in (("ours", small_classifier()), ("foreign", foreign_classifier())):
        (folder / name).mkdir()
        model.save(folder / name / "model.keras")
        (folder / name / "labels.txt").write_text("".join(f"{each}\n" for each in NAMES))
    paint(folder / "photos" / "train", 6, 0)
    paint(folder / "photos" / "validation", 2, 1)
    (folder / "flat").mkdir()
    for number, path in enumerate(sorted((folder / "photos" / "train").rglob("*.png"))):
        (folder / "flat" / f"{number}.png").write_bytes(path.read_bytes())
    return folder


def converted(folder, name, output, *flags):
    done = command(
        "convert", f"--model={folder / name / 'model.keras'}", CONV, f"--output={output}", "--nomeasure", *flags
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """What converting a classifier of this package leaves, and what the command has printed."""
    output = tmp_path_factory.mktemp("converted")
    return output, converted(folder, "ours", output, f"--data_dir={folder / 'photos'}")


@pytest.mark.long
def test_thresholds_of_several_labels_go_along(folder, tmp_path):
    model = small_classifier()
    several = keras.models.clone_model(model, clone_function=with_sigmoid)
    several.set_weights(model.get_weights())
    (tmp_path / "several").mkdir()
    several.save(tmp_path / "several" / "model.keras")
    (tmp_path / "several" / "labels.txt").write_text("".join(f"{each}\n" for each in NAMES))
    limits = {name: 0.2 + 0.1 * number for number, name in enumerate(NAMES)}
    (tmp_path / "several" / "thresholds.json").write_text(json.dumps(limits))
    converted(tmp_path, "several", tmp_path / "out", f"--data_dir={folder / 'flat'}")
    assert json.loads((tmp_path / "out" / "thresholds.json").read_text()) == pytest.approx(limits)
    if ON_TENSORFLOW:
        record = json.loads((tmp_path / "out" / "serving" / "1" / "export.json").read_text())
        assert record["thresholds"] == pytest.approx(list(limits.values()))


def with_sigmoid(layer):
    """A copy of a layer; of the last one, with a sigmoid."""
    config = layer.get_config()
    return type(layer).from_config({**config, **({"activation": "sigmoid"} if layer.name == "predictions" else {})})


def test_the_folder_is_that_of_a_run(finished, folder):
    output, done = finished
    written = ["model.keras", "labels.txt", "README.md", "report.json", "explained.png", "confusion.png"]
    written += ["environment.json", *["serving/1"] * ON_TENSORFLOW]
    assert f"written to {output}: {' '.join(written)}\n" in done.stdout
    assert sorted(path.name for path in output.iterdir()) == sorted(name.partition("/")[0] for name in written)
    assert (output / "labels.txt").read_text().split() == NAMES
    report = json.loads((output / "report.json").read_text())
    assert report["conv"] == "OctConv(alpha=0.25)" and report["macs"] < report["macs_before"]
    assert report["layers"][0]["poured"] is None  # it reads what the dense network's reads, and needs no fit
    assert report["validation"]["images"] == 6 and 0 <= report["validation"]["accuracy"] <= 1
    assert report["images"] + report["held"] == 18 and report["data"] == "photos"
    with Image.open(output / "explained.png") as picture:
        assert picture.width > 600
    card = (output / "README.md").read_text()
    for text in ("`OctConv(alpha=0.25)`", "without labels", "validation images; dense network", "blue, green, red"):
        assert text in card
    assert "accuracy " in done.stdout and "same class as the dense network" in done.stdout


def test_the_model_loads_and_has_the_constructors_names(finished):
    model = zoo.load_classifier(finished[0] / "model.keras")
    wanted = ke.ResNet20(weights=None, width=0.5, depth=0.3, conv="OctConv(alpha=0.25)", include_top=False)
    names = {layer.name for layer in model.layers}
    assert {layer.name for layer in wanted.layers if layer.weights} <= names
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(ke.deploy(model).predict_on_batch(images), model.predict_on_batch(images), atol=1e-5)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["ours", "foreign"])
def test_predict_and_evaluate_take_the_folder(finished, folder, tmp_path, name):
    output = finished[0]
    if name == "foreign":
        output = tmp_path / "out"
        converted(folder, name, output, "--preprocessing=tf", f"--data_dir={folder / 'photos'}")
    model = f"--model={output / 'model.keras'}"
    done = command("predict", folder / "photos" / "validation", model, "--csv=-", "--top=3")
    assert done.returncode == 0 and len(rows_of(done.stdout)) == 6
    assert {row["label_1"] for row in rows_of(done.stdout)} <= set(NAMES)
    done = command("evaluate", model, f"--data_dir={folder / 'photos'}", f"--output={tmp_path / 'evaluated'}")
    assert done.returncode == 0, done.stderr
    matrix = np.array(json.loads((tmp_path / "evaluated" / "evaluation.json").read_text())["confusion"])
    validation = json.loads((output / "report.json").read_text())["validation"]
    assert matrix.trace() / matrix.sum() == pytest.approx(validation["accuracy"])


@pytest.mark.skipif(not ON_TENSORFLOW, reason="TensorFlow writes SavedModels")
def test_the_saved_model_answers_as_predict(finished, folder):
    output = finished[0]
    photos = folder / "photos" / "validation" / "red"
    asked = [
        rows_of(command("predict", photos, f"--model={each}", "--csv=-", "--top=3").stdout)
        for each in (output / "model.keras", output / "serving")
    ]
    for ours, served in zip(*asked, strict=True):
        assert ours["label_1"] == served["label_1"]
        assert float(ours["score_1"]) == pytest.approx(float(served["score_1"]), abs=1e-4)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="exports are written on TensorFlow")
def test_the_result_exports(finished, tmp_path):
    done = command("export", f"--model={finished[0] / 'model.keras'}", "--format=onnx", f"--output={tmp_path / 'x'}")
    assert done.returncode == 0, done.stderr


def test_images_without_classes_suffice(folder, tmp_path):
    """A flat folder, no labels: no accuracy and no picture of confusion, also not of an earlier conversion."""
    (tmp_path / "confusion.png").write_bytes(b"of an earlier one")
    done = converted(folder, "foreign", tmp_path, f"--data_dir={folder / 'flat'}", "--preprocessing=0..1")
    assert "accuracy " not in done.stdout and not (tmp_path / "confusion.png").exists()
    report = json.loads((tmp_path / "report.json").read_text())
    assert "validation" not in report and report["images"] == 15 and report["held"] == 3
    left = {layer["name"]: layer["reason"] for layer in report["layers"]}
    assert (
        left["first"] == "it reads the image" and "it reads the image: `first`" in (tmp_path / "README.md").read_text()
    )


def test_only_the_training_part_of_a_folder_is_fitted_to(folder, tmp_path):
    """Other classes than the model's: the images count as unlabelled, and those for validation are left alone."""
    other = tmp_path / "other"
    for split in ("train", "validation"):
        for name in ("oak", "elm"):
            (other / split / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (32, 32), (number, 0, 0)).save(other / split / name / f"{number}.png")
    converted(folder, "ours", tmp_path / "out", f"--data_dir={other}")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["images"] + report["held"] == 8 and "validation" not in report


def test_a_foreign_model_is_given_its_preprocessing():
    """The model that is converted takes pixels, and computes what the user's model does of prepared ones."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    for mode, prepared in (("tf", pixels / 127.5 - 1), ("0..1", pixels / 255), ("raw", pixels)):
        model = foreign_classifier()
        ours = convert_model.with_preprocessing(model, convert_model.MODES[mode].at(32))
        np.testing.assert_allclose(ours.predict_on_batch(pixels), model.predict_on_batch(prepared), atol=1e-5)
    caffe = convert_model.with_preprocessing(model, convert_model.MODES["caffe"].at(32))
    wanted = keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode="caffe")
    np.testing.assert_allclose(caffe.predict_on_batch(pixels), model.predict_on_batch(wanted), atol=1e-4)


def test_a_network_of_one_channel():
    model = convert_model.with_preprocessing(foreign_classifier(channels=1), convert_model.MODES["0..1"].at(32))
    assert model.input_shape == (None, 32, 32, 3) and model.output_shape == (None, 3)


def test_an_interrupted_conversion_resumes(folder, tmp_path, monkeypatch):
    """ctrl-C in the middle of the gradient steps: the state stays, and the end is that of an uninterrupted run."""
    from keras_effconv.converting.mimicking import mimic as mimicking

    better = itertools.count()  # so few images tell nothing: the steps stay
    learning = sys.modules["keras_effconv.converting.learning"]
    monkeypatch.setattr(learning, "compared", lambda *arguments: (None, next(better)))
    flags = ["--mimic=4", f"--data_dir={folder / 'photos'}", f"--model={folder / 'ours' / 'model.keras'}", CONV]
    flags += ["--nomeasure"]
    save = mimicking.save_state

    def interrupted(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mimicking, "save_state", interrupted)
        at_once = functools.partial(mimicking.mimic, checkpoint_seconds=0)
        patch.setattr(learning, "mimic", at_once)
        done = command("convert", *flags, f"--output={tmp_path / 'a'}")
    assert done.returncode == 130 and "--resume continues" in done.stderr
    assert (tmp_path / "a" / STATE).is_file()
    other = command("convert", *flags, "--seed=1", "--resume", f"--output={tmp_path / 'a'}")
    assert other.returncode == 2 and "`resume` must have the flags" in other.stderr
    assert command("convert", *flags, "--resume", f"--output={tmp_path / 'a'}").returncode == 0
    assert command("convert", *flags, f"--output={tmp_path / 'b'}").returncode == 0
    assert not (tmp_path / "a" / STATE).exists()
    one, other = (zoo.load_model(tmp_path / name / "model.keras").get_weights() for name in "ab")
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_mistakes_are_one_line(folder, tmp_path):
    model, data = f"--model={folder / 'ours' / 'model.keras'}", f"--data_dir={folder / 'photos'}"
    foreign, output = f"--model={folder / 'foreign' / 'model.keras'}", f"--output={tmp_path / 'out'}"
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    open_size = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    open_size.save(tmp_path / "any.keras")
    mistakes = [
        ((model, data), "`conv` or `budget` must be given, one of them"),
        ((model, data, CONV, "--budget=0.7"), "`conv` or `budget` must be given, one of them"),
        ((model, data, "--conv=OctConvs()"), "OctConvs"),
        ((model, data, f"--conv=@{tmp_path / 'none.json'}"), "none.json"),
        ((model, CONV), "`data_dir` must be a folder of images"),
        ((model, CONV, f"--data_dir={tmp_path / 'empty'}"), "without any"),
        ((model, CONV, f"--data_dir={tmp_path / 'none'}"), "`data_dir` must be a folder"),
        ((model, data, CONV, "--runtime=torch"), "`runtime` must be one of"),
        ((model, data, CONV, "--precision=int4"), "`precision` must be"),
        ((model, data, CONV, "--preprocessing=tf"), "`preprocessing` must be left out"),
        ((foreign, data, CONV), "`preprocessing` must say what the model wants of images"),
        ((foreign, data, CONV, "--preprocessing=imagenet"), "`preprocessing` must be one of"),
        ((foreign, data, CONV, "--preprocessing=tf", "--image_size=64"), "`image_size` must be the model's own, 32"),
        ((f"--model={tmp_path / 'any.keras'}", data, CONV, "--preprocessing=tf"), "`image_size` must be given"),
        ((f"--model={tmp_path / 'none.keras'}", data, CONV), "`model` must be a .keras file that exists"),
        ((model, data, "--budget=0.7", "--resume"), "`resume` must be given with `conv`"),
        ((model, data, CONV, f"--output={tmp_path / 'file'}"), "must be a folder that can be written to"),
        ((data, CONV), "--model"),
    ]
    check_mistakes(
        "convert", [((*(output,) * (not any("--output" in w for w in a)), *a), text) for a, text in mistakes]
    )
