"""Folded normalization: the same outputs and gradients on the same variables, and fewer operations."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers
from small_runs import SMALL

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.policies import default_policy
from keras_effconv.training import phase_runner, train, unfreeze
from keras_effconv.training.folding import NormalizedConv, folded


def own():
    """A model with all that a fold must look at: biases, multipliers, dilation, no scale, no center, and a fork."""
    image = keras.Input((16, 16, 3))
    x = layers.BatchNormalization(center=False)(layers.Conv2D(8, 3, strides=2, padding="same")(image))
    x = layers.ReLU()(x)
    x = layers.BatchNormalization(scale=False)(layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x))
    x = layers.BatchNormalization()(layers.Conv2D(6, 3, dilation_rate=2, use_bias=False)(x))
    y = layers.Conv2D(6, 1)(x)
    z = layers.Add()([layers.BatchNormalization(name="forked")(y), y])
    z = layers.BatchNormalization(name="behind_relu")(layers.Conv2D(4, 1, activation="relu")(z))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="predictions")(layers.Flatten()(z)))


NETWORKS = {
    "own": own,
    "ResNet20": lambda: ke.ResNet20(weights=None, depth=0.3, width=0.5),
    "MobileNetV2": lambda: ke.MobileNetV2(weights=None, input_shape=(32, 32, 3), width=0.25, classes=5),
    "EfficientNetB0": lambda: ke.EfficientNetB0(
        weights=None, input_shape=(32, 32, 3), width=0.25, depth=0.2, classes=5
    ),
    "HetConv": lambda: ke.ResNet20(weights=None, depth=0.3, conv="HetConv(parts=2)"),
    "OctConv": lambda: ke.ResNet20(weights=None, depth=0.3, conv="OctConv(alpha=0.5)"),
}


def randomized(network):
    """Statistics, scales and biases that a fold cannot ignore."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
            layer.trainable = False
        elif isinstance(layer, layers.Dropout):
            layer.rate = 0.0
        elif getattr(layer, "use_bias", False):
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    return network


def gradients(network, variables, images):
    """By small steps along one direction of all variables together, which knows no backend."""
    rng, labels = np.random.default_rng(1), np.arange(len(images))
    directions, before = (
        [rng.normal(size=v.shape) for v in variables],
        [keras.ops.convert_to_numpy(v) for v in variables],
    )

    def loss(step):
        for variable, value, direction in zip(variables, before, directions):
            variable.assign(value + step * direction / np.sqrt(direction.size))
        scores = keras.ops.convert_to_numpy(network(images))
        return -np.log(scores[labels, labels % scores.shape[1]] + 1e-9).mean()

    slope = (loss(1e-2) - loss(-1e-2)) / 2e-2
    loss(0.0)
    return slope


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_computes_the_same_on_the_same_variables(name):
    network = randomized(NETWORKS[name]())
    images = np.random.default_rng(2).uniform(0, 255, (3, *network.input_shape[1:])).astype("float32")
    fold = folded(network)
    here, there = (keras.ops.convert_to_numpy(each(images, training=True)) for each in (network, fold))
    np.testing.assert_allclose(there, here, rtol=1e-3, atol=2e-5)
    assert {id(v) for v in fold.variables} <= {id(v) for v in network.variables}
    assert {id(v) for v in fold.trainable_variables} == {id(v) for v in network.trainable_variables}
    slopes = [gradients(each, network.trainable_variables, images) for each in (network, fold)]
    assert slopes[1] == pytest.approx(slopes[0], rel=2e-2, abs=1e-3)


def test_what_is_folded():
    def names(network):
        return {layer.conv.name for layer in folded(network).layers if isinstance(layer, NormalizedConv)}

    assert len(names(randomized(own()))) == 3  # neither the one that another layer reads, nor that behind a ReLU
    network = ke.EfficientNetLite0(weights=None, input_shape=(32, 32, 3))
    unfreeze(network, 3)
    assert len(names(network)) == 49 == sum(isinstance(layer, layers.BatchNormalization) for layer in network.layers)
    unfreeze(network, 3, freeze_norm=False)
    kept = {layer.name for layer in network.layers if isinstance(layer, layers.BatchNormalization) and layer.trainable}
    assert len(names(network)) == 49 - len(kept) > 0
    unfreeze(network, -1, freeze_norm=False)
    assert folded(network) is network
    with default_policy("mixed_bfloat16"):
        assert not names(randomized(own()))


@pytest.mark.long
def test_a_run_learns_what_it_does_without_folding(tmp_path, monkeypatch):
    recipe, digits = dataclasses.replace(SMALL, epochs=2, freeze_norm=True), data.digits(32, limit=4)
    fold = train(recipe, digits, tmp_path / "folded", outputs=False)
    monkeypatch.setattr(phase_runner, "folded", lambda network: network)
    plain = train(recipe, digits, tmp_path / "plain", outputs=False)
    for name, curve in plain.curves.items():
        np.testing.assert_allclose(fold.curves[name], curve, rtol=1e-3, err_msg=name)
    for mine, theirs in zip(fold.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-2, atol=1e-4)
