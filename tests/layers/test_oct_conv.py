"""OctConv2D and OctDepthwiseConv2D against brute force, for every split of the channels at the input and the output."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from octave_cases import every_alpha, every_layer, every_split, inputs, octave_net, on_tensorflow, randomise, with_bias
from reference import assert_close, bands, check_export, feature_map, fill, numpy, oct_conv, oct_depthwise

from keras_effconv.layers import OctConv2D, OctDepthwiseConv2D
from keras_effconv.layers.oct_conv import EXECUTIONS


def check_conv(x, use_bias=True, **config):
    layer = fill(OctConv2D(use_bias=use_bias, **config), x)
    reference = {key: value for key, value in config.items() if key not in ("filters", "kernel_size", "execution")}
    assert_close(layer(x), oct_conv(x, *with_bias(layer, use_bias), **reference))


def check_depthwise(x, use_bias=True, **config):
    layer = fill(OctDepthwiseConv2D(use_bias=use_bias, **config), x)
    reference = {key: value for key, value in config.items() if key not in ("depth_multiplier", "kernel_size")}
    assert_close(layer(x), oct_depthwise(x, *with_bias(layer, use_bias), **reference))


@st.composite
def geometries(draw):
    """What both layers have in common; `padding="valid"` is for 1x1 kernels only."""
    strides = draw(st.sampled_from([1, 2, 4]))
    kernel_size = draw(st.sampled_from([1, 2, 3, 5]))
    return {
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": draw(st.sampled_from(["same", "valid"])) if kernel_size == 1 else "same",
        "dilation_rate": draw(st.sampled_from([1, 2])) if strides == 1 else 1,
        "activation": draw(st.sampled_from([None, "relu", "tanh"])),
        "use_bias": draw(st.booleans()),
    }


def splits(multiple=1):
    """Channels of the two bands, at least one of them not empty."""
    share = st.integers(0, 4 // multiple).map(lambda n: n * multiple)
    return st.tuples(share, share).filter(any)


sizes = st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9))


@given(st.data(), sizes, geometries(), st.sampled_from([1, 1, 2, 3]), st.sampled_from(EXECUTIONS))
def test_outputs(data, size, geometry, groups, execution):
    high, low = data.draw(splits(groups))
    x = feature_map(*size, *data.draw(splits(groups)))
    config = {"filters": high + low, "alpha": low / (high + low), "groups": groups, "execution": execution}
    check_conv(x, **config, **geometry)


@given(sizes, splits(), geometries(), st.integers(1, 3))
def test_depthwise_outputs(size, split, geometry, depth_multiplier):
    check_depthwise(feature_map(*size, *split), depth_multiplier=depth_multiplier, **geometry)


@pytest.mark.grid
@pytest.mark.parametrize("size", [(5, 8), (6, 4), (3, 1)])
@pytest.mark.parametrize("strides", [1, 2, 4])
@every_alpha
@every_split
def test_every_path(split, alpha, strides, size):
    check_conv(feature_map(2, *size, *split), filters=8, kernel_size=3, strides=strides, alpha=alpha)


@pytest.mark.parametrize("strides", [1, 2])
@every_alpha
@every_split
def test_groups(split, alpha, strides):
    x = feature_map(2, 5, 6, *split)
    check_conv(x, filters=8, kernel_size=3, strides=strides, alpha=alpha, groups=2, activation="relu")


@every_layer
def test_order_of_the_bands_does_not_matter(make):
    x = feature_map(2, 5, 6, 4, 2)
    low_first = {band: x[band] for band in ("low", "high")}
    layer, other = fill(make(), x), fill(make(), low_first)
    other.set_weights(layer.get_weights())
    assert_close(other(low_first), numpy(layer(x)))


@pytest.mark.parametrize(("filters", "alpha", "low"), [(8, 0.25, 2), (7, 0.5, 3), (3, 0.25, 0), (5, 0.99, 4)])
def test_low_channels_are_rounded_down(filters, alpha, low):
    y = bands(OctConv2D(filters, 3, alpha=alpha)(feature_map(1, 4, 4, 3)))
    assert {band: t.shape[3] for band, t in y.items() if t.shape[3]} == {
        band: n for band, n in [("high", filters - low), ("low", low)] if n
    }


@every_split
def test_oblong(split):
    x = feature_map(2, 5, 6, *split)
    check_conv(x, filters=6, kernel_size=(1, 4), alpha=0.5, dilation_rate=(1, 2))
    check_depthwise(x, kernel_size=(3, 2), dilation_rate=(2, 1))


# Small enough to check by eye.

NINE = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
FOUR = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
TWICE = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


@pytest.mark.parametrize(
    ("x", "alpha", "strides", "kernel", "outputs"),
    [
        (NINE, 0.5, 1, [[1, 10]], {"high": NINE[0, :, :, 0], "low": [[20, 35], [65, 80]]}),
        (NINE, 0.5, 2, [[1, 10]], {"high": [[2, 3.5], [6.5, 8]], "low": [[50]]}),
        ({"low": FOUR}, 0.0, 1, [[1]], {"high": TWICE}),
        ({"high": np.ones((1, 4, 4, 1)), "low": FOUR}, 0.0, 1, [[0], [1]], {"high": TWICE}),
        ({"high": NINE, "low": FOUR}, 0.0, 1, [[0], [1]], {"high": [[1, 1, 2], [1, 1, 2], [3, 3, 4]]}),
        ({"high": NINE, "low": FOUR}, 0.0, 1, [[1], [10]], {"high": [[10, 11, 22], [13, 14, 25], [36, 37, 48]]}),
        ({"high": NINE, "low": FOUR}, 1.0, 1, [[1], [10]], {"low": [[12, 23.5], [36.5, 48]]}),
        ({"high": NINE, "low": FOUR}, 0.0, 2, [[1], [10]], {"high": [[12, 23.5], [36.5, 48]]}),
        ({"high": NINE, "low": FOUR}, 1.0, 2, [[1], [10]], {"low": [[30]]}),
        ({"high": NINE, "low": FOUR}, 1.0, 4, [[1], [10]], {"low": [[30]]}),
        ({"high": NINE, "low": FOUR}, 0.0, 4, [[1], [10]], {"high": [[30]]}),
    ],
)
def test_by_hand(x, alpha, strides, kernel, outputs):
    kernel = np.array(kernel, "float32")
    layer = OctConv2D(kernel.shape[1], 1, strides, alpha=alpha, use_bias=False)
    layer(x)
    layer.set_weights([kernel[None, None]])
    y = bands(layer(x))
    assert set(y) == set(outputs)
    for band, output in outputs.items():
        np.testing.assert_array_equal(numpy(y[band]), np.reshape(output, (1, *np.shape(output)[-2:], 1)))


def test_bias_is_added_once_before_the_activation():
    x = {"high": NINE - 5, "low": FOUR}
    layer = OctConv2D(2, 1, alpha=0.5, activation="relu")
    layer(x)
    layer.set_weights([np.ones((1, 1, 2, 2)), np.array([1.0, -1.0])])
    y = numpy(layer(x))
    np.testing.assert_array_equal(y["high"][0, :, :, 0], [[0, 0, 0], [0, 1, 3], [5, 6, 8]])
    np.testing.assert_array_equal(y["low"][0, :, :, 0], [[0, 0], [3.5, 6]])


# What the variables are.


@pytest.mark.parametrize("groups", [1, 2])
@every_alpha
@every_split
def test_the_parameters_do_not_depend_on_alpha(split, alpha, groups):
    layer = fill(OctConv2D(8, 3, alpha=alpha, groups=groups), feature_map(1, 4, 4, *split))
    assert tuple(layer.kernel.shape) == (3, 3, sum(split) // groups, 8)
    assert tuple(layer.bias.shape) == (8,)
    assert [id(v) for v in layer.weights] == [id(layer.kernel), id(layer.bias)]
    assert [v.name for v in layer.weights] == ["kernel", "bias"]
    assert len(fill(OctConv2D(8, 3, use_bias=False), feature_map(1, 4, 4, *split)).weights) == 1


@every_split
def test_depthwise_parameters(split):
    layer = fill(OctDepthwiseConv2D(3, depth_multiplier=2), feature_map(1, 4, 4, *split))
    plain = fill(keras.layers.DepthwiseConv2D(3, depth_multiplier=2), feature_map(1, 4, 4, sum(split)))
    assert [(v.name, tuple(v.shape)) for v in layer.weights] == [(v.name, tuple(v.shape)) for v in plain.weights]
    assert len(fill(OctDepthwiseConv2D(3, use_bias=False), feature_map(1, 4, 4, *split)).weights) == 1


@pytest.mark.parametrize(
    ("octave", "plain", "widths"),
    [
        (OctConv2D, keras.layers.Conv2D, {"filters": 6}),
        (OctConv2D, keras.layers.Conv2D, {"filters": 6, "groups": 2}),
        (OctDepthwiseConv2D, keras.layers.DepthwiseConv2D, {}),
        (OctDepthwiseConv2D, keras.layers.DepthwiseConv2D, {"depth_multiplier": 2}),
    ],
)
@pytest.mark.parametrize("config", [{"kernel_size": 3}, {"kernel_size": 2, "dilation_rate": 2, "activation": "relu"}])
def test_without_a_low_band_is_a_plain_convolution(octave, plain, widths, config):
    x = feature_map(2, 5, 6, 4)
    alpha = {"alpha": 0} if octave is OctConv2D else {}
    layer = fill(octave(**widths, **config, **alpha), x)
    plain = plain(padding="same", **widths, **config)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    assert_close(layer(x), numpy(plain(x)), 1e-6)


# What only TensorFlow can get wrong.


@pytest.mark.long
@on_tensorflow
@every_layer
def test_export(make, tmp_path):
    x = inputs(4, 2)
    model = randomise(keras.Model(x, make(strides=2)(x)))
    check_export(model, [feature_map(n, n + 4, 7 - n, 4, 2) for n in (1, 2)], tmp_path)


@on_tensorflow
def test_export_of_a_net(tmp_path):
    check_export(randomise(octave_net()), [feature_map(n, n + 4, 7 - n, 3) for n in (1, 2)], tmp_path)
