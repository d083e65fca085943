"""Kernels that are rounded before a converter rounds them."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_effconv.exporting.rounding import kernels_of, rounded_kernels

RNG = np.random.default_rng(0)
IMAGES = (RNG.uniform(0, 255, (24, 1, 1, 8)) + RNG.normal(0, 30, (24, 12, 12, 8))).astype("float32")  # alike nearby
KINDS = {
    "convolution": lambda: layers.Conv2D(6, 3, strides=2, padding="same", name="layer"),
    "dilated": lambda: layers.Conv2D(6, 3, dilation_rate=2, name="layer"),
    "depthwise": lambda: layers.DepthwiseConv2D(5, padding="same", name="layer"),
    "dense": lambda: layers.Dense(6, name="layer"),
    "grouped": lambda: layers.Conv2D(6, 3, groups=2, name="layer"),
}


def nearest(kernel, step):
    return (np.round(kernel / step) * step).astype("float32")


def channels(kernel, name):
    """One column an output."""
    return kernel.reshape(-1, kernel.shape[2] if name == "depthwise" else kernel.shape[-1])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("levels", [63.5, 64, 127])
def test_outputs_change_less_than_by_the_nearest_levels(name, levels):
    keras.utils.set_random_seed(0)
    image = keras.Input(IMAGES.shape[1:])
    model = keras.Model(image, KINDS[name]()(image))
    kernel, bias = model.get_layer("layer").get_weights()
    step = np.abs(channels(kernel, name)).max(0) / levels
    before = model.predict(IMAGES, verbose=0)
    with rounded_kernels(kernels_of(model, IMAGES), (levels, levels)):
        compensated = model.get_layer("layer").get_weights()[0]
        error = np.square(model.predict(IMAGES, verbose=0) - before).mean()
    assert np.array_equal(model.get_layer("layer").get_weights()[0], kernel)
    if name == "grouped":
        assert np.array_equal(compensated, kernel)  # is left to the converter
        return
    columns = channels(compensated, name)
    np.testing.assert_allclose(np.abs(columns).max(0), step * levels, rtol=1e-6)  # a converter takes the same steps
    whole = np.abs(columns) < 0.99 * step * levels
    np.testing.assert_allclose((columns / step)[whole], np.round(columns / step)[whole], atol=1e-3)
    model.get_layer("layer").set_weights([nearest(channels(kernel, name), step).reshape(kernel.shape), bias])
    assert error < 0.5 * np.square(model.predict(IMAGES, verbose=0) - before).mean()


def test_a_layer_that_is_called_twice_is_left_alone_and_an_error_restores():
    image = keras.Input(IMAGES.shape[1:])
    shared, other = layers.Dense(8, name="shared"), layers.Dense(3, name="other")
    model = keras.Model(image, other(shared(shared(image))))
    before = model.get_weights()
    with pytest.raises(KeyError), rounded_kernels(kernels_of(model, IMAGES), (64, 64)):
        changed = [np.array_equal(old, new) for old, new in zip(before, model.get_weights())]
        assert changed == [True, True, False, True]
        raise KeyError
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights()))
