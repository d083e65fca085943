"""Deployed and quantised models: equal to what they were made of, with less in them."""

import dataclasses
import re

import keras
import numpy as np
import pytest
from grid import IDENTITIES, KINDS, NETWORKS
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from paths import needs
from photos import FOLDER, photos_for
from weights import random_weights, run

import keras_effconv as ke
from keras_effconv.inference import rewriting
from keras_effconv.inference.affine import Shift
from keras_effconv.inference.compare import difference
from keras_effconv.inference.rules import reads_pixels
from keras_effconv.layers import GroupConv2D, HetConv2D, MergeBands, OctConv2D, OctDepthwiseConv2D, SamePadding2D

CHOSEN = [kind for kind in KINDS if kind not in IDENTITIES]


def covering():
    """Every network with every kind; quick are few pairs, in which each is met."""
    for i, network in enumerate(NETWORKS):
        for j, kind in enumerate(CHOSEN):
            marks = [pytest.mark.slow] * ((i - 1) % len(CHOSEN) != j)
            yield pytest.param(network, kind, id=f"{network.name}-{kind!r}", marks=marks)


def names(model, *classes):
    """The layers of a model that are of some classes."""
    return [layer.name for layer in model.layers if isinstance(layer, classes)]


def random_statistics(model):
    """Random biases and batch statistics; kernels stay as drawn, since others would make rounding errors explode."""
    kernels = [(v, v.numpy()) for v in model.weights if "kernel" in v.name]
    random_weights(model)
    for variable, value in kernels:
        variable.assign(value)
    return model


def filled(inputs, outputs):
    """A model with random statistics."""
    return random_statistics(keras.Model(inputs, outputs))


@pytest.mark.parametrize(("network", "kind"), list(covering()))
def test_a_network_of_any_kind_computes_the_same(network, kind):
    """Logits are compared: a softmax would hide small differences, and make large ones of logits of thousands."""
    model = random_statistics(network.build(conv=kind, classifier_activation=None))
    fast = ke.deploy(model)
    assert fast.deploy_report.max_difference < 1e-4
    left = names(fast, layers.BatchNormalization)
    # Behind a sum or a pooling, and before a ReLU: there is no convolution that could take it.
    assert all("preact" in name or "post" in name for name in left), left
    assert bool(left) == (network.name == "ResNet50V2")
    assert not names(fast, layers.Dropout, layers.Normalization, layers.Rescaling)
    assert set(names(fast, SamePadding2D)) <= {"pool1_pad"}, "that of a max pooling, which would not read zeros"
    norms = names(model, layers.BatchNormalization)
    assert len(fast.deploy_report.folded) >= len(norms) - len(left) > 0
    assert ke.count(fast).macs == ke.count(model).macs
    assert ke.count(fast).params < ke.count(model).params
    assert not ke.count(fast).uncounted


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (NETWORKS[3], "OctConv(alpha=0.25)"),
        pytest.param(NETWORKS[8], "HetConv(parts=5)", marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_deployed_model_is_saved_and_deployed_again(network, kind, tmp_path):
    model = random_statistics(network.build(conv=kind))
    model.save(tmp_path / "model.keras")
    fast = ke.deploy(keras.models.load_model(tmp_path / "model.keras"))
    assert difference(model, fast) < 1e-4
    fast.save(tmp_path / "fast.keras")
    loaded = keras.models.load_model(tmp_path / "fast.keras")
    assert difference(fast, loaded) == 0
    assert not ke.deploy(loaded).deploy_report.folded


def test_the_given_model_stays_as_it_is():
    model = random_statistics(NETWORKS[2].build())
    before = model.get_weights(), [layer.name for layer in model.layers], model.get_config()
    fast = ke.deploy(model)
    for v in fast.weights:
        v.assign(v * 0)
    after = model.get_weights(), [layer.name for layer in model.layers], model.get_config()
    assert all(np.array_equal(a, b) for a, b in zip(before[0], after[0])) and before[1:] == after[1:]
    assert model.get_layer("conv1").output is not None  # one node only: the layer has no second use
    assert fast.get_layer("conv1").use_bias and not model.get_layer("conv1").use_bias


@pytest.mark.parametrize(("target", "layout"), [("tensorflow", "shifted"), ("jax", "grouped"), ("dense", "shifted")])
def test_targets_are_forms_of_one_network(target, layout):
    model = random_statistics(NETWORKS[8].build(conv=ke.HetConv(4, layout), classifier_activation=None))
    fast = ke.deploy(model, target=target)
    forms = {layer.execution for layer in fast.layers if isinstance(layer, HetConv2D)}
    assert forms == {"tensorflow": {"grouped"}, "jax": {"split"}, "dense": set()}[target]
    assert len(fast.deploy_report.forms) == len(names(model, HetConv2D))


@pytest.mark.parametrize("target", ["saved_model", "onnx", "openvino", "litert"])
def test_targets_are_the_formats_of_export(target):
    model = random_statistics(NETWORKS[8].build(conv=ke.OctConv(0.5), classifier_activation=None))
    fast = ke.deploy(model, target=target)
    forms = {layer.execution for layer in fast.layers if isinstance(layer, OctConv2D)}
    assert forms == {"auto" if target == "saved_model" else "separate"}


# Hand-made graphs.


def test_one_map_with_two_readers_and_a_layer_with_two_uses_are_not_folded():
    image = keras.Input((9, 8, 3))
    shared, read_twice, output = (layers.Conv2D(3, 3, padding="same", name=n) for n in ("shared", "twice", "output"))
    y = read_twice(image)
    y = layers.Add()([y, layers.BatchNormalization(name="bn_of_twice")(y)])
    y = layers.BatchNormalization(name="bn_of_shared")(shared(y))
    result = output(layers.BatchNormalization(name="again")(shared(y)))
    fast = ke.deploy(filled(image, [result, layers.BatchNormalization(name="bn_of_output")(result)]))
    assert names(fast, layers.BatchNormalization) == ["bn_of_twice", "bn_of_shared", "bn_of_output"]
    assert isinstance(fast.get_layer("again"), Shift), "its scale goes into the convolution behind it"


class Noise(layers.Layer):
    """Random numbers at inference too."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seed = keras.random.SeedGenerator()

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seed)


class Forgetful(layers.Layer):
    """A layer whose configuration does not say all."""

    factor = 1.0

    def call(self, inputs):
        return self.factor * inputs


def test_what_is_not_equal_is_refused():
    image = keras.Input((8,))
    forgetful = Forgetful()
    forgetful.factor = 1.001
    for layer in (Noise(), forgetful):
        with pytest.raises(ValueError, match=r"must compute the same once deployed, up to tolerance=0.0001.*differ by"):
            ke.deploy(filled(image, layer(layers.Dense(4)(image))))


def test_dropout_that_is_always_on_is_kept():
    image = keras.Input((8,))
    fast = ke.deploy(filled(image, layers.Dropout(0.5, name="drop")(layers.Dense(4)(image), training=True)))
    ones = np.ones((1, 8))
    assert names(fast, layers.Dropout) == ["drop"] and not np.array_equal(fast(ones), fast(ones))


def test_normalisation_by_the_batch_is_not_folded():
    image = keras.Input((8, 8, 3))
    model = filled(image, layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3)(image), training=True))
    assert names(ke.deploy(model), layers.BatchNormalization) == ["bn"]


class Standardized(layers.Conv2D):
    """A subclass that computes something else."""

    def call(self, inputs):
        return super().call(inputs) / (1 + keras.ops.std(self.kernel))


class Uncopied(layers.Layer):
    """A layer without a configuration."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


def test_layers_of_ones_own_are_kept():
    image = keras.Input((8, 8, 3))
    x = layers.BatchNormalization(name="bn1")(Standardized(4, 3, name="own")(image))
    x = layers.BatchNormalization(name="bn2")(layers.Conv2D(4, 3)(Uncopied(keras.ops.ones(()))(x)))
    fast = ke.deploy(filled(image, x))
    assert names(fast, layers.BatchNormalization) == ["bn1"]
    assert type(fast.get_layer("own")) is Standardized and names(fast, Uncopied)


def test_scales_go_forward_and_shifts_where_no_zeros_are_padded():
    image = keras.Input((9, 9, 3))
    x = layers.Rescaling(1 / 255, name="first")(image)
    x = layers.Rescaling([2.0, 1.0, 3.0], [0.5, -1.0, 0.0], name="second")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="padded")(x)
    x = layers.Conv2D(4, 1, padding="same", name="pointwise")(layers.BatchNormalization(name="bn1")(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="valid")(
        layers.BatchNormalization(name="bn2")(layers.ReLU()(x))
    )
    x = layers.Dense(3, name="dense")(layers.BatchNormalization(name="bn3")(layers.LeakyReLU(name="leaky")(x)))
    fast = ke.deploy(filled(image, x))
    assert [layer.name for layer in fast.layers[1:]] == ["first", "padded", "pointwise", "valid", "leaky", "dense"]
    assert isinstance(fast.get_layer("first"), Shift)


def test_nested_models_become_one_graph():
    def block(name):
        x = keras.Input((None, None, 4))
        y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, padding="same", name="conv")(x))
        return keras.Model(x, layers.Dropout(0.1, name="drop")(y), name=name)

    image = keras.Input((None, None, 4), name="x")
    once, twice = block("once"), block("twice")
    stack = keras.Sequential([layers.Conv2D(4, 1), layers.BatchNormalization(), layers.Activation("relu")])
    model = filled({"x": image}, {"y": stack(twice(twice(once(image)))), "z": image + 1.0})
    fast = ke.deploy(model)
    assert names(fast, keras.Model) == [] and fast.deploy_report.max_difference < 1e-4
    assert len(names(fast, layers.BatchNormalization)) == 1, "that of the model used twice"
    assert sorted(fast.output) == ["y", "z"]


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


def test_a_sequential_model_is_deployed():
    stack = [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="bn")]
    fast = ke.deploy(random_statistics(keras.Sequential(stack)))
    assert fast.deploy_report.folded == ("bn -> conv",)


LAYERS = (
    lambda name: layers.Conv2D(4, 3, padding="same", name=name),
    lambda name: layers.Conv2D(4, 1, use_bias=False, name=name),
    lambda name: layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=name),
    lambda name: layers.SeparableConv2D(4, 3, padding="same", name=name),
    lambda name: layers.Conv2DTranspose(4, 3, padding="same", name=name),
    lambda name: GroupConv2D(4, 3, padding="same", groups=2, name=name),
    lambda name: HetConv2D(4, 3, parts=3, layout="shifted", use_bias=False, name=name),
    lambda name: layers.Dense(4, name=name),
    lambda name: layers.BatchNormalization(name=name),
    lambda name: layers.BatchNormalization(scale=False, center=False, axis=-1, name=name),
    lambda name: layers.BatchNormalization(axis=1, name=name),
    lambda name: layers.Rescaling(-0.5, [0.0, 1.0, 2.0, 3.0], name=name),
    lambda name: layers.Rescaling([0.0, 1.0, 2.0, 3.0], name=name),
    lambda name: layers.ReLU(name=name),
    lambda name: layers.ReLU(max_value=6.0, threshold=1.0, name=name),
    lambda name: layers.Activation("swish", name=name),
    lambda name: layers.Activation("linear", name=name),
    lambda name: layers.Dropout(0.5, name=name),
)


@given(st.lists(st.tuples(st.sampled_from(range(len(LAYERS))), st.integers(0, 2)), min_size=2, max_size=9), st.data())
@settings(max_examples=12)
def test_any_graph_of_known_layers_is_equal(chain, data):
    """Each layer reads the last map, or one before it; some layers are called again; two maps are the outputs."""
    maps, made = [keras.Input((6, 5, 4))], []
    for number, (which, back) in enumerate(chain):
        again = made and data.draw(st.integers(0, 5)) == 0
        layer = data.draw(st.sampled_from(made)) if again else LAYERS[which](f"layer{number}")
        made.append(layer)
        maps.append(layer(maps[max(-1 - back, -len(maps))]))
    model = filled(maps[0], [maps[-1], maps[-2]])
    assert ke.deploy(model, tolerance=1e-3).deploy_report.max_difference < 1e-3


def test_bands_are_folded_one_by_one():
    image = keras.Input((9, 8, 4))
    maps = OctConv2D(8, 3, alpha=0.25, name="oct")(image)
    maps = {**maps, "low": layers.BatchNormalization(name="low")(maps["low"])}
    maps = OctDepthwiseConv2D(3, depth_multiplier=2, use_bias=False, name="depthwise")(maps)
    fast = ke.deploy(filled(image, {**maps, "high": layers.BatchNormalization(name="high")(maps["high"])}))
    assert fast.deploy_report.folded == ("low -> oct", "high -> depthwise")


# Whole classifiers.


@pytest.mark.parametrize(("name", "options"), [("EfficientNetLite0", {"depth": 0.3}), ("ResNet18", {"width": 0.25})])
def test_a_fine_tuned_classifier_with_its_preprocessing(name, options):
    """As `train` builds and nests it; the images' arithmetic merges with the network's, or goes into the stem."""
    from keras_effconv.training import network, recipe

    chosen = recipe.Recipe(model=name, weights=None, image_size=48, options=options)
    model = random_statistics(network.classifier(network.backbone(chosen), 5, 0.2, "network"))
    images = keras.Input((48, 48, 3))
    fast = ke.deploy(random_statistics(keras.Model(images, model(images), name="training")))
    assert not names(fast, keras.Model, layers.Rescaling, layers.Dropout)
    wanted = [ke.preprocessing_for(each).preprocessing for each in (model, fast)]
    assert dataclasses.replace(wanted[0], mean=wanted[1].mean, std=wanted[1].std) == wanted[1]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3)).astype("float32")
    np.testing.assert_allclose(fast(pixels), model(pixels), rtol=0, atol=1e-5)


@needs(*FOLDER)
def test_trained_weights_keep_their_predictions():
    model = ke.EfficientNetLite0(weights="imagenet")
    fast = ke.deploy(model)
    photos, labels = photos_for(fast)
    expected, received = (run(each, photos) for each in (model, fast))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5)
    assert all(int(row.argmax()) in photo["accept"] for row, photo in zip(received, labels, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionV3", "MobileNetV3Small",
     "NASNetMobile", "ResNet50", "Xception"],
)  # fmt: skip
def test_networks_of_keras_are_equal(name):
    model = random_statistics(getattr(keras.applications, name)(weights=None, classifier_activation=None))
    fast = ke.deploy(model)
    left, norms = (len(names(each, layers.BatchNormalization)) for each in (fast, model))
    assert left == {"DenseNet121": 62, "NASNetMobile": 4}.get(name, 0)
    assert len(fast.deploy_report.folded) >= norms - left


# Fewer bits.


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
        ({"dtype": "int4"}, "`dtype` must be one of 'int8', 'bfloat16', 'mixed_bfloat16'. Received: dtype='int4'"),
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


def test_code_is_refused():
    class Code(keras.Model):
        def call(self, inputs):
            return inputs

    for function in (ke.deploy, ke.quantize):
        with pytest.raises(ValueError, match=r"`model` must be a built functional or sequential Keras model.*Code"):
            function(Code())
    with pytest.raises(ValueError, match="`target` must be one of"):
        ke.deploy(Code(), target="gpu")
