"""The multiply-accumulates (MACs) of a call: one rule for each class of layers."""

import functools
import math

import keras

from keras_effconv.counting.calls import elements, positions, shapes_in
from keras_effconv.feature_maps import bands
from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.layers.octaves import DEPTH

# Sums, comparisons and moves of data: no multiply-accumulates worth a name, and no weights that multiply.
FREE_OPERATIONS = frozenset(
    """abs add amax argmax cast clip concatenate divide expand_dims flip gelu get_item leaky_relu log_softmax max
    maximum mean min minimum multiply negative pad permute power relu relu6 reshape resize round sigmoid silu softmax
    split sqrt square squeeze stack subtract sum swish tanh transpose true_divide""".split()  # noqa: SIM905, one word each
)
BUSY_WITHOUT_WEIGHTS = ("Dot", "Attention", "AdditiveAttention", "Lambda", "TFSMLayer", "TorchModuleWrapper")
WEIGHTS_WITHOUT_MACS = (
    keras.layers.BatchNormalization,
    keras.layers.Embedding,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.UnitNormalization,
)


@functools.singledispatch
def macs_of(operation, call):
    """Count the multiply-accumulates of one call. `macs_of.register` adds a rule for a class of layers.

    Args:
        operation: `keras.Operation`, a layer or another operation.
        call: `Call`, the shapes that it reads and writes.

    Returns:
        (counted, executed), a pair of ints; (None, None) if no rule is known.
    """
    if isinstance(operation, keras.Model):
        return None, None
    if not isinstance(operation, keras.layers.Layer):
        name = type(operation).__name__
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        return (0, 0) if snake in FREE_OPERATIONS else (None, None)
    if isinstance(operation, WEIGHTS_WITHOUT_MACS):
        return 0, 0
    ours = type(operation).__module__.startswith(("keras.", "keras_effconv."))
    free = ours and not operation.weights and type(operation).__name__ not in BUSY_WITHOUT_WEIGHTS
    return (0, 0) if free else (None, None)


def same(macs):
    """Return (counted, executed) of a layer that computes its definition and no more."""
    return macs, macs


@macs_of.register(keras.layers.Conv1D)
@macs_of.register(keras.layers.Conv2D)
@macs_of.register(keras.layers.Conv3D)
@macs_of.register(keras.layers.DepthwiseConv1D)
@macs_of.register(keras.layers.DepthwiseConv2D)
def _(layer, call):
    return same(positions(call.outputs, layer.data_format) * math.prod(layer.kernel.shape))


@macs_of.register(keras.layers.Conv1DTranspose)
@macs_of.register(keras.layers.Conv2DTranspose)
@macs_of.register(keras.layers.Conv3DTranspose)
def _(layer, call):
    """Each pixel that is read meets the whole kernel."""
    return same(positions(call.inputs, layer.data_format) * math.prod(layer.kernel.shape))


@macs_of.register(keras.layers.SeparableConv1D)
@macs_of.register(keras.layers.SeparableConv2D)
def _(layer, call):
    weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
    return same(positions(call.outputs, layer.data_format) * weights)


@macs_of.register
def _(layer: keras.layers.Dense, call):
    return same(positions(call.outputs) * math.prod(layer.kernel.shape))


@macs_of.register
def _(layer: keras.layers.EinsumDense, call):
    """Each output number is a sum over the letters that the equation drops."""
    kernel = layer.equation.replace(" ", "").split("->")[0].split(",")[1]
    written = layer.equation.split("->")[1].strip()
    sizes = dict(zip(kernel, layer.kernel.shape))
    return same(elements(call.outputs) * math.prod(sizes[letter] for letter in kernel if letter not in written))


@macs_of.register
def _(layer: HetConv2D, call):
    return positions(call.outputs) * layer.weights_per_position, positions(call.outputs) * layer.weights_executed


@macs_of.register
def _(layer: OctConv2D, call):
    """Each path at the size at which it is convolved: before up-sampling, after pooling."""
    read, window, macs = bands(call.inputs), math.prod(layer.kernel_size), 0
    for write, shape in bands(call.outputs).items():
        for band, channels in layer.read.items():
            up = DEPTH[write] - DEPTH[band] + layer.octaves < 0
            size = positions(read[band] if up else shape)
            macs += size * window * channels // layer.groups * shape[-1]
    return same(macs)


@macs_of.register
def _(layer: OctDepthwiseConv2D, call):
    return same(math.prod(layer.kernel_size) * sum(map(elements, shapes_in(call.outputs))))
