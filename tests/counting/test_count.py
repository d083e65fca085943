"""Counts of any model; test_papers.py has those of the papers."""

import json

import keras
import pytest

import keras_effconv as ke


@pytest.mark.parametrize("alpha", [0.125, 0.25, 0.5, 0.75])
def test_octaves_keep_the_parameters_and_save_the_papers_share(alpha):
    """Theory for one octave layer, both sides split: 1 - 3/4 alpha (2 - alpha)."""
    maps = ke.OctConv(alpha).conv(keras.Input((16, 16, 32)), 32, 1, name="split")
    model = keras.Model(keras.utils.get_source_inputs(maps["high"]), ke.OctConv(alpha).conv(maps, 32, 3, name="both"))
    row = ke.count(model).layers[-1]
    assert row.params == 9 * 32 * 32 + 32
    assert row.macs == 16 * 16 * 9 * 32 * 32 * (1 - 0.75 * alpha * (2 - alpha))


@pytest.mark.long
def test_size_can_be_given_and_must_be_known():
    model = ke.EfficientNetB0(weights=None, include_top=False)
    with pytest.raises(ValueError, match="`input_shape` must be given"):
        ke.count(model)
    top = ke.count(ke.EfficientNetB0(weights=None)).macs - 1280 * 1000
    assert ke.count(model, input_shape=(224, 224, 3)).macs == top


@pytest.mark.long
def test_an_unknown_layer_is_listed():
    class Odd(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3,))

        def call(self, x):
            return x * self.w

    image = keras.Input((8, 8, 3))
    assert ke.count(keras.Model(image, Odd(name="odd")(image))).uncounted == ("odd",)
    assert ke.count(ke.EfficientNetB0(weights=None)).uncounted == ()


def test_shared_layers_nested_models_and_operations():
    image = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same", name="shared", use_bias=False)
    inner = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1, name="inside")], name="nested")
    model = keras.Model(image, inner(keras.ops.relu(shared(shared(image))) + 1.0))
    counts = ke.count(model)
    assert counts.macs == 2 * 64 * 81 + 64 * 12
    assert [row.name for row in counts.layers] == ["shared", "shared", "nested/inside"]
    assert counts.params == sum(row.params for row in counts.layers) == 81 + 16
    assert counts.activations == 2 * 64 * 3 + 64 * 4
    assert counts.uncounted == ()


def test_an_operation_that_multiplies_is_listed():
    image = keras.Input((8, 4))
    model = keras.Model(image, keras.ops.matmul(image, keras.ops.transpose(image, (0, 2, 1))))
    assert len(ke.count(model).uncounted) == 1


def test_as_table_dict_and_frame():
    counts = ke.count(ke.VGG16CIFAR(weights=None, conv=ke.OctConv()))
    assert "block1_conv2" in str(counts) and f"{counts.macs:,}" in str(counts)
    assert json.loads(json.dumps(counts.to_dict()))["macs"] == counts.macs
    assert counts.to_pandas()["macs"].sum() == counts.macs


def test_an_unknown_convention_is_one_clear_line():
    with pytest.raises(ValueError, match="`convention` must be"):
        ke.count(ke.VGG16CIFAR(weights=None)).under("flops")


def test_a_count_knows_the_calls_and_the_model():
    model = ke.VGG16CIFAR(weights=None)
    counts = ke.count(model)
    assert counts.model is model and counts == ke.count(model) != ke.count(ke.ResNet20(weights=None))
    assert {row.name for row in counts.layers} < {call.name for call in counts.calls}
    assert not {"calls", "model"} & counts.to_dict().keys() and "Functional" not in repr(counts)
