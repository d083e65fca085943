"""Quantised models: near the ones that they were made of, in fewer bits."""

import re

import keras
import numpy as np
import pytest
from keras import layers
from weights import filled, run

import keras_effconv as ke
from keras_effconv.inference.compare import difference
from keras_effconv.layers import HetConv2D, MergeBands, OctConv2D


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["int8", "bfloat16"])
def test_quantized_models_are_near_and_come_back(dtype, tmp_path):
    image = keras.Input((16, 16, 3))
    maps = OctConv2D(16, 3, alpha=0.5, activation="relu", name="oct")(image)
    features = layers.GlobalAveragePooling2D(name="pool")(HetConv2D(32, 3, name="het")(MergeBands(name="merge")(maps)))
    model = filled(image, layers.Dense(7, name="predictions")(layers.Dense(16, name="hidden")(features)))
    images = np.random.default_rng(0).normal(size=(20, 16, 16, 3))
    labels = run(model, images).argmax(-1)
    quantized = ke.quantize(model, dtype, images, labels)
    report = quantized.quantize_report
    assert report.accuracy == (1, report.agreement) and report.agreement > 0.5
    assert report.megabytes[1] < report.megabytes[0]
    assert 0 < difference(model, quantized) < 0.1
    chosen = {"int8": ("hidden", "predictions"), "bfloat16": ("oct", "merge", "het", "pool", "hidden")}
    assert report.layers == chosen[dtype]
    quantized.save(tmp_path / "model.keras")
    assert difference(quantized, keras.models.load_model(tmp_path / "model.keras")) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"dtype": "int4"},
            "`dtype` must be one of 'int8', 'bfloat16', 'mixed_bfloat16', 'float16', 'mixed_float16'. Received",
        ),
        ({"labels": np.zeros(2)}, "`labels` must come with images. Received: labels of shape (2,)"),
        (
            {"images": np.zeros((3, 8)), "labels": np.zeros(2)},
            "`labels` must have shape (3,). Received: labels of shape (2,)",
        ),
        ({}, "`model` must have dense or embedding layers for int8"),
    ],
)
def test_what_cannot_be_quantized_is_refused(arguments, message):
    image = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match=re.escape(message)):
        ke.quantize(keras.Model(image, layers.Conv2D(3, 3)(image)), **arguments)


def test_a_sigmoid_says_a_class_from_a_half_on():
    """A class or none: the probability is what counts, not the largest of one."""
    images = np.linspace(-1, 1, 20, dtype="float32").reshape(20, 1)
    layer = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((1,)), layer])
    layer.set_weights([np.array([[4.0]]), np.array([0.1])])
    labels = (images[:, 0] > 0).astype(int)
    report = ke.quantize(model, "bfloat16", images=images, labels=labels).quantize_report
    assert report.accuracy == (1.0, 1.0) and report.agreement == 1.0
    several = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, activation="sigmoid")])
    with pytest.raises(ValueError, match="`labels` must be None for a model of several labels"):
        ke.quantize(several, "bfloat16", images=images, labels=labels)
