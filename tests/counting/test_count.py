"""Counts of any model; test_papers.py has those of the papers."""

import json

import keras
import pytest

import keras_effconv as ke
from keras_effconv.layers import OctConv2D


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


LAYERS = {
    "Conv1D": (lambda **o: keras.layers.Conv1D(8, 3, **o), 1),
    "Conv2D": (lambda **o: keras.layers.Conv2D(8, 3, **o), 2),
    "grouped": (lambda **o: keras.layers.Conv2D(8, 3, groups=2, **o), 2),
    "Conv3D": (lambda **o: keras.layers.Conv3D(8, 3, **o), 3),
    "DepthwiseConv1D": (lambda **o: keras.layers.DepthwiseConv1D(3, **o), 1),
    "DepthwiseConv2D": (lambda **o: keras.layers.DepthwiseConv2D(3, **o), 2),
    "Conv1DTranspose": (lambda **o: keras.layers.Conv1DTranspose(8, 3, **o), 1),
    "Conv2DTranspose": (lambda **o: keras.layers.Conv2DTranspose(8, 3, **o), 2),
    "Conv3DTranspose": (lambda **o: keras.layers.Conv3DTranspose(8, 3, **o), 3),
    "SeparableConv1D": (lambda **o: keras.layers.SeparableConv1D(8, 3, **o), 1),
    "SeparableConv2D": (lambda **o: keras.layers.SeparableConv2D(8, 3, **o), 2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_both_data_formats_cost_the_same(name):
    """Of sizes and channels that are all different; and a layer may be called by the name of its argument."""
    make, dimensions = LAYERS[name]
    sizes = (9, 7, 11)[:dimensions]
    last, first, named = (keras.Input(shape) for shape in ((*sizes, 4), (4, *sizes), (*sizes, 4)))
    models = [
        keras.Model(last, make(data_format="channels_last")(last)),
        keras.Model(first, make(data_format="channels_first")(first)),
        keras.Model(named, make(data_format="channels_last")(inputs=named)),
    ]
    counts = [ke.count(model).macs for model in models]
    assert counts[0] > 0 and len(set(counts)) == 1


def test_octaves_by_the_name_of_their_argument():
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, OctConv2D(8, 3)(inputs=OctConv2D(8, 3)(image))["low"])
    assert ke.count(model).uncounted == ()


def test_sizes_of_several_inputs():
    left, right = keras.Input((None, None, 3)), keras.Input((None, None, 1))
    x = keras.layers.Concatenate()([keras.layers.Conv2D(2, 1, use_bias=False)(left), right])
    model = keras.Model([left, right], keras.layers.Conv2D(4, 1, use_bias=False)(x))
    assert ke.count(model, [(8, 6, 3), (8, 6, 1)]).macs == 48 * (6 + 12)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: ke.ResNet20(weights=None), (32, 32, 5), "reads"),
        (lambda: ke.VGG11(weights=None, input_shape=(32, 32, 3), width=0.1), (64, 64, 3), "'fc1' reads"),
        (lambda: ke.ResNet20(weights=None), 32, "must be .height, width, channels"),
        (lambda: ke.ResNet20(weights=None), (32, 32), "must be .height, width, channels"),
        (lambda: ke.ResNet20(weights=None), [(32, 32, 3)] * 2, "must be .height, width, channels"),
        (lambda: ke.ResNet20(weights=None), ("a", 32, 3), "must be .height, width, channels"),
    ],
)
def test_a_size_that_the_model_refuses_has_no_count(make, shape, message):
    with pytest.raises(ValueError, match=f"`input_shape` .*{message}") as caught:
        ke.count(make(), shape)
    assert "\n" not in str(caught.value)


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
