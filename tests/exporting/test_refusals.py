"""What cannot be exported, or is no export: one line, and nothing is written."""

import sys

import keras
import numpy as np
import pytest
from exported import installed, plain

import keras_effconv as ke
from keras_effconv import exporting
from keras_effconv.exporting import destination
from keras_effconv.exporting.format import Format

WRONG = {
    "`format` must be": {"format": "caffe"},
    "`precision` must be": {"precision": "int4"},
    "`calibration` must be images": {"format": "litert", "precision": "int8"},
    "`calibration` must be left out": {"calibration": np.zeros((1, 32, 32, 3))},
    "`calibration` must be \\(n, 32": {"format": "litert", "precision": "int8", "calibration": np.zeros((1, 8, 8, 3))},
    "`version` must be left out": {"format": "onnx", "version": 2},
    "`version` must be a positive": {"version": 0},
    "`labels` must be 3 names": {"labels": ["a", "b"]},
    "`labels` must be names of one": {"labels": ["a", "b", "c\nd"]},
    "`labels` must be names of one line": {"labels": ["a\n", "b\n", "c\n"]},
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_argument_is_named(message, tmp_path):
    installed(WRONG[message].get("format"))
    with pytest.raises(ValueError, match=message) as caught:
        ke.export(plain(), tmp_path / "out", **WRONG[message])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def test_a_model_that_cannot_be_exported_is_one_line(tmp_path):
    image = keras.Input((32, 40, 3))
    wide = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    maps = ke.ResNet20(weights=None, include_top=False)
    headless = ke.ResNet20(weights=None, include_top=False, input_shape=(32, 32, 3))
    two = keras.Model(image, [image, image])
    for model, message in [
        (wide, "square RGB images"), (maps, "square RGB images"), (two, "square RGB images|classes"),
        (headless, "include_top=True"), ("model.keras", "Keras model"),
        (keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)]), "a built functional or sequential"),
        (plain(preprocessing=False), "ImagePreprocessing"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            ke.export(model, tmp_path / "out", "openvino")
    assert not list(tmp_path.iterdir())


def test_a_runtime_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match=r'openvino to be installed .* pip install "keras-effconv\[export\]"'):
        ke.export(plain(), tmp_path / "out", "openvino")


def weights_only(factor):
    """A format of one's own: the weights of `plain` as a NumPy archive, and a runtime that multiplies its answers."""

    def write(classifier, folder, precision, settings):
        np.savez(folder / "weights.npz", *classifier.model.get_weights())

    def load(folder, precision, threads, streams):
        with np.load(folder / "weights.npz") as weights:
            kernel, bias = weights["arr_0"], weights["arr_1"]

        def run(images):
            logits = images.mean((1, 2)) @ kernel + bias
            scores = np.exp(logits - logits.max(-1, keepdims=True))
            return factor * scores / scores.sum(-1, keepdims=True)

        return run

    return Format("numpy", write, load, ("numpy",), destination.single)


def test_a_format_that_computes_something_else_leaves_nothing(tmp_path, monkeypatch):
    model = plain()
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    first = ke.export(model, tmp_path / "out", "numpy", labels=["a", "b", "c"])
    for factor in (1.001, np.nan):
        monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(factor))
        with pytest.raises(
            ValueError,
            match=r"must compute the same with format='numpy', up to tolerance=0.0001. Received: .* differ by",
        ):
            ke.export(model, tmp_path / "out", "numpy")
    assert exporting.load(first).labels == ("a", "b", "c")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    ke.export(model, tmp_path / "out", "numpy")
    assert exporting.load(first).labels == ("class 0", "class 1", "class 2")


def test_a_folder_of_something_else_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="`path` must be a new folder"):
        ke.export(plain(), tmp_path, "numpy")
    assert (tmp_path / "thesis.txt").is_file()


def test_what_is_no_export_is_not_loaded(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    for path in (tmp_path, tmp_path / "no"):
        with pytest.raises(ValueError, match="must be a folder that keras_effconv"):
            exporting.load(path)
    monkeypatch.setitem(exporting.FORMATS, "numpy", weights_only(1.0))
    run = exporting.load(ke.export(plain(), tmp_path / "out", "numpy"))
    for shape in ((32, 32, 3), (1, 31, 32, 3), (0, 32, 32, 3)):
        with pytest.raises(ValueError, match=r"`images` must be \(n, 32, 32, 3\)"):
            run(np.zeros(shape))
    with pytest.raises(ValueError, match="`precision` must be"):
        exporting.load(tmp_path / "out", precision="bfloat16")
    with pytest.raises(ValueError, match="`threads` must be"):
        exporting.load(tmp_path / "out", threads=0)


def test_an_export_below_the_home_directory(tmp_path, monkeypatch):
    installed("onnx")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert ke.export(plain(), "~/out", "onnx") == tmp_path / "out"
    assert len(exporting.load("~/out").labels) == 3
    assert not (tmp_path / "~").exists()
