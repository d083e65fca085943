"""What the kernels of HetConv2D are: which filter meets which channel, and the plain convolution they equal."""

import itertools
import math

import keras
import numpy as np
import pytest
from het_cases import WIDTHS, every_execution, every_layout, every_width
from reference import assert_close, feature_map, fill, het_meets, het_parameters, het_support, numpy

from keras_effconv.layers import HetConv2D


@pytest.mark.parametrize(
    ("layout", "parts", "table"),
    [
        ("grouped", 2, ["110", "110", "110", "001", "001"]),
        ("grouped", 3, ["100", "100", "010", "010", "001"]),
        ("grouped", 4, ["100", "100", "010", "001", "000"]),
        ("shifted", 2, ["101", "010", "101", "010", "101"]),
        ("shifted", 3, ["100", "010", "001", "100", "010"]),
        ("shifted", 4, ["100", "010", "001", "000", "100"]),
    ],
)
def test_who_meets_whom(layout, parts, table):
    layer = fill(HetConv2D(3, 3, parts=parts, layout=layout), feature_map(1, 3, 3, 5))
    corner = numpy(layer.dense_kernel())[0, 0]
    assert ["".join("01"[int(weight != 0)] for weight in row) for row in corner] == table


@every_layout
@pytest.mark.parametrize(
    ("kernel_size", "widths"), [(3, widths) for widths in WIDTHS] + [(k, (5, 7, 3)) for k in (1, 2, 5, (2, 3))]
)
def test_each_parameter_stands_once_in_the_dense_kernel(kernel_size, widths, layout):
    case = kernel_size, *widths, layout
    channels, filters, parts = widths
    layer = fill(HetConv2D(filters, kernel_size, parts=parts, layout=layout), feature_map(1, 5, 5, channels))
    sizes = [w.size for w in layer.get_weights()[:-1]]
    assert layer.count_params() - filters == sum(sizes) == het_parameters(*case)

    numbers = np.split(1 + np.arange(sum(sizes), dtype="float32"), np.cumsum(sizes))
    *kernels, bias = layer.get_weights()
    layer.set_weights([n.reshape(w.shape) for n, w in zip(numbers, kernels, strict=False)] + [bias])
    dense, support = numpy(layer.dense_kernel()), het_support(*case)
    assert dense.shape == support.shape
    assert not dense[~support].any()
    assert sorted(dense[support]) == list(range(1, sum(sizes) + 1))


@every_layout
def test_share_of_the_parameters(layout):
    """The paper's R = 1 / P + (1 - 1 / P) / k^2."""
    layer = fill(HetConv2D(16, 3, parts=4, layout=layout, use_bias=False), feature_map(1, 3, 3, 8))
    assert layer.count_params() == 3 * 3 * 8 * 16 * (1 / 4 + (1 - 1 / 4) / 9)


@pytest.mark.grid
@every_execution
@every_layout
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (3, 1), (1, 2)])
def test_one_part_is_a_plain_convolution(strides, dilation_rate, padding, layout, execution):
    x = feature_map(2, 8, 7, 3)
    config = {"strides": strides, "dilation_rate": dilation_rate, "padding": padding, "activation": "relu"}
    layer = fill(HetConv2D(4, 3, parts=1, layout=layout, execution=execution, **config), x)
    plain = fill(keras.layers.Conv2D(4, 3, **config), x)
    plain.set_weights([layer.dense_kernel(), layer.bias])
    assert layer.count_params() == plain.count_params()
    assert_close(layer(x), numpy(plain(x)))


def test_weights():
    layer = fill(HetConv2D(6, 3, parts=2), feature_map(1, 4, 4, 4))
    assert [id(v) for v in layer.weights] == [id(layer.kernel), id(layer.pointwise_kernel), id(layer.bias)]
    assert [v.name for v in layer.weights] == ["kernel", "pointwise_kernel", "bias"]
    assert len(layer.trainable_weights) == 3
    assert len(fill(HetConv2D(6, 3, parts=2, use_bias=False), feature_map(1, 4, 4, 4)).weights) == 2


@every_layout
@every_width
def test_initial_weights(channels, filters, parts, layout):
    layer = HetConv2D(filters, 3, parts=parts, layout=layout)
    layer.build((None, None, None, channels))
    dense = numpy(layer.dense_kernel())
    assert np.isfinite(dense).all()
    np.testing.assert_array_equal(dense != 0, het_support(3, channels, filters, parts, layout))


@pytest.mark.grid
@every_layout
@pytest.mark.parametrize("kernel_size", [3, (5, 3), 4])
@pytest.mark.parametrize(("pointwise", "neighbours"), [("center", 0.0), ("sum", 1.0), ("correlated", 0.5)])
def test_what_it_keeps_of_a_plain_kernel(layout, kernel_size, pointwise, neighbours):
    """The kernels of its part; elsewhere each tap counts as much as its pixel correlates with the one in the middle."""
    channels, filters, parts = 5, 7, 3
    layer = HetConv2D(filters, kernel_size, parts=parts, layout=layout)
    layer.build((None, None, None, channels))
    plain = np.random.default_rng(0).normal(size=(*layer.kernel_size, channels, filters))
    wide, narrow = layer.cut(plain, pointwise=pointwise)
    layer.kernel.assign(wide)
    layer.pointwise_kernel.assign(narrow)
    height, width = layer.kernel_size
    middle = ((height - 1) // 2, (width - 1) // 2)
    meets = het_meets(channels, filters, parts, layout)
    for c, n in itertools.product(range(channels), range(filters)):
        kept = plain[:, :, c, n].copy()
        if not meets[c, n]:
            taps = np.ndindex(height, width)
            total = sum(neighbours ** math.dist(tap, middle) * plain[(*tap, c, n)] for tap in taps)
            kept = np.zeros_like(kept)
            kept[middle] = total
        np.testing.assert_allclose(numpy(layer.dense_kernel())[:, :, c, n], kept, rtol=1e-5, atol=1e-6)
