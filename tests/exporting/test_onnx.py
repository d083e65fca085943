"""What an ONNX file can be: its precision, the layout of its input, its operators, and the name of its batch."""

import collections
import json

import keras
import numpy as np
import pytest
from exported import expected, installed
from served import LABELS, SIZE, small

import keras_effconv as ke
from keras_effconv import exporting
from keras_effconv.preprocessing import CAFFE, TORCH, UNIT

IMAGES = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    installed("onnx")
    return small(1)


def read(folder):
    """Return the file, and the dimensions of its input and its output."""
    onnx = pytest.importorskip("onnx")
    file = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(file, full_check=True)
    dims = [[d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim] for each in tensors(file)]
    return file, *dims


def tensors(file):
    return (*file.graph.input, *file.graph.output)


def weights(file):
    """Return how often each type is among the weights."""
    return collections.Counter(each.data_type for each in file.graph.initializer if len(each.dims) > 1)


@pytest.mark.parametrize("layout, opset", [("nhwc", None), ("nchw", 11), ("nchw", np.int64(18))])
def test_layout_opset_and_a_batch_with_a_name(model, layout, opset, tmp_path, caplog):
    folder = ke.export(model, tmp_path / "out", "onnx", LABELS, layout=layout, opset=opset)
    assert not caplog.records  # of the converter's own steps
    file, source, target = read(folder)
    assert source == (["batch", 3, SIZE, SIZE] if layout == "nchw" else ["batch", SIZE, SIZE, 3])
    assert target == ["batch", len(LABELS)]
    assert [each.version for each in file.opset_import if each.domain in ("", "ai.onnx")] == [opset or 17]
    record = json.loads((folder / "export.json").read_text())
    assert (record["layout"], record["opset"], record["precision"]) == (layout, opset or 17, "float32")
    run = exporting.load(folder)
    for count in (1, 12):
        np.testing.assert_allclose(run(IMAGES[:count]), expected(model, IMAGES[:count]), atol=1e-5)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("preprocessing", [UNIT, CAFFE, TORCH], ids=["equal means", "bgr", "means of channels"])
def test_preprocessing_computes_on_planes(preprocessing, layout, tmp_path):
    """A constant of three next to each other takes ONNX Runtime twenty times as long as one for each plane."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(preprocessing.at(8).layer()(image))
    probabilities = keras.layers.Dense(len(LABELS), activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, probabilities)
    folder = ke.export(model, tmp_path / "out", "onnx", LABELS, layout=layout)
    file, _, _ = read(folder)
    nodes = list(file.graph.node)
    before = nodes[: next(i for i, node in enumerate(nodes) if node.op_type == "Conv")]
    shapes = {each.name: tuple(each.dims) for each in file.graph.initializer}
    constants = {shapes[name] for node in before if node.op_type != "Slice" for name in node.input if name in shapes}
    assert [node.op_type == "Transpose" for node in before].index(True) == 0 if layout == "nhwc" else before
    assert constants and all(not shape or shape[-2:] == (1, 1) for shape in constants)
    images = IMAGES[:3, :8, :8]
    np.testing.assert_allclose(exporting.load(folder)(images), model(images), atol=1e-5)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_float16(model, layout, tmp_path):
    """Weights and arithmetic are float16; the input and the output stay float32."""
    folder = ke.export(model, tmp_path / "out", "onnx", LABELS, "float16", layout=layout)
    file, source, _ = read(folder)
    assert source[0] == "batch"
    assert weights(file).keys() == {10} and [each.type.tensor_type.elem_type for each in tensors(file)] == [1, 1]
    assert exporting.load(folder).precision == "float16"
    np.testing.assert_allclose(exporting.load(folder)(IMAGES), expected(model, IMAGES), atol=5e-3)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_int8(model, layout, tmp_path, caplog):
    """Weights have a scale per channel; nothing is logged that a user cannot act on."""
    folder = ke.export(model, tmp_path / "out", "onnx", LABELS, "int8", calibration=IMAGES, layout=layout)
    file, source, _ = read(folder)
    assert source[0] == "batch" and 3 in weights(file)  # int8
    (conv,) = (node for node in file.graph.node if node.op_type == "Conv")
    kernel = next(node for node in file.graph.node if conv.input[1] in node.output)
    scales = {each.name: each.dims for each in file.graph.initializer}[kernel.input[1]]
    assert kernel.op_type == "DequantizeLinear" and list(scales) == [4]
    labels = {each.key: each.value for each in file.metadata_props}
    assert json.loads(labels["labels"]) == LABELS and "onnx.quant.pre_process" not in labels
    moved = np.abs(exporting.load(folder)(IMAGES) - expected(model, IMAGES)).sum(1) / 2
    assert moved.mean() < 0.05
    assert "pre-processing" not in caplog.text


@pytest.mark.parametrize(
    "message, options",
    [
        (r"`layout` must be one of 'nhwc', 'nchw'. Received: layout='chw'", {"layout": "chw"}),
        (r"`opset` must be 11 to 18 with precision='float32'. Received: opset=10", {"opset": 10}),
        (
            r"`opset` must be 11 to 18 with precision='float16'. Received: opset=19",
            {"opset": 19, "precision": "float16"},
        ),
        (r"`opset` must be 13 to 18 with", {"opset": 12, "precision": "int8", "calibration": IMAGES}),
        (r"`opset` must be a positive integer", {"opset": "17"}),
        (r"`calibration` must be images with precision='int8'", {"precision": "int8"}),
        (r"`io` must be left out with format='onnx'", {"io": "uint8"}),
    ],
)
def test_what_is_wrong_is_told_before_work(model, message, options, tmp_path):
    with pytest.raises(ValueError, match=message):
        ke.export(model, tmp_path / "out", "onnx", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_weights_that_the_converter_does_not_see(model, precision, layout, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_effconv.exporting.freezing.LARGE", 100)
    given = {"calibration": IMAGES} if precision == "int8" else {}
    folder = ke.export(model, tmp_path / "out", "onnx", LABELS, precision, layout=layout, **given)
    file, source, _ = read(folder)
    assert source[0] == "batch" and [each.name for each in file.graph.input] == ["images"]
    assert not {1} & weights(file).keys() or precision != "float16"
    difference = np.abs(exporting.load(folder)(IMAGES) - expected(model, IMAGES)).max()
    assert difference < {"float32": 1e-5, "float16": 5e-3, "int8": 0.1}[precision]
