"""LiteRT files of int8 whose input and output are integers, as accelerators want them."""

import json
import zipfile

import numpy as np
import pytest
from commands import command
from exported import expected, installed
from PIL import Image
from served import LABELS, SIZE, small

import keras_effconv as ke
from keras_effconv import exporting

IMAGES = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    installed("litert")
    return small(1)


@pytest.mark.parametrize("io", ["uint8", "int8", "float32"])
def test_input_and_output_are_of_the_type(model, io, tmp_path):
    folder = ke.export(model, tmp_path / "out", "litert", LABELS, "int8", calibration=IMAGES, io=io)
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(folder / "model.tflite"))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert source["dtype"] == target["dtype"] == np.dtype(io).type
    record = json.loads((folder / "export.json").read_text())
    with zipfile.ZipFile(folder / "model.tflite") as archive:
        assert json.loads(archive.read("export.json"))["input"] == record["input"]
    images, probabilities = IMAGES, expected(model, IMAGES)
    if io == "float32":
        assert record["input"] == record["output"] == {"dtype": "float32"}
    else:
        assert record["input"] == {"dtype": io, "scale": pytest.approx(1.0, rel=1e-6), "zero_point": zero(io)}
        assert record["output"] == {"dtype": io, "scale": 1 / 256, "zero_point": zero(io)}
        images = (IMAGES + zero(io)).astype(io)  # of uint8, the pixels as they are
    for image, wanted in zip(images, probabilities):
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        answer = interpreter.get_tensor(target["index"])[0].astype("float32")
        if io != "float32":
            answer = (answer - zero(io)) / 256
        assert np.abs(answer - wanted).sum() / 2 < 0.1
    run = exporting.load(folder)
    for count in (1, 12):
        assert (np.abs(run(IMAGES[:count]) - probabilities[:count]).sum(1) / 2).mean() < 0.05
    assert run(IMAGES).dtype == np.float32
    beyond = np.full((1, SIZE, SIZE, 3), 300.0)  # no integer of eight bits: as the largest one
    np.testing.assert_allclose(run(beyond), run(np.minimum(beyond, 255)), atol=1e-6 if io != "float32" else 0.1)


def zero(io):
    return -128 if io == "int8" else 0


def test_what_is_wrong_is_told_before_work(model, tmp_path):
    for message, options in (
        (r"`io` must be one of 'float32', 'uint8', 'int8'. Received: io='int16'", {"io": "int16"}),
        (r"`io` must be 'float32' unless precision='int8'", {"io": "uint8"}),
        (r"`io` must be 'float32' unless precision='int8'", {"io": "uint8", "precision": "float16"}),
        (r"`layout` must be left out with format='litert'", {"layout": "nchw"}),
    ):
        with pytest.raises(ValueError, match=message):
            ke.export(model, tmp_path / "out", "litert", **options)
    assert not list(tmp_path.iterdir())


def test_the_flag(model, tmp_path):
    model.save(tmp_path / "model.keras")
    (tmp_path / "photos").mkdir()
    for i, image in enumerate(IMAGES.astype("uint8")):
        Image.fromarray(image).save(tmp_path / "photos" / f"{i}.png")
    done = command(
        "export",
        *(f"--model={tmp_path / 'model.keras'}", f"--output={tmp_path / 'out'}", "--format=litert", "--io=uint8"),
        *("--precision=int8", f"--calibration_dir={tmp_path / 'photos'}"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "export.json").read_text())["input"]["dtype"] == "uint8"
