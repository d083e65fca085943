"""How each class of convolution holds its kernel, so that filters and channels can be scaled."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from keras_effconv.layers import GroupConv2D, HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.policies import assign


class Form(NamedTuple):
    """A kernel as an array whose last axis is the filters, in the order of the output's channels.

    Attributes:
        read: callable (layer) -> array.
        write: callable (built layer, array).
        along_rows: callable (vector over the input's channels, array) -> factor of the array that scales its input
            channels. Default `None`: they cannot be scaled.
    """

    read: Callable
    write: Callable
    along_rows: Callable | None = None


def array(variable):
    """Return a variable or tensor as a float64 array."""
    tensor = keras.ops.convert_to_tensor(variable)
    if keras.backend.standardize_dtype(tensor.dtype) != "float64":
        tensor = keras.ops.cast(tensor, "float32")  # NumPy has no bfloat16
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def bias_of(layer, filters):
    """Return a layer's bias as an array; zeros if it has none."""
    return np.zeros(filters) if layer.bias is None else array(layer.bias)


def rows(vector, kernel):
    """Return a factor of (..., M, N), which has a row for each channel."""
    del kernel
    return vector[:, None]


def repeated(vector, kernel):
    """Return a factor of (k, k, C * m), which has m columns for each channel."""
    return np.repeat(vector, kernel.shape[-1] // len(vector))


def _flat(kernel):
    return kernel.reshape(*kernel.shape[:-2], -1)


def write_het(layer, dense, pointwise="center"):
    """Give a `HetConv2D` the nearest of a dense kernel; `pointwise` is as of its `cut`."""
    wide, narrow = layer.cut(dense, pointwise)
    assign(layer.kernel, wide)
    if layer.pointwise_kernel is not None:
        assign(layer.pointwise_kernel, narrow)


DENSE = Form(lambda layer: array(layer.kernel), lambda layer, kernel: assign(layer.kernel, kernel), rows)
GROUPED = DENSE._replace(along_rows=None)
DEPTHWISE = Form(
    lambda layer: _flat(array(layer.kernel)),
    lambda layer, kernel: assign(layer.kernel, kernel.reshape(layer.kernel.shape)),
    repeated,
)
TRANSPOSED = Form(
    lambda layer: np.swapaxes(array(layer.kernel), -1, -2),
    lambda layer, kernel: assign(layer.kernel, np.swapaxes(kernel, -1, -2)),
)
SEPARABLE = Form(
    lambda layer: array(layer.pointwise_kernel), lambda layer, kernel: assign(layer.pointwise_kernel, kernel)
)
HET = Form(lambda layer: array(layer.dense_kernel()), write_het, rows)

# By exact class: a subclass may compute something else.
FORMS = {
    layers.Dense: DENSE,
    layers.Conv1D: DENSE,
    layers.Conv2D: DENSE,
    layers.Conv3D: DENSE,
    layers.DepthwiseConv1D: DEPTHWISE,
    layers.DepthwiseConv2D: DEPTHWISE,
    layers.SeparableConv1D: SEPARABLE,
    layers.SeparableConv2D: SEPARABLE,
    layers.Conv1DTranspose: TRANSPOSED,
    layers.Conv2DTranspose: TRANSPOSED,
    layers.Conv3DTranspose: TRANSPOSED,
    GroupConv2D: GROUPED,
    HetConv2D: HET,
    OctConv2D: GROUPED,
    OctDepthwiseConv2D: DEPTHWISE._replace(along_rows=None),
}


def scale_filters(scale, offset, first=0):
    """Return the edit that multiplies filters `first`, `first + 1`, ... and adds to their outputs."""
    columns = slice(first, first + len(scale))

    def edit(kernel, bias):
        kernel[..., columns] *= scale
        bias[columns] = bias[columns] * scale + offset
        return kernel, bias

    return edit


def scale_channels(scale, offset, along_rows):
    """Return the edit that multiplies input channels and adds to them. An offset needs one without padding."""

    def edit(kernel, bias):
        shift = kernel * along_rows(offset, kernel)
        kernel = kernel * along_rows(scale, kernel)
        return kernel, bias + shift.reshape(-1, shift.shape[-1]).sum(0)

    return edit
