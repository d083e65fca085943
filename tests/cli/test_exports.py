"""`finetune --export=onnx:float16,...`: exports of the finished model, with what each is worth."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from commands import check_mistakes, command
from exported import installed
from PIL import Image

from keras_effconv import data, exporting
from keras_effconv.cli import exports
from keras_effconv.cli.exports import Target, Worth, spread, targets
from keras_effconv.training.input_pipeline import streamed
from keras_effconv.training.reporting import outputs
from keras_effconv.training.reporting.single_label import Evaluation

COLOURS = {"red": (200, 60, 60), "blue": (60, 60, 200)}
SMALL = ("--model=ResNet20", "--weights=none", '--options={"depth": 0.3, "width": 0.5}', "--image_size=32")


def paint(folder, count):
    """Two classes that a network can tell apart, reddish and bluish noise."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            noise = rng.normal(colour, 30, (40, 40, 3)).clip(0, 255).astype("uint8")
            Image.fromarray(noise).save(folder / name / f"{i}.png")


def test_what_can_be_asked_for():
    installed("onnx")
    assert targets(["onnx", "onnx:int8", "onnx:float32"]) == [Target("onnx", "float32"), Target("onnx", "int8")]
    for wrong in ("onnx:int4", "saved_model:int8", "caffe", "onnx:int8:nchw", ""):
        with pytest.raises(ValueError, match=rf"`export` must be of saved_model:float32, .*Received: {wrong}"):
            targets([wrong])


def test_images_are_spread_over_a_split():
    labels = np.arange(10, dtype="int32")
    split = data.Split(np.tile(labels.astype("uint8")[:, None, None, None], (1, 4, 4, 3)), labels, ("",) * 10)
    images, found = spread(split, 4)
    assert images[:, 0, 0, 0].tolist() == found.tolist() == [0, 3, 6, 9]
    assert [spread(split, most)[0].shape for most in (100, 1)] == [(10, 4, 4, 3), (1, 4, 4, 3)]


def test_the_next_image_is_in_the_place_of_one_that_cannot_be_read(tmp_path):
    paint(tmp_path, 6)
    for name in ("blue/0.png", "red/5.png"):
        (tmp_path / name).write_bytes(b"no image")
    listed = data.scan(data_dir=str(tmp_path))
    stream = streamed(listed, 32)
    images, labels = spread(stream.train, 12)
    assert 6 <= len(images) == len(labels) <= 10
    assert spread(stream.train, 1)[0].shape == (1, 32, 32, 3)


def test_exports_of_an_earlier_run_do_not_stay(tmp_path):
    (tmp_path / outputs.EXPORTS / "onnx-int8").mkdir(parents=True)
    outputs._remove_earlier(tmp_path, set())
    assert not (tmp_path / outputs.EXPORTS).exists()


def test_an_export_that_loses_more_than_a_point_is_removed(tmp_path, monkeypatch, capsys):
    whole = Evaluation(np.eye(2)[[0] * 200], np.zeros(200, int), ("a", "b"))

    def exported(result, target, dataset, folder, plain):
        folder.mkdir(parents=True)
        score = {"int8": 0.985, "float16": 0.99}[target.precision]
        return Worth(target, folder, (4.0, 1.0), (2.0, 1.0), 0.97, score)

    monkeypatch.setattr(exports, "_exported", exported)
    monkeypatch.setattr(exports, "_advice", lambda result, dataset: "keep_float=block1a_dwconv")
    every = [Target("onnx", "float16"), Target("onnx", "int8")]
    with pytest.raises(
        ValueError, match=r"at most a point of 100.0%. Received: onnx:int8 with 98.5%, removed; keep_float="
    ):
        exports.write_exports(SimpleNamespace(evaluation=whole), every, None, tmp_path)
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["onnx-float16"]
    assert re.search(r"onnx:int8 +\| 1.0 +\| 0.25 +\| 1.00 +\| 0.50 +\| 97.0% +\| 98.5%", capsys.readouterr().out)


def test_an_export_that_is_refused_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    whole = Evaluation(np.eye(2)[[0] * 20], np.zeros(20, int), ("a", "b"))

    def exported(result, target, dataset, folder, plain):
        if target.precision == "int8":
            raise ValueError("`model` must compute the same")
        folder.mkdir(parents=True)
        return Worth(target, folder, (4.0, 1.0), (2.0, 1.0), 1.0, 1.0)

    monkeypatch.setattr(exports, "_exported", exported)
    every = [Target("onnx", "int8"), Target("onnx", "float16")]
    with pytest.raises(ValueError, match=r"^onnx:int8: `model` must compute the same$"):
        exports.write_exports(SimpleNamespace(evaluation=whole), every, None, tmp_path)
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["onnx-float16"]
    assert "onnx:float16" in capsys.readouterr().out


def test_of_few_images_one_may_change():
    few = Evaluation(np.eye(2)[[0] * 20], np.zeros(20, int), ("a", "b"))
    worth = [Worth(Target("onnx", "int8"), None, (1, 1), (1, 1), score, score) for score in (0.95, 0.9)]
    assert [exports._is_worse(each, few) for each in worth] == [False, True]


@pytest.mark.long
def test_a_run_leaves_its_exports(tmp_path):
    installed("onnx")
    paint(tmp_path / "colours", 12)
    flags = (*SMALL, f"--data_dir={tmp_path / 'colours'}", "--epochs=1", f"--output={tmp_path / 'out'}")
    done = command("finetune", *flags, "--export=onnx:float16,onnx:int8")
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"\| onnx:float16 +\| 0\.\d", done.stdout)
    for precision in ("float16", "int8"):
        run = exporting.load(tmp_path / "out" / "exports" / f"onnx-{precision}")
        assert run.precision == precision and run.labels == ("blue", "red")


def test_mistakes_are_found_before_the_training(tmp_path):
    out = f"--output={tmp_path / 'out'}"
    check_mistakes(
        "finetune",
        [
            ((out, "--export=onnx:int4"), "`export` must be of"),
            ((out, "--export=onnx", "--folds=2"), "`export` must be without --folds"),
        ],
    )
    assert not (tmp_path / "out").exists()
