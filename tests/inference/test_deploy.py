"""Deployed networks: equal to the ones that they were made of, with fewer layers."""

import dataclasses

import keras
import numpy as np
import pytest
from grid import IDENTITIES, KINDS, NETWORKS
from keras import layers
from paths import needs
from photos import FOLDER, photos_for
from weights import names, random_statistics, run

import keras_effconv as ke
from keras_effconv.inference.compare import difference
from keras_effconv.layers import HetConv2D, OctConv2D, SamePadding2D

CHOSEN = [kind for kind in KINDS if kind not in IDENTITIES]


def covering():
    """Every network with every kind; quick are few pairs, in which each is met."""
    for i, network in enumerate(NETWORKS):
        for j, kind in enumerate(CHOSEN):
            marks = [pytest.mark.slow] * ((i - 1) % len(CHOSEN) != j)
            yield pytest.param(network, kind, id=f"{network.name}-{kind!r}", marks=marks)


@pytest.mark.grid
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


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize(("target", "layout"), [("tensorflow", "shifted"), ("jax", "grouped"), ("dense", "shifted")])
def test_targets_are_forms_of_one_network(target, layout):
    model = random_statistics(NETWORKS[8].build(conv=ke.HetConv(4, layout), classifier_activation=None))
    fast = ke.deploy(model, target=target)
    forms = {layer.execution for layer in fast.layers if isinstance(layer, HetConv2D)}
    assert forms == {"tensorflow": {"grouped"}, "jax": {"split"}, "dense": set()}[target]
    assert len(fast.deploy_report.forms) == len(names(model, HetConv2D))


@pytest.mark.long
@pytest.mark.parametrize("target", ["saved_model", "onnx", "openvino", "litert"])
def test_targets_are_the_formats_of_export(target):
    model = random_statistics(NETWORKS[8].build(conv=ke.OctConv(0.5), classifier_activation=None))
    fast = ke.deploy(model, target=target)
    forms = {layer.execution for layer in fast.layers if isinstance(layer, OctConv2D)}
    assert forms == {"auto" if target == "saved_model" else "separate"}


@pytest.mark.long
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


@pytest.mark.long
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


def test_rounding_of_the_model_itself_is_no_difference():
    """Logits that cancel: float32 has few digits left, before and after; the two are equal in float64."""
    image = keras.Input((4, 4, 3))
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 1, use_bias=False)(image))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Rescaling(1.0, offset=-3e5)(layers.Rescaling(1.0, offset=3e5)(layers.Activation("relu")(x)))
    model = random_statistics(keras.Model(image, layers.Subtract()([layers.Activation("relu")(x), x])))
    assert ke.deploy(model) is not None
    with pytest.raises(ValueError, match="must compute the same once deployed"):
        ke.deploy(keras.Sequential([keras.Input((4,)), layers.GaussianNoise(1.0), Drawn()]))


class Drawn(layers.Layer):
    """Random numbers at inference: no float64 makes two models of it equal."""

    def call(self, x):
        return x + keras.random.uniform(keras.ops.shape(x))


def test_code_is_refused():
    class Code(keras.Model):
        def call(self, inputs):
            return inputs

    for function in (ke.deploy, ke.quantize):
        with pytest.raises(ValueError, match=r"`model` must be a built functional or sequential Keras model.*Code"):
            function(Code())
    with pytest.raises(ValueError, match="`target` must be one of"):
        ke.deploy(Code(), target="gpu")
