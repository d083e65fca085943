"""Gradients of strided 1 x 1 convolutions that read few channels: oneDNN has them wrong on some processors."""

import keras
import numpy as np
import pytest
from het_cases import on_tensorflow
from reference import numpy

from keras_effconv.layers import backend
from keras_effconv.layers.narrow_conv import with_right_gradients

SIZES = [(channels, size) for channels in (1, 3, 4, 5, 6, 7, 8) for size in (15, 16)]


def gradients(function, x, kernel):
    """Return the gradients of the sum of `function(x, kernel)` times `weights`, with these weights."""
    import tensorflow as tf

    x, kernel = tf.constant(x), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = tf.function(function)(x, kernel)
        weights = np.random.default_rng(1).normal(size=y.shape).astype("float32")
        loss = tf.reduce_sum(y * weights)
    return [numpy(each) for each in tape.gradient(loss, [x, kernel])], weights


def check(function, channels, size):
    """Check the gradients of a 1 x 1 convolution with strides of 2 by its definition."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, size, size, channels)).astype("float32")
    kernel = rng.normal(size=(1, 1, channels, 8)).astype("float32")
    (of_x, of_kernel), weights = gradients(function, x, kernel)
    expected = np.zeros_like(x)
    expected[:, ::2, ::2] = weights @ kernel[0, 0].T
    np.testing.assert_allclose(of_x, expected, rtol=1e-4, atol=1e-4)
    expected = np.einsum("nhwc,nhwf->cf", x[:, ::2, ::2].astype("float64"), weights)
    np.testing.assert_allclose(of_kernel[0, 0], expected, rtol=1e-4, atol=1e-3)


@on_tensorflow
@pytest.mark.parametrize(("channels", "size"), SIZES)
def test_the_gradient_is_right(channels, size):
    check(lambda x, kernel: backend.conv(x, kernel, (2, 2)), channels, size)


@on_tensorflow
@pytest.mark.parametrize(("channels", "size"), SIZES)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_gradient_of_keras_layers_is_right(channels, size, padding):
    image = keras.Input((size, size, channels))
    layer = keras.layers.Conv2D(8, 1, strides=2, padding=padding)
    outer = keras.Model(image, keras.Model(image, layer(image))(image))
    config = layer.get_config()
    assert with_right_gradients(outer) is outer and layer.get_config() == config
    check(layer.convolution_op, channels, size)


def test_outputs_stay_what_they_are_and_files_too(tmp_path):
    model = keras.Sequential([keras.Input((9, 9, 3)), keras.layers.Conv2D(4, 1, strides=2), keras.layers.Flatten()])
    x = np.random.default_rng(0).normal(size=(2, 9, 9, 3)).astype("float32")
    before = numpy(model(x))
    with_right_gradients(model)
    np.testing.assert_allclose(numpy(model(x)), before, rtol=1e-6, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(numpy(loaded(x)), before, rtol=1e-6, atol=1e-6)
