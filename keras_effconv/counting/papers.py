"""The papers' ways to count parameters and FLOPs. One FLOP is one multiply-accumulate in all of them."""

import math
from typing import NamedTuple

import keras

from keras_effconv.architecture import GATE, Block
from keras_effconv.counting.calls import elements, positions
from keras_effconv.feature_maps import bands
from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D, SamePadding2D
from keras_effconv.layers.octaves import DEPTH
from keras_effconv.network_info import info_of


class PaperCount(NamedTuple):
    """Parameters and FLOPs as a paper counts them."""

    params: int
    flops: int


def mac(counts):
    """Count as for EfficientNet B0-B7: trainable parameters; multiply-accumulates and nothing else."""
    return PaperCount(counts.trainable_params, counts.macs)


def keras_total(counts):
    """Count as for EfficientNet's comparison models: all variables; multiply-accumulates."""
    return PaperCount(counts.params, counts.macs)


def without_classifier(counts):
    """Count as for HetConv's ResNet-50: all variables; multiply-accumulates without those of the last dense layer."""
    return PaperCount(counts.params, counts.macs - (counts.layers[-1].macs if _ends_dense(counts) else 0))


def calflops(counts):
    """Count as OctConv, symbol API: trainable parameters; MACs, biases, pooling and the inputs of each ReLU.

    What the authors' counter CalFlops sees. Their networks are pre-activated: each convolution of a residual block
    reads through a ReLU of its own, the projection too. Strides behind octaves are pooling everywhere.
    """
    inside, outside = _by_block(counts)
    relu = sum(_inputs_of(call, _is_conv) - _added_by_padding(call) for call in inside)
    relu += sum(_inputs_of(call, _is_relu) for call in outside)
    relu += sum(_inputs_of(call, _is_global_pooling) for call in counts.calls if not _gates(call))
    return PaperCount(counts.trainable_params, counts.macs + relu + _biases(counts) + _pooling(counts, window=2))


def calflops_gluon(counts):
    """Count as OctConv, MobileNets and ResNet-152: as `calflops`, whose counter misses most activations of Gluon.

    Of the ReLUs it sees those of the stem (not ReLU6, which is a clip), and not the pooling of MobileNet's head. High
    to low at stride 2 is one 4 x 4 pool there.
    """
    stem = Block("stem", _architecture(counts).stem)
    relu = sum(_inputs_of(call, _is_relu) for call in counts.calls if stem.holds(_own_name(call)))
    return PaperCount(counts.trainable_params, counts.macs + relu + _biases(counts) + _pooling(counts, window=4))


def _inputs_of(call, matches):
    return elements(call.inputs) if matches(call.operation) else 0


def _added_by_padding(call):
    padding = isinstance(call.operation, (keras.layers.ZeroPadding2D, SamePadding2D))
    return elements(call.outputs) - elements(call.inputs) if padding else 0


def _architecture(counts):
    return info_of(counts.model).architecture


def _own_name(call):
    """Return the name of a call's operation without those of the models that it is nested in."""
    return call.name.rpartition("/")[2]


def _by_block(counts):
    """Return the calls inside of the network's blocks, and the others."""
    blocks, sorted_calls = _architecture(counts).blocks, ([], [])
    for call in counts.calls:
        sorted_calls[not any(block.holds(_own_name(call)) for block in blocks)].append(call)
    return sorted_calls


def _gates(call):
    """Return whether the call is part of squeeze-and-excite."""
    return f"_{GATE}" in call.name


CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, HetConv2D, OctConv2D, OctDepthwiseConv2D)


def _is_conv(layer):
    return isinstance(layer, CONVOLUTIONS)


def _is_relu(layer):
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None  # ReLU6 is a clip
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.relu


def _is_global_pooling(layer):
    return isinstance(layer, (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D))


def _biases(counts):
    biased = (
        call for call in counts.calls if _is_conv(call.operation) or isinstance(call.operation, keras.layers.Dense)
    )
    return sum(elements(call.outputs) for call in biased if call.operation.use_bias)


def _pooling(counts, window):
    """Count the window's operations for each number that is written; for global pooling the numbers that are read."""
    octaves = any(isinstance(call.operation, (OctConv2D, OctDepthwiseConv2D)) for call in counts.calls)
    inside, total = {id(call) for call in _by_block(counts)[0]}, 0
    for call in counts.calls:
        layer = call.operation
        if isinstance(layer, (OctConv2D, OctDepthwiseConv2D)):
            total += _octave_pooling(layer, call, window)
        elif octaves and _is_conv(layer) and id(call) in inside and max(layer.strides) > 1:
            total += 4 * positions(call.outputs) * call.inputs[-1]
        elif isinstance(layer, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
            total += elements(call.outputs) * math.prod(layer.pool_size)
        elif _is_global_pooling(layer) and not layer.keepdims and not _gates(call):
            total += elements(call.inputs)
    return total


def _octave_pooling(layer, call, window):
    """Count the pools inside an octave convolution, each map once; a map's second halving takes `window` x `window`."""
    written = bands(call.outputs)
    total = 0
    for read, shape in bands(call.inputs).items():
        levels = layer.octaves
        if isinstance(layer, OctConv2D):
            levels = max(DEPTH[write] - DEPTH[read] + layer.octaves for write in written)
        sizes = shape[1:3]
        for level in range(levels):
            sizes = [math.ceil(side / 2) for side in sizes]
            total += (window if level else 2) ** 2 * math.prod(sizes) * shape[-1]
    return total


def hetconv(counts, parts=None):
    """Count as HetConv, VGG-16 on CIFAR-10: a layer's finished cost, with bias and normalization, times R(P).

    R(P) = 1 / P + (1 - 1 / P) / 9. A convolution costs its MACs and one operation per number written, a squeeze-and-
    excite layer its MACs, biases and scaling, and the last dense layer is left out if a layer is a HetConv. Params
    are all variables, those of HetConv and of the normalization behind it times R(P).

    Args:
        counts: `ModelCount`.
        parts: callable layer -> P, if the formula's P is not the layer's. The "PC" row takes the filters.
    """
    parts = parts or (lambda layer: layer.parts)
    het = [call.operation for call in counts.calls if isinstance(call.operation, HetConv2D)]
    left_out = counts.layers[-1] if any(parts(layer) > 1 for layer in het) and _ends_dense(counts) else None
    params, flops = 0.0, 0.0
    for call in counts.calls:
        layer, ratio = call.operation, 1.0
        if left_out is not None and call.name == left_out.name:
            continue
        owner = next((o for o in (layer, *call.before) if isinstance(o, HetConv2D)), None)
        if isinstance(layer, (HetConv2D, keras.layers.BatchNormalization)) and owner is not None:
            ratio = 1 / parts(owner) + (1 - 1 / parts(owner)) / math.prod(owner.kernel_size)
        params += ratio * _dense_params(layer)
        flops += ratio * _formula_flops(layer, call)
    return PaperCount(round(params), round(flops))


def _dense_params(layer):
    if isinstance(layer, HetConv2D):
        bias = layer.filters if layer.use_bias else 0
        return math.prod(layer.kernel_size) * layer.channels * layer.filters + bias
    return sum(math.prod(v.shape) for v in getattr(layer, "weights", []))


def _formula_flops(layer, call):
    if isinstance(layer, keras.layers.Multiply):
        return elements(call.outputs)
    if isinstance(layer, HetConv2D):
        return positions(call.outputs) * (math.prod(layer.kernel_size) * layer.channels + 1) * layer.filters
    if isinstance(layer, keras.layers.Dense):
        return math.prod(layer.kernel.shape) + layer.units
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        wide = math.prod(layer.kernel_size) > 1
        return positions(call.outputs) * math.prod(layer.kernel.shape) + (
            elements(call.outputs) if wide or layer.use_bias else 0
        )
    return 0


def _ends_dense(counts):
    return counts.layers[-1].kind == "Dense"


CONVENTIONS = {
    "mac": mac,
    "keras": keras_total,
    "without classifier": without_classifier,
    "calflops": calflops,
    "calflops gluon": calflops_gluon,
    "hetconv": hetconv,
}
