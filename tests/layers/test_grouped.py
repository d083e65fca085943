"""Grouped convolutions: every type of number trains, and GroupConv2D is Conv2D."""

import keras
import numpy as np
import pytest
from reference import feature_map, numpy

from keras_effconv.layers import GroupConv2D, HetConv2D, OctConv2D

LAYERS = {
    "HetConv2D": lambda **options: HetConv2D(16, 3, parts=8, **options),
    "HetConv2D, grouped": lambda **options: HetConv2D(16, 3, parts=4, execution="grouped", **options),
    "GroupConv2D": lambda **options: GroupConv2D(16, 3, groups=4, padding="same", **options),
    "OctConv2D": lambda **options: OctConv2D(16, 3, alpha=0, groups=4, **options),
}
TYPES = ("float32", "mixed_float16", "mixed_bfloat16", "float16", "float64")


@pytest.mark.parametrize("dilation_rate", [1, 2])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_a_step_of_training_in_every_type(name, dtype, dilation_rate):
    """TensorFlow has the gradient of grouped convolutions on a CPU for some types only."""
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is asked for")
    layer = LAYERS[name](dtype=dtype, dilation_rate=dilation_rate)
    model = keras.Sequential([keras.Input((6, 6, 16)), layer, keras.layers.GlobalAveragePooling2D(dtype=dtype)])
    model.compile("sgd", "mse", jit_compile=False)
    before = numpy(layer.kernel).copy()
    model.fit(feature_map(2, 6, 6, 16), np.ones((2, 16), "float32"), verbose=0)
    assert np.abs(numpy(layer.kernel) - before).max() > 0


@pytest.mark.parametrize("data_format", [None, "channels_last", "channels_first"])
@pytest.mark.parametrize(
    "options", [{}, {"strides": 2, "use_bias": False}, {"padding": "same", "dilation_rate": 2}], ids=str
)
def test_a_grouped_convolution_is_that_of_keras(options, data_format):
    ours, plain = (
        make(8, 3, groups=4, data_format=data_format, **options) for make in (GroupConv2D, keras.layers.Conv2D)
    )
    x = feature_map(2, 16, 16, 16)
    for layer in (ours, plain):
        layer.build(x.shape)
    plain.set_weights(ours.get_weights())
    symbolic = keras.KerasTensor((2, 16, 16, 16))
    assert ours(symbolic).shape == plain(symbolic).shape == ours.compute_output_shape((2, 16, 16, 16))
    if data_format != "channels_first":  # which TensorFlow computes on a GPU only
        np.testing.assert_allclose(numpy(ours(x)), numpy(plain(x)), atol=1e-5)
        assert tuple(ours(x).shape) == ours.compute_output_shape((2, 16, 16, 16))
