"""Models of half precision are exported in float32, in every format."""

import json

import keras
import numpy as np
import pytest
from exported import installed

import keras_effconv as ke
from keras_effconv import exporting
from keras_effconv.policies import default_policy
from keras_effconv.preprocessing import Preprocessing

LIMITS = {"float16": 1e-2, "bfloat16": 8e-2}


def classifier(policy, scale=1.0):
    with default_policy(policy):
        image = keras.Input((16, 16, 3))
        x = ke.ImagePreprocessing(16, mean=(120.0,) * 3, std=(60.0,) * 3)(image)
        x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(x)
        x = ke.layers.HetConv2D(8, 3, parts=2, padding="same")(x)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
        model = keras.Model(image, keras.layers.Dense(3, activation="softmax", dtype="float32")(x))
    model.get_layer("conv").kernel.assign(scale * model.get_layer("conv").kernel)
    return model


CASES = [
    pytest.param("mixed_float16", "saved_model", id="mixed_float16-saved_model", marks=pytest.mark.process),
    ("bfloat16", "onnx"),
    ("float16", "openvino"),
    ("mixed_bfloat16", "litert"),
    ("float16", "litert"),
]


@pytest.mark.parametrize(("policy", "name"), CASES)
def test_an_export_is_the_float32_copy_and_near_the_model(policy, name, tmp_path):
    installed(name)
    model = classifier(policy)
    folder = ke.export(model, tmp_path / "out", name)
    record = json.loads(next((tmp_path / "out").rglob("export.json")).read_text())
    assert record["difference"] <= 1e-4 and record["policy"] == policy
    assert 0 < record["policy_difference"] < LIMITS[policy.removeprefix("mixed_")]
    images = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype("float32")
    received = exporting.load(folder)(images)
    assert received.dtype == "float32"
    np.testing.assert_allclose(received, ke.in_float32(model)(images), atol=1e-4)
    np.testing.assert_allclose(received, model(images), atol=LIMITS[policy.removeprefix("mixed_")])


def test_float32_has_no_policy_in_its_record_whatever_the_process_computes_in(tmp_path):
    installed("onnx")
    model = classifier("float32")
    with default_policy("mixed_bfloat16"):
        folder = ke.export(model, tmp_path / "out", "onnx")
    assert "policy" not in json.loads((folder / "export.json").read_text())


def test_a_model_that_overflows_in_float16_is_said_and_nothing_is_written(tmp_path):
    installed("onnx")
    with pytest.raises(ValueError, match=r"about the same in mixed_float16.*are not finite in mixed_float16; nothing"):
        ke.export(classifier("mixed_float16", 1e6), tmp_path / "out", "onnx")
    assert not (tmp_path / "out").exists()
    exact = ke.in_float32(classifier("mixed_float16", 10.0))
    assert ke.export(exact, tmp_path / "out", "onnx").exists()


def test_logits_are_compared_relatively(tmp_path):
    """Of a model without a softmax: 1e-4 of thousands is less than a float32 has."""
    installed("onnx")
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(64, 3), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.layers[-1].kernel.assign(1e3 * model.layers[-1].kernel)
    folder = ke.export(model, tmp_path / "out", "onnx", preprocessing=Preprocessing(8, inside=True))
    assert json.loads((folder / "export.json").read_text())["difference"] < 1e-4
