"""What --model is not: one line says what it is, and what to do, before anything is loaded."""

import re

import h5py
import numpy as np
import pytest
from commands import check_mistakes
from served import small

from keras_effconv.cli import model_files, models

COMMANDS = {"predict": ["photo.jpg"], "export": ["--output=out"], "evaluate": ["--data_dir=nowhere"]}
EXPORT = "give the .keras file that it was made of"
WEIGHTS = "a file of weights without a network: name the network too, --model=NETWORK --weights="


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model = small(1)
    model.save_weights(folder / "new.weights.h5")
    with h5py.File(folder / "weights.h5", "w") as file:
        file.attrs["layer_names"] = ["conv"]
    with h5py.File(folder / "old.h5", "w") as file:  # as Keras 2 saved whole models
        file.attrs["model_config"] = "{}"
    (folder / "old.hdf5").write_bytes((folder / "old.h5").read_bytes())
    (folder / "whole.H5").write_bytes((folder / "old.h5").read_bytes())
    (folder / "damaged.h5").write_bytes((folder / "old.h5").read_bytes()[:100])
    (folder / "old.model").write_bytes((folder / "old.h5").read_bytes())
    for name in ("resnet.pth", "resnet.PTH", "w.safetensors", "checkpoint.ckpt", "w.npz", "model.tflite", "model.onnx"):
        (folder / name).write_bytes(b"whatever")
    (folder / "model.xml").write_text("<net/>")
    (folder / "model.json").write_text("{}")
    (folder / "model.keras").write_bytes(b"")
    for name, file in (("saved", "saved_model.pb"), ("exported", "export.json"), ("versions/3", "export.json")):
        (folder / name).mkdir(parents=True)
        (folder / name / file).write_text("{}")
    return folder


CASES = {
    "old.model": "a whole model in Keras' older format (HDF5), whose name must end in .h5 or .hdf5",
    "whole.H5": "whose name must end in .h5 or .hdf5",
    "damaged.h5": WEIGHTS,
    "weights.h5": WEIGHTS,
    "new.weights.h5": WEIGHTS,
    "resnet.pth": WEIGHTS,
    "resnet.PTH": WEIGHTS,
    "w.safetensors": WEIGHTS,
    "checkpoint.ckpt": WEIGHTS,
    "w.npz": WEIGHTS,
    "model.tflite": f"a LiteRT file: {EXPORT}",
    "model.onnx": f"an ONNX file: {EXPORT}",
    "model.xml": f"an OpenVINO file: {EXPORT}",
    "model.json": "which has no weights",
    "saved": f"a TensorFlow SavedModel: {EXPORT}",
    "modle.keras": "; did you mean model.keras?",
    "model.kears": "; did you mean model.keras",
    "olf.h5": "; did you mean old.h5",
}


FOLDERS = {each: f"the folder of an export: {EXPORT}" for each in ("exported", "versions")}


@pytest.mark.parametrize("name", COMMANDS)
def test_files_of_another_kind(folder, name):
    told = "`model` must be a .keras file that exists, or a network's name. Received: model="
    cases = CASES if name in ("predict", "evaluate") else {**CASES, **FOLDERS}  # these take exports
    for model, message in cases.items():
        line = [*COMMANDS[name], f"--model={folder / model}"]
        check_mistakes(name, [(line, message), (line, told)])


@pytest.mark.parametrize("model", CASES)
def test_a_file_in_the_working_folder(folder, model, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=re.escape(CASES[model])):
        model_files.check(model)


def test_a_file_at_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    with pytest.raises(ValueError, match="a LiteRT file"):
        model_files.check("~/model.tflite")
    assert model_files.is_export("~/versions") and not model_files.is_export("~/saved")


@pytest.mark.parametrize("model", ["model.keras", "hf://user/model-1.0", "EfficientNetLite0", "EfficientNet-B0"])
def test_what_is_left_to_others(folder, model, monkeypatch):
    monkeypatch.chdir(folder)
    model_files.check(model)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_network(name):
    line = [*COMMANDS[name], "--model=EfficientNet-Lite0"]
    check_mistakes(name, [(line, "; did you mean EfficientNetLite0")])


@pytest.mark.parametrize("suffix", [".h5", ".hdf5"])
@pytest.mark.filterwarnings("ignore")
def test_a_whole_model_of_keras_older_format(suffix, tmp_path):
    """`model.save("old.h5")`: its labels lie next to it, as those of a .keras file."""
    model = small(1)
    model.save(tmp_path / "old.h5")
    (tmp_path / "old.h5").rename(tmp_path / f"old{suffix}")
    (tmp_path / "labels.txt").write_text("rose\ntulip\ndandelion\n")
    loaded, names = models.load(str(tmp_path / f"old{suffix}"))
    images = np.random.default_rng(0).uniform(0, 255, (2, *model.input_shape[1:])).astype("f4")
    np.testing.assert_array_equal(loaded.predict_on_batch(images), model.predict_on_batch(images))
    assert names == ["rose", "tulip", "dandelion"]


def test_the_folder_of_a_run_is_told_which_file_to_give(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("run", "ResNet20"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.keras").touch()
    with pytest.raises(ValueError, match=r"model='run', a folder: give the file in it, --model=run/model.keras"):
        model_files.check("run")
    model_files.check("ResNet20")  # the network
