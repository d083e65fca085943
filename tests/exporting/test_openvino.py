"""OpenVINO files of int8."""

import json
import sys

import keras
import numpy as np
import pytest
from exported import expected, installed
from served import LABELS, SIZE, small

import keras_effconv as ke
from keras_effconv import exporting

IMAGES = np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, 3)).astype("float32")


@pytest.mark.long
def test_int8(tmp_path, caplog, capfd):
    """Kernels are stored in 8 bits, any batch size is taken, and nothing is printed that a user cannot act on."""
    installed("openvino")
    openvino, model = pytest.importorskip("openvino"), small(1)
    pytest.importorskip("nncf")
    capfd.readouterr()
    folder = ke.export(model, tmp_path / "out", "openvino", LABELS, "int8", calibration=IMAGES)
    printed = capfd.readouterr()
    assert "nncf" not in caplog.text.lower() and not printed.out
    file = openvino.Core().read_model(folder / "model.xml")
    types = {node.get_element_type().get_type_name() for node in file.get_ops() if node.get_type_name() == "Constant"}
    assert types & {"i8", "u8"} and file.input("images").partial_shape[0].is_dynamic
    assert file.get_rt_info(["keras_effconv", "labels"]).value == json.dumps(LABELS)
    assert json.loads((folder / "export.json").read_text())["precision"] == "int8"
    run = exporting.load(folder)
    for count in (1, 5, 12):
        moved = np.abs(run(IMAGES[:count]) - expected(model, IMAGES[:count])).sum(1) / 2
        assert moved.mean() < 0.05


@pytest.mark.long
def test_int8_of_logits_is_compared_as_probabilities(tmp_path):
    """Logits may differ by more than 1, and the classes be as likely as before."""
    installed("openvino")
    pytest.importorskip("nncf")
    model = small(1)
    logits = keras.layers.Dense(3, name="logits")
    network = keras.Model(model.input, logits(model.layers[-1].input))
    logits.kernel.assign(300 * logits.kernel)
    logits.bias.assign([90.0, 0.0, 0.0])
    folder = ke.export(network, tmp_path / "out", "openvino", LABELS, "int8", calibration=IMAGES)
    assert np.abs(exporting.load(folder)(IMAGES) - expected(network, IMAGES)).max() > 0.5
    assert json.loads((folder / "export.json").read_text())["difference"] < 0.1


def test_the_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    installed("openvino")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ImportError, match=r"nncf.*\[int8\]"):
        ke.export(small(1), tmp_path / "out", "openvino", LABELS, "int8", calibration=IMAGES)
    assert not (tmp_path / "out").exists()
