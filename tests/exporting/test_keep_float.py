"""Layers of an int8 export that are computed in float32: those asked for, and those that accuracy needs."""

import json
import unicodedata

import keras
import numpy as np
import pytest
from exported import expected, installed
from PIL import Image
from served import LABELS, SIZE

import keras_effconv as ke
from keras_effconv import exporting
from keras_effconv.cli.export import calibration, define
from keras_effconv.cli.flags import Flags
from keras_effconv.exporting import accuracy, destination
from keras_effconv.exporting.classifier import classifier_of
from keras_effconv.exporting.format import INT8, Format, Settings
from keras_effconv.exporting.sensitivity import moved_by_layer

IMAGES = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """Convolutions, of which two have names like each other, and a sum."""
    keras.utils.set_random_seed(1)
    image = keras.Input((SIZE, SIZE, 3))
    x = ke.ImagePreprocessing(SIZE, mean=(127.0,) * 3, std=(40.0,) * 3, name="preprocessing")(image)
    first = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    second = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_1")(first)
    depthwise = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise")(second)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(keras.layers.Add(name="sum")([first, depthwise]))
    model = keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax", name="scores")(x))
    rng = np.random.default_rng(0)
    for v in model.weights:
        if v.name == "bias":  # of zeros, a converter makes something else
            v.assign(rng.normal(0, 0.1, v.shape))
    return model


def facts(folder):
    return json.loads((folder / "export.json").read_text(encoding="utf-8"))


@pytest.mark.long
@pytest.mark.parametrize("name", ["onnx", "openvino", "litert"])
def test_layers_that_stay_float_are_named(model, name, tmp_path):
    installed(name)
    if name == "openvino":
        pytest.importorskip("nncf")
    for kept in ((), ("conv_1",), ("conv", "depthwise")):
        folder = ke.export(model, tmp_path / "out", name, LABELS, "int8", calibration=IMAGES, keep_float=kept)
        layers = facts(folder)["float_layers"]
        others = {"conv", "conv_1", "depthwise", "scores"} - set(kept)
        assert set(kept) <= set(layers) and not others & set(layers), layers
        moved = np.abs(exporting.load(folder)(IMAGES) - expected(model, IMAGES)).sum(1) / 2
        assert moved.mean() < 0.05


def test_the_layer_whose_weights_need_more_bits_comes_first():
    """By hand: a weight of an input that is always zero is so large that all others of its column are rounded away."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(image)
    first, middle, last = (keras.layers.Dense(n, "relu", name=name) for n, name in ((6, "a"), (6, "b"), (6, "c")))
    model = keras.Model(image, [keras.layers.Dense(3, "softmax", name="scores")(last(middle(first(x))))])
    first.bias.assign([-1e6, 1, 1, 1, 1, 1])
    kernel = keras.ops.convert_to_numpy(middle.kernel).copy()
    kernel[0] = 1e4
    middle.kernel.assign(kernel)
    before = model.get_weights()
    images = np.random.default_rng(0).uniform(0, 2, (8, 8, 8, 3))
    moved = moved_by_layer(model, images, ["scores", "a", "b", "c", "pool"])
    assert next(iter(moved)) == "b" and list(moved.values()) == sorted(moved.values(), reverse=True)
    assert moved.keys() == {"scores", "a", "b", "c", "pool"} and 0 < moved["a"] < 0.2 * moved["b"]
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights()))


def rounding(floats_needed):
    """A format that answers with one class for all images until enough layers stay float."""

    def write(classifier, folder, precision, settings):
        (folder / "kept.json").write_text(json.dumps(settings.keep_float))
        good = classifier.predict(settings.calibration)[0]
        np.save(folder / "good.npy", good if len(settings.keep_float) >= floats_needed else np.roll(good, 1, 1))
        return {"float_layers": list(settings.keep_float)}

    def load(folder, precision, threads, streams):
        answers = iter(np.load(folder / "good.npy"))
        return lambda images: np.stack([next(answers) for _ in images])

    return Format("rounding", write, load, ("numpy",), destination.single, ("int8",), settings=INT8)


def test_the_worst_layers_become_float_until_little_is_lost(model, tmp_path, monkeypatch):
    labels = expected(model, IMAGES).argmax(1)
    options = {"labels": LABELS, "precision": "int8", "calibration": IMAGES, "tolerance": 1.0}
    monkeypatch.setitem(exporting.FORMATS, "rounding", rounding(3))
    folder = ke.export(model, tmp_path / "out", "rounding", **options, calibration_labels=labels)
    found = facts(folder)
    assert len(found["float_layers"]) == 4 and found["lost"] == 0
    assert found["float_layers"] == accuracy.worst_layers(classifier_of(model), IMAGES)[:4]
    folder = ke.export(model, tmp_path / "all", "rounding", **options)  # nothing is known of the classes
    assert facts(folder)["float_layers"] == [] and "lost" not in facts(folder)


def test_too_much_loss_says_what_to_do(model, tmp_path, monkeypatch):
    monkeypatch.setitem(exporting.FORMATS, "rounding", rounding(99))
    options = {"precision": "int8", "calibration": IMAGES, "tolerance": 1.0}
    labels = expected(model, IMAGES).argmax(1)
    worst = ",".join(accuracy.worst_layers(classifier_of(model), IMAGES)[:4])
    with pytest.raises(ValueError, match=r"max_loss=0.005.*loses 1;.*EfficientNet-Lite.*more calibration") as caught:
        ke.export(model, tmp_path / "out", "rounding", **options, calibration_labels=labels)
    assert f"keep_float={worst}" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def flags_of(folder, *words):
    flags = Flags()
    define(flags)
    flags(["export", "--model=m", "--output=o", f"--calibration_dir={folder}", "--calibration_images=9", *words])
    return flags


def test_folders_of_classes_are_labels(model, tmp_path, capsys):
    """Of the command: the folders have the names of classes, or the images have no labels."""
    for i, name in enumerate([LABELS[2], LABELS[0], LABELS[0]]):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(IMAGES[i].astype("uint8")).save(tmp_path / name / f"{i}.png")
    flags = flags_of(tmp_path, "--max_loss=0.1")
    found = calibration(model, LABELS, flags)
    names = [LABELS[i] for i in found["calibration_labels"]]
    assert names == sorted(names) and len(names) == len(found["calibration"]) == 3 and found["max_loss"] == 0.1
    twice = [LABELS[0], *LABELS[:-1]]  # such as "crane" of ImageNet, a bird and a machine
    refused = [(LABELS, "does not know: 'other'"), (None, "'other'"), (twice, "several classes have this name")]
    (tmp_path / LABELS[2]).rename(tmp_path / "other")
    for labels, cause in refused:
        assert calibration(model, labels, flags_of(tmp_path)).keys() == {"calibration"}
        printed = capsys.readouterr().out
        assert printed.startswith("the accuracy of int8 is not measured. ") and cause in printed
        with pytest.raises(ValueError, match=rf"`max_loss` needs images in folders .*{cause}"):
            calibration(model, labels, flags)


def test_folders_are_classes_in_both_spellings_of_a_name(model, tmp_path):
    """A Mac writes the names of files decomposed."""
    folder = tmp_path / unicodedata.normalize("NFD", "Löwenzahn")
    folder.mkdir()
    Image.fromarray(IMAGES[0].astype("uint8")).save(folder / "0.png")
    assert calibration(model, LABELS, flags_of(tmp_path))["calibration_labels"].tolist() == [LABELS.index("Löwenzahn")]


def test_integers_only_are_never_mixed_with_floats(model):
    labels = np.zeros(len(IMAGES), int)
    settings = Settings(calibration=IMAGES, calibration_labels=labels, keep_float=(), io="uint8")
    assert list(accuracy.kept_in_turn(classifier_of(model), settings)) == [()]


@pytest.mark.parametrize(
    "message, options",
    [
        (r"`keep_float` must be names of layers. Received: keep_float='conv_2'; did you", {"keep_float": ["conv_2"]}),
        (r"`keep_float` must be left out unless precision='int8'", {"keep_float": ["conv"], "precision": "float32"}),
        (r"`keep_float` must be left out with integers", {"keep_float": ["conv"], "io": "uint8"}),
        (r"`calibration_labels` must be 12 integers below 3", {"calibration_labels": [0, 1]}),
        (r"`calibration_labels` must be 12 integers below 3", {"calibration_labels": [3] * 12}),
        (r"`calibration_labels` must be 12 integers below 3", {"calibration_labels": [0.5] * 12}),
        (r"`max_loss` must be left out unless", {"max_loss": 0.1, "precision": "float16"}),
    ],
)
def test_what_is_wrong_is_told_before_work(model, message, options, tmp_path):
    installed("litert")
    images = {"calibration": IMAGES} if options.get("precision", "int8") == "int8" else {}
    with pytest.raises(ValueError, match=message):
        ke.export(model, tmp_path / "out", "litert", **{"labels": LABELS, "precision": "int8", **images, **options})
    assert not list(tmp_path.iterdir())
