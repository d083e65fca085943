"""Grad-CAM against its definition, on small networks, on all families and kinds, and on a photo."""

import keras
import numpy as np
import pytest
from grid import KINDS, NETWORKS
from keras import layers
from paths import needs
from photos import FOLDER, photos_for
from weights import random_statistics

import keras_effconv as ke

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")


def pooled(activation="softmax", **options):
    """A map, its mean and a dense layer: the gradient of a score is known without a framework."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="map", **options),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation=activation, name="scores"),
        ]
    )


def by_definition(maps, weights, size):
    """ReLU of the weighted sum of the channels; (n, h, w, c) and (n, c) -> (n, size, size), largest value 1."""
    heat = np.maximum((maps * weights[:, None, None]).sum(-1), 0)
    heat = np.asarray(keras.ops.image.resize(heat[..., None].astype("float32"), (size, size), "bilinear"))[..., 0]
    return heat / np.maximum(heat.max((1, 2), keepdims=True), 1e-30)


@pytest.mark.parametrize("activation", ["softmax", None, "sigmoid"])
def test_a_pooled_map_is_weighted_by_the_kernel_of_its_class(activation):
    """Behind a mean over h * w positions, the gradient of score k is kernel[c, k] / (h * w) everywhere."""
    model = pooled(activation)
    maps = np.asarray(keras.Model(model.inputs[0], model.get_layer("map").output)(IMAGES))
    kernel = np.asarray(model.get_layer("scores").kernel)
    for index in range(3):
        weights = np.tile(kernel[:, index] / 16, (2, 1))
        received = ke.grad_cam(model, IMAGES, "map", index)
        np.testing.assert_allclose(received, by_definition(maps, weights, 8), atol=1e-5)
    assert model.get_layer("scores").activation is keras.activations.get(activation)


def test_each_image_has_its_own_class_and_its_best_one_by_default():
    model = pooled()
    best = np.asarray(model(IMAGES)).argmax(1)
    expected = np.concatenate([ke.grad_cam(model, IMAGES[i : i + 1], "map", int(best[i])) for i in range(2)])
    np.testing.assert_allclose(ke.grad_cam(model, IMAGES), expected, atol=1e-6)
    np.testing.assert_allclose(ke.grad_cam(model, IMAGES, class_index=best), expected, atol=1e-6)


def test_a_low_band_counts_as_the_map_that_it_is_at_the_high_resolution():
    """Each pixel of the low band stands for four: the same network on one dense map has the same heat."""
    image = keras.Input((8, 8, 3))
    bands = ke.layers.OctConv2D(6, 3, padding="same", alpha=0.5, name="map")(image)
    merged = ke.layers.MergeBands(name="merged")(bands)
    x = layers.Conv2D(5, 3, activation="relu")(merged)
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    expected = ke.grad_cam(model, IMAGES, "merged", 1)
    np.testing.assert_allclose(ke.grad_cam(model, IMAGES, "map", 1), expected, atol=1e-5)


def test_the_two_layers_of_a_lifted_map_go_by_one_name():
    model = ke.ResNet20(weights=None, conv="OctConv(alpha=0.5)", width=0.5, depth=0.4)
    x = np.random.default_rng(0).normal(0, 1, (1, 32, 32, 3)).astype("float32")
    both = next(layer.name for layer in model.layers if layer.name.endswith("_out_low")).removesuffix("_low")
    alone = ke.grad_cam(model, x, f"{both}_high", 0)
    assert not np.allclose(ke.grad_cam(model, x, both, 0), alone)


def covering():
    for i, network in list(enumerate(NETWORKS))[::2]:
        yield network, KINDS[(3 * i + 4) % len(KINDS)]


@pytest.mark.grid
@pytest.mark.parametrize(("network", "kind"), list(covering()), ids=str)
def test_every_family_has_heat_in_its_images(network, kind):
    model = random_statistics(network.build(conv=kind))
    if len(model.output_shape) != 2:
        model = keras.Model(model.input, layers.Dense(3)(model.output))
    x = np.random.default_rng(0).uniform(0, 255, (2, *network.shape)).astype("float32")
    maps = [layer for layer in model.layers if getattr(layer, "kernel_size", None)]
    heat = ke.grad_cam(model, x, maps[len(maps) // 2])
    assert heat.shape == (2, *network.shape[:2]) and heat.dtype == "float32"
    assert heat.min() >= 0 and heat.max() <= 1 + 1e-6 and np.isfinite(heat).all()


def test_nested_shared_and_half_precision_models():
    inner = pooled(None)
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner, layers.Softmax()])
    expected = ke.grad_cam(inner, IMAGES, "map", 2)
    np.testing.assert_allclose(ke.grad_cam(outer, IMAGES, "map", 2), expected, atol=1e-6)
    half = pooled(dtype="mixed_bfloat16")
    half.set_weights(inner.get_weights())
    np.testing.assert_allclose(ke.grad_cam(half, IMAGES, "map", 2), expected, atol=1e-6)
    image, conv = keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="twice")
    shared = keras.Model(image, layers.Dense(2)(layers.Flatten()(conv(layers.AveragePooling2D(2)(conv(image))))))
    assert ke.grad_cam(shared, IMAGES, "twice", 0).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES[0]}, r"`images` must be \(n, 8, 8, 3\)"),
        ({"layer": "mop"}, r"`layer` must be a layer of the model\. Received: layer='mop'; did you mean map"),
        ({"layer": "scores"}, "`layer` must be a layer of the model that writes a feature map"),
        ({"class_index": 3}, "`class_index` must be 0 to 2"),
        ({"class_index": [0]}, "`class_index` must be 0 to 2, one or 2 of them"),
        ({"class_index": 1.5}, "`class_index` must be 0 to 2"),
        ({"model": layers.Dense(2)}, "`model` must be a built functional or sequential Keras model"),
    ],
    ids=str,
)
def test_a_users_mistake_is_one_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        ke.grad_cam(**{"model": pooled(), "images": IMAGES, **arguments})


@pytest.mark.long
@needs(*FOLDER)
def test_the_heat_is_on_the_animal():
    """The mean heat inside the middle half of a portrait of an animal is higher than around it."""
    model = ke.EfficientNetLite0(weights="imagenet")
    photos, _ = photos_for(model)
    heat = ke.grad_cam(model, photos[:2])
    size = heat.shape[1]
    middle = heat[:, size // 4 : -size // 4, size // 4 : -size // 4].mean((1, 2))
    assert np.all(middle > 1.5 * heat.mean((1, 2))), middle
