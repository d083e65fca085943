"""The order for octave convolutions: what loses least at half the resolution is last, with shortcuts, too."""

import keras
import numpy as np
import pytest
from keras import layers
from weights import filled, run

import keras_effconv as ke
from keras_effconv.converting.ordering.observing import LostDetail
from keras_effconv.converting.ordering.octave_order import octave_order
from keras_effconv.converting.ordering.order import order

IMAGES = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype("float32")


def lost_by_hand(x):
    """What 2 x 2 averaging loses, pixel by pixel: the border of an odd map averages the pixels that there are."""
    low = np.zeros_like(x)
    for i in range(0, x.shape[1], 2):
        for j in range(0, x.shape[2], 2):
            low[:, i : i + 2, j : j + 2] = x[:, i : i + 2, j : j + 2].mean((1, 2), keepdims=True)
    return np.square(x - low).mean((1, 2))


@pytest.mark.parametrize("size", [(6, 4), (5, 7)])
def test_what_is_lost(size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    assert np.allclose(run(LostDetail(), x), lost_by_hand(x), rtol=1e-5)


def test_scores_by_hand():
    """A channel counts with what it loses and how it is read, by a convolution and by a depthwise one."""
    image = keras.Input((6, 6, 3))
    first = layers.Conv2D(5, 1)
    depthwise, norm, last = layers.DepthwiseConv2D(3, padding="same"), layers.BatchNormalization(), layers.Conv2D(2, 3)
    y = norm(depthwise(first(image)))
    model, x = filled(image, last(y)), IMAGES[:, :6, :6]
    gain = (norm.gamma.numpy() ** 2) / (norm.moving_variance.numpy() + norm.epsilon)
    scores = lost_by_hand(run(first, x)).mean(0) * (depthwise.kernel.numpy() ** 2).sum((0, 1, 3)) * gain
    maps = run(keras.Model(image, y), x)
    scores += lost_by_hand(maps).mean(0) * (last.kernel.numpy() ** 2).sum((0, 1, 3))
    assert octave_order(model, x)[0].tolist() == np.argsort(-scores).tolist()


def centered(model, seed=0):
    """Random weights, but kernels without taps around the centre: on constant images, nothing is lost at half size."""
    rng = np.random.default_rng(seed)
    for v in model.weights:
        value = rng.uniform(0.5, 1.5, v.shape) if v.name in ("gamma", "moving_variance") else rng.normal(size=v.shape)
        if v.name == "kernel" and len(v.shape) == 4:
            value = np.where(np.arange(9).reshape(3, 3, 1, 1) == 4, value / np.sqrt(v.shape[2]), 0)
        v.assign(value.astype("float32"))
    return model


@pytest.mark.parametrize("alpha", [0.5, 0.25, ((2, 0.5), (4, 0.25)), ((2, 0.5), (4, 0)), ((1, 0.5), (2, 0))], ids=str)
def test_shortcuts_are_padded_where_the_octave_network_pads_them(alpha, tmp_path):
    """Where low and high pixels are equal, the octave network computes what the ordered plain one does."""
    options = {"weights": None, "depth": 0.3, "classifier_activation": None}
    model, conv = centered(ke.ResNet20(**options)), ke.OctConv(alpha=alpha)
    ordered, student = order(model, conv, IMAGES), ke.ResNet20(**options, conv=conv)
    assert {layer.name for layer in model.layers} <= {layer.name for layer in ordered.layers}
    expected = run(model, IMAGES)
    assert np.abs(run(ordered, IMAGES) - expected).max() < 1e-5 * np.abs(expected).max()
    ordered.save_weights(tmp_path / "ordered.weights.h5")
    ke.load_weights(student, tmp_path / "ordered.weights.h5")
    flat = np.ones_like(IMAGES) * IMAGES[:, :1, :1]
    expected = run(model, flat)
    assert np.abs(run(student, flat) - expected).max() < 1e-5 * np.abs(expected).max()


def test_maps_that_are_outputs_keep_their_channels():
    model = ke.ResNet20(weights=None, depth=0.3, width=0.5, include_top=False)
    ordered = order(model, "OctConv(alpha=0.5)", IMAGES)
    assert np.allclose(run(ordered, IMAGES), run(model, IMAGES), atol=1e-5 * np.abs(run(model, IMAGES)).max())
    kept = [layer.name for layer in ordered.layers if isinstance(layer, ke.layers.PadChannels)]
    assert kept == ["conv3_block1_0_pad", "conv4_block1_0_pad"]  # the second reads what the first writes


@pytest.mark.parametrize("kind", ["Conv()", "DWCPWC()", "OctConv(alpha=0.5)", "HetConv(parts=2)", "PC()"])
@pytest.mark.parametrize("ours", [True, False])
def test_any_model_and_any_kind(kind, ours):
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(image)
    x = layers.Add()([x, layers.Conv2D(6, 3, padding="same")(x)])
    other = filled(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3) if ours else other
    ordered, expected = order(model, kind, IMAGES), run(model, IMAGES)
    assert np.abs(run(ordered, IMAGES) - expected).max() < 1e-5 * np.abs(expected).max()
    moved = any(not np.array_equal(a, b) for a, b in zip(model.get_weights(), ordered.get_weights()))
    stays = kind in ("Conv()", "DWCPWC()") or (kind == "PC()" and not ours)  # its channels and filters move together
    assert moved != stays
