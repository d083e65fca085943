"""The kernel of each class of convolution as blocks: which filters share the rows that they see, and their weights."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from keras import layers

from keras_effconv.inference.kernels import array
from keras_effconv.layers import GroupConv2D, HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.policies import assign


class Block(NamedTuple):
    """Filters that see the same entries of a window.

    Attributes:
        rows: array of ints, entries of a window (k * k * c), rows of the kernel first.
        filters: array of ints, of the layer's filters.
        weights: array (rows, filters).
    """

    rows: np.ndarray
    filters: np.ndarray
    weights: np.ndarray


class Form(NamedTuple):
    """How a class of layers holds its kernel.

    Attributes:
        blocks: callable (layer, filters) -> iterator of `Block`; `filters` are a slice, those of a band.
        write: callable (layer, list of `Block`).
        is_mixed: bool; whether a filter sees channels of all bands, not of its own alone. Default `True`.
    """

    blocks: Callable[..., Iterator[Block]]
    write: Callable
    is_mixed: bool = True


def _dense_blocks(layer, filters):
    kernel = array(layer.kernel)
    flat = kernel.reshape(-1, kernel.shape[-1])
    yield Block(np.arange(len(flat)), np.arange(flat.shape[-1])[filters], flat[:, filters])


def _write_dense(layer, blocks):
    kernel = array(layer.kernel)
    flat = kernel.reshape(-1, kernel.shape[-1])  # a view
    for block in blocks:
        flat[:, block.filters] = block.weights
    assign(layer.kernel, kernel)


def _het_blocks(layer, filters):
    del filters  # it writes one band
    held = layer.packing.held(layer.kernel_size)
    kernel = array(layer.dense_kernel()).reshape(held.shape)
    patterns, group = np.unique(held, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        rows, columns = np.flatnonzero(pattern), np.flatnonzero(group.ravel() == number)
        yield Block(rows, columns, kernel[np.ix_(rows, columns)])


def _write_het(layer, blocks):
    dense = array(layer.dense_kernel())
    flat = dense.reshape(-1, layer.filters)
    for block in blocks:
        flat[np.ix_(block.rows, block.filters)] = block.weights
    for variable, value in zip((layer.kernel, layer.pointwise_kernel), layer.cut(dense, pointwise="center")):
        if variable is not None:
            assign(variable, value)


def _grouped_blocks(layer, filters):
    kernel, groups = array(layer.kernel), layer.groups
    flat = kernel.reshape(-1, kernel.shape[-1])
    read = list(getattr(layer, "read", {"high": kernel.shape[2] * groups}).values())
    starts = np.cumsum([0, *read[:-1]])
    taps = np.arange(kernel.shape[0] * kernel.shape[1])[:, None] * sum(read)
    for number, columns in enumerate(np.split(np.arange(flat.shape[-1])[filters], groups)):
        seen = [start + number * (count // groups) + np.arange(count // groups) for start, count in zip(starts, read)]
        yield Block((taps + np.concatenate(seen)).ravel(), columns, flat[:, columns])


def _depthwise_blocks(layer, filters):
    kernel = array(layer.kernel)
    multiplier = kernel.shape[-1]
    channels = np.arange(kernel.shape[2])[filters.start // multiplier : filters.stop // multiplier]
    entries = np.arange(kernel.shape[0] * kernel.shape[1]) * len(channels)
    for number, channel in enumerate(channels):
        columns = channel * multiplier + np.arange(multiplier)
        yield Block(entries + number, columns, kernel[:, :, channel].reshape(-1, multiplier))


def _write_depthwise(layer, blocks):
    kernel = array(layer.kernel)
    for block in blocks:
        channel = block.filters[0] // kernel.shape[-1]
        kernel[:, :, channel] = block.weights.reshape(*kernel.shape[:2], -1)
    assign(layer.kernel, kernel)


def _plain_blocks(layer, filters):
    return (_dense_blocks if layer.groups == 1 else _grouped_blocks)(layer, filters)


# By exact class: a subclass may compute something else.
FORMS = {
    layers.Conv2D: Form(_plain_blocks, _write_dense),
    GroupConv2D: Form(_plain_blocks, _write_dense),
    layers.DepthwiseConv2D: Form(_depthwise_blocks, _write_depthwise),
    HetConv2D: Form(_het_blocks, _write_het),
    OctConv2D: Form(_plain_blocks, _write_dense),
    OctDepthwiseConv2D: Form(_depthwise_blocks, _write_depthwise, is_mixed=False),
}
