"""The packed kernels of HetConv2D without a layer: back to the dense kernel, and the parts that shapes allow."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import feature_map, fill, het_support, numpy

from keras_effconv.layers import HetConv2D
from keras_effconv.layers.het_parts import Packing, dense_from, parts_of

layouts = st.sampled_from(["grouped", "shifted"])
kernel_sizes = st.sampled_from([(1, 1), (2, 2), (3, 3), (5, 3)])
counts = st.integers(1, 12)


def arrays_of(layer):
    """The layer's kernels as it holds them."""
    narrow = layer.pointwise_kernel
    return numpy(layer.kernel), None if narrow is None else numpy(narrow)


@given(kernel_sizes, counts, counts, st.integers(1, 14), layouts)
def test_it_is_the_inverse_of_cut(kernel_size, channels, filters, parts, layout):
    """Each weight comes back to its place, and nothing stands elsewhere."""
    dense = np.arange(1, 1 + math.prod(kernel_size) * channels * filters).reshape(*kernel_size, channels, filters)
    wide, narrow = Packing(channels, filters, parts, layout).cut(dense)
    again = dense_from(wide, narrow, parts, layout, channels, filters)
    assert again.dtype == dense.dtype
    support = het_support(kernel_size, channels, filters, parts, layout)
    np.testing.assert_array_equal(again, np.where(support, dense, 0))


@pytest.mark.parametrize("layout", ["grouped", "shifted"])
@pytest.mark.parametrize(("channels", "filters", "parts"), [(4, 6, 1), (4, 8, 4), (5, 7, 3), (3, 8, 5), (8, 3, 5)])
def test_it_is_the_layers_own_dense_kernel(channels, filters, parts, layout):
    layer = fill(HetConv2D(filters, 3, parts=parts, layout=layout), feature_map(1, 3, 3, channels))
    dense = dense_from(*arrays_of(layer), parts, layout, channels, filters)
    np.testing.assert_array_equal(dense, numpy(layer.dense_kernel()))


@given(kernel_sizes, counts, counts, st.integers(1, 14), layouts)
def test_the_true_parts_are_among_those_of_the_shapes(kernel_size, channels, filters, parts, layout):
    dense = np.zeros((*kernel_size, channels, filters))
    wide, narrow = Packing(channels, filters, parts, layout).cut(dense)
    for shape in {narrow.shape, narrow.shape if narrow.size else None}:
        listed = parts_of(wide.shape, shape, channels, filters)
        assert min(parts, max(channels, filters)) in listed
    assert sorted(set(listed)) == listed
    for each in listed:
        assert [array.shape for array in Packing(channels, filters, each, layout).cut(dense)] == [
            wide.shape,
            narrow.shape,
        ]


def test_parts_that_divide_channels_and_filters_are_the_only_ones():
    for channels, filters in np.ndindex(24, 24):
        channels, filters = channels + 1, filters + 1
        for parts in range(1, 1 + min(channels, filters)):
            if channels % parts == filters % parts == 0:
                shapes = Packing(channels, filters, parts).shapes((3, 3))
                assert parts_of(*shapes, channels, filters) == [parts]


@pytest.mark.parametrize("layout", ["grouped", "shifted"])
def test_more_parts_than_channels_and_filters_are_the_same_layer(layout):
    most, more = Packing(3, 5, 5, layout), Packing(3, 5, 8, layout)
    dense = np.arange(3 * 3 * 3 * 5).reshape(3, 3, 3, 5)
    for a, b in zip(most.cut(dense), more.cut(dense), strict=True):
        np.testing.assert_array_equal(a, b)


def test_shapes_of_no_such_layer():
    assert parts_of((3, 3, 2, 8), (7, 8), channels=8, filters=8) == []
    assert parts_of((3, 3), None, channels=8, filters=8) == []
    with pytest.raises(ValueError, match=r"`kernel` and `pointwise` must have the shapes .*Received: shapes") as error:
        dense_from(np.zeros((3, 3, 2, 8)), np.zeros((6, 8)), parts=2, layout="grouped", channels=8, filters=8)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"`layout` must be one of .*Received: layout='diagonal'"):
        dense_from(np.zeros((3, 3, 2, 8)), np.zeros((6, 8)), parts=4, layout="diagonal", channels=8, filters=8)
    with pytest.raises(ValueError, match=r"`kernel` and `pointwise` must have"):
        dense_from(np.zeros((3, 3, 2, 8)), None, parts=4, layout="grouped", channels=8, filters=8)
