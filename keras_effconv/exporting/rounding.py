"""Kernels that int8 holds exactly, and that compute what the float ones do on typical images.

A converter rounds each weight to the nearest level. Here the weights that are not rounded yet make up for those that
are, as in GPTQ (https://arxiv.org/abs/2210.17323): what a layer writes changes less, since its inputs go together.
"""

import collections
import contextlib
import itertools
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from keras_effconv.graph import walk
from keras_effconv.utils.spread import evenly

IMAGES, BATCH = 128, 4
ROWS = 2048  # positions of a batch that are looked at
INPUTS = 2400  # above which a sum has so many terms that rounding errors cancel out, and the matrix is large
DAMPING = 0.01  # of the mean of the diagonal


class Kernel(NamedTuple):
    """A kernel as matrices, each with inputs of its own: one, or of a depthwise convolution one for each channel.

    Attributes:
        layer: str, its name.
        variable: of the layer, whose last axes but one and two are that of the inputs' channels and of the outputs.
        moments: array (groups, inputs, inputs), means of products of inputs.
    """

    layer: str
    variable: keras.Variable
    moments: np.ndarray

    def matrices(self, value):
        """Arrange the kernel as an array (groups, inputs, outputs)."""
        groups, inputs, _ = self.moments.shape
        return value.reshape(inputs, groups, -1).swapaxes(0, 1)

    def assign(self, matrices):
        """Set the variable to what an array (groups, inputs, outputs) has."""
        self.variable.assign(matrices.swapaxes(0, 1).reshape(self.variable.shape))


@contextlib.contextmanager
def rounded_kernels(kernels, levels, kept=()):
    """Let a model have rounded kernels for the length of a block.

    Args:
        kernels: list of `Kernel`, of `kernels_of`.
        levels: pair of floats, of a depthwise convolution the second: the largest weight of an output channel over the
            step between two levels. Which level that weight has is left to the converter.
        kept: collection of str, layers whose kernels stay as they are. Default: none.
    """
    kernels = [kernel for kernel in kernels if kernel.layer not in kept]
    before = [ops.convert_to_numpy(kernel.variable) for kernel in kernels]
    try:
        for kernel, value in zip(kernels, before):
            own = levels[len(kernel.moments) > 1]
            kernel.assign(rounded(kernel.matrices(value), kernel.moments, own))
        yield
    finally:
        for kernel, value in zip(kernels, before):
            kernel.variable.assign(value)


def rounded(matrices, moments, levels):
    """Round matrices to the levels of each column, one row after another; later rows make up for the error.

    Args:
        matrices: array (groups, inputs, outputs).
        moments: array (groups, inputs, inputs).
        levels: float, the largest of a column over its step.

    Returns:
        array (groups, inputs, outputs), float32.

    Example:

    >>> # All inputs are always equal, so the sum of the weights counts.
    >>> rounded(np.array([[[1.0], [0.3], [0.3]]]), np.ones((1, 3, 3)), 2).ravel().tolist()
    [1.0, 0.5, 0.0]
    """
    left = np.array(matrices, "float64")
    largest = np.abs(left).max(1, keepdims=True)
    step = np.maximum(largest, np.finfo("float32").tiny) / levels
    fixed = np.abs(left) >= largest  # the steps that a converter chooses depend on these
    diagonal = np.einsum("gii->gi", moments)
    damped = moments + np.eye(moments.shape[1]) * (DAMPING * diagonal.mean(1) + 1e-12)[:, None, None]
    factors = np.linalg.cholesky(np.linalg.inv(damped)).swapaxes(1, 2)
    limit = np.floor(levels)
    for row in range(left.shape[1]):
        levelled = np.clip(np.round(left[:, row] / step[:, 0]), -limit, limit) * step[:, 0]
        value = np.where(fixed[:, row], matrices[:, row], levelled)
        error = (left[:, row] - value) / factors[:, row, row, None]
        left[:, row] = value
        left[:, row + 1 :] -= factors[:, row, row + 1 :, None] * error[:, None]
    return left.astype("float32")


def kernels_of(model, images):
    """Return the `Kernel` of each plain convolution and dense layer that is called once: list.

    Args:
        model: `keras.Model` with a functional graph.
        images: array of typical images, of which some are looked at.
    """
    images = images[evenly(len(images), IMAGES)]
    sums, calls, batches = {}, collections.Counter(), range(0, len(images), BATCH)

    def visit(name, operation, args, kwargs):
        inputs_of = INPUTS_OF.get(type(operation))
        if inputs_of is not None and np.prod(operation.kernel.shape[:-1]) <= INPUTS:
            inputs = inputs_of(operation, args[0])
            if inputs is not None:
                calls[operation.name] += 1
                moments = np.einsum("ngi,ngj->gij", inputs, inputs, optimize=True) / len(inputs)
                sums[operation.name] = operation, moments + sums.get(operation.name, (None, 0.0))[1]
        return operation(*args, **kwargs)

    for start in batches:
        walk(model, ops.convert_to_tensor(images[start : start + BATCH], "float32"), visit)
    return [Kernel(name, layer.kernel, found) for name, (layer, found) in sums.items() if calls[name] == len(batches)]


def _some(rows):
    """Return some rows of an array, evenly spread."""
    return rows[:: max(1, len(rows) // ROWS)]


def _of_convolution(layer, x):
    """Return the inputs of some positions: array (n, groups, inputs); `None` for other groups than one or all."""
    groups = x.shape[-1] if isinstance(layer, layers.DepthwiseConv2D) else getattr(layer, "groups", 1)
    if groups not in (1, x.shape[-1]) or layer.data_format != "channels_last" or layer.kernel.shape[-2] != x.shape[-1]:
        return None
    x, starts, counts = _padded(layer, ops.convert_to_numpy(x))
    taps = []
    for y, z in itertools.product(*starts):
        (rows, columns), (down, right) = counts, layer.strides
        taps.append(x[:, y : y + rows * down : down, z : z + columns * right : right])
    taps = [_some(each.reshape(-1, each.shape[-1])) for each in taps]
    inputs = np.stack(taps, 1)  # (n, taps, channels)
    return inputs.swapaxes(1, 2) if groups > 1 else inputs.reshape(len(inputs), 1, -1)


def _padded(layer, x):
    """Return maps with their padding, where the taps of the kernel start, and how many steps there are, by axis."""
    pads, starts, counts = [(0, 0)], [], []
    for n, size, stride, rate in zip(x.shape[1:3], layer.kernel_size, layer.strides, layer.dilation_rate):
        reach = rate * (size - 1) + 1
        lacking = max((-(-n // stride) - 1) * stride + reach - n, 0) if layer.padding == "same" else 0
        pads.append((lacking // 2, lacking - lacking // 2))
        starts.append(range(0, reach, rate))
        counts.append((n + lacking - reach) // stride + 1)
    return np.pad(x, [*pads, (0, 0)]), starts, counts


def _of_dense(layer, x):
    return _some(ops.convert_to_numpy(ops.reshape(x, (-1, x.shape[-1]))))[:, None, :]


INPUTS_OF = {layers.Conv2D: _of_convolution, layers.DepthwiseConv2D: _of_convolution, layers.Dense: _of_dense}
