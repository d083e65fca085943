"""Layers that only say something about a model: rules see through them, and they survive."""

import keras
import pytest
from keras import layers
from weights import filled, random_statistics

import keras_effconv as ke
from keras_effconv.inference import rewriting
from keras_effconv.inference.compare import difference
from keras_effconv.inference.rules import reads_pixels


@keras.saving.register_keras_serializable(package="tests")
class Marker(layers.Layer):
    """A layer that says something about a model, and returns what it reads."""

    def __init__(self, says="", **arguments):
        super().__init__(**arguments)
        self.says = says

    def call(self, inputs):
        return inputs

    def get_config(self):
        return {**super().get_config(), "says": self.says}


@pytest.fixture
def markers(monkeypatch):
    monkeypatch.setattr(rewriting, "MARKERS", (Marker,))


def scaled_network(says, name):
    """A network that begins with a marker, pads by a layer and scales."""
    x = image = keras.Input((9, 9, 3))
    x = layers.Rescaling(1 / 255, name="scale")(Marker(says, name="marker")(x))
    x = layers.Conv2D(4, 3, padding="valid", name="stem")(layers.ZeroPadding2D(1, name="pad")(x))
    x = layers.BatchNormalization(name="bn")(x)
    return keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)), name=name)


def test_rules_see_through_markers_and_markers_stay(markers, tmp_path):
    model = random_statistics(scaled_network("stem", "network"))
    fast = ke.deploy(model)
    assert [layer.name for layer in fast.layers][1:3] == ["marker", "stem"] and fast.layers[1].says == "stem"
    assert fast.deploy_report.padding == ("pad -> stem",)
    assert fast.deploy_report.folded == ("bn -> stem",)
    assert fast.deploy_report.merged == ("scale -> stem",)
    fast.save(tmp_path / "fast.keras")
    again = ke.deploy(keras.models.load_model(tmp_path / "fast.keras"))
    assert again.layers[1].says == "stem" and difference(fast, again) < 1e-6
    assert reads_pixels(rewriting.Graph(model)) and not reads_pixels(rewriting.Graph(fast))


def test_markers_of_nested_models_stay(markers):
    one, two = keras.Input((9, 9, 3), name="one"), keras.Input((9, 9, 3), name="two")
    first, second = (scaled_network(f"of {name}", name) for name in ("first", "second"))
    model = filled([one, two], [first(one) + first(layers.Rescaling(2.0)(one)), second(two), Marker("output")(one)])
    fast = ke.deploy(model)
    says = [layer.says for layer in fast.layers if isinstance(layer, Marker)]
    assert sorted(says) == ["of first", "of second", "output"] and fast.outputs[2].shape == one.shape


@pytest.mark.parametrize("dtype", ["int8", "bfloat16"])
def test_markers_are_not_quantized(markers, dtype):
    quantized = ke.quantize(random_statistics(scaled_network("stem", "network")), dtype)
    assert quantized.layers[1].says == "stem" and quantized.layers[1].dtype_policy.name == "float32"
    assert "marker" not in quantized.quantize_report.layers
