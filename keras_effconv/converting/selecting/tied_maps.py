"""The convolutions of a network that may become others, and which maps have one low band: those that sums tie."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
from keras import layers

from keras_effconv.converting.rewriting.conv_rules import PADDINGS
from keras_effconv.converting.rewriting.survey import image_values
from keras_effconv.converting.selecting.timing import DENSE, Candidate, LayerCall
from keras_effconv.feature_maps import split_channels
from keras_effconv.inference.rules import IDENTITIES
from keras_effconv.kinds import OctConv
from keras_effconv.layers import PadChannels
from keras_effconv.network_info import info_of

# What works band by band, so that the map that it writes has the bands of the one that it reads.
BY_BAND = (
    *IDENTITIES,
    *PADDINGS,
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.BatchNormalization,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)
SUMS = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
COARSEST = 32  # from this stride on there is no low band, as the authors of OctConv have it


class Convolution(NamedTuple):
    """A convolution that may become another one.

    Attributes:
        step: `Step`.
        call: `LayerCall`.
        read: value of the graph that it reads, ahead of padding.
        pad: `Step` of the padding ahead of it, or `None`.
        reads, writes: hashable, the tied maps that it reads from and writes to.
    """

    step: object
    call: LayerCall
    read: object
    pad: object
    reads: object
    writes: object

    @property
    def name(self):
        return self.step.name


def convolutions(graph, model: keras.Model) -> tuple[list[Convolution], set]:
    """Find the convolutions of a network that may become others.

    Args:
        graph: `Graph` of the model.
        model: `keras.Model` with one input.

    Returns:
        A pair: list of `Convolution`, and the set of the tied maps that have no low band.

    Example:

    >>> import keras_effconv
    >>> from keras_effconv.inference.rewriting import Graph
    >>> model = keras_effconv.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> found, plain = convolutions(Graph(model), model)
    >>> [each.name for each in found][:2], len({each.writes for each in found})
    (['conv2_block1_1_conv', 'conv2_block1_2_conv'], 6)
    """
    ties, fixed = _Ties(), [id(x) for x in (*graph.inputs, *keras.tree.flatten(graph.outputs))]
    found, stem, images = [], _stem(model), image_values(graph)
    for step in graph.steps:
        if _is_candidate(graph, step, stem, images):
            found.append(step)
            if step.kind is layers.DepthwiseConv2D:
                ties.tie(step.inputs[0], step.outputs[0])
            if _stride(graph, step) >= COARSEST:
                fixed.append(id(step.outputs[0]))
        elif step.kind in BY_BAND and step.inputs[0].shape[-1] == step.outputs[0].shape[-1]:
            ties.tie(step.inputs[0], step.outputs[0])
        elif step.kind in SUMS:
            ties.tie(*(x for x in step.inputs if x.shape == step.outputs[0].shape), step.outputs[0])
        elif step.kind is not PadChannels:  # whose zeros take the bands of what they are added to
            fixed += [id(x) for x in step.outputs]
    records = [_record(graph, step, ties) for step in found]
    return records, {ties.of(each) for each in fixed}


def candidates(
    convolution: Convolution,
    plain: set,
    parts: Sequence[int] = (2, 4, 8, 16),
    alphas: Sequence[float] = (0.125, 0.25, 0.5),
    multiple: int = 1,
) -> list[Candidate]:
    """List what a convolution may become; the first one is the plain convolution.

    Args:
        convolution: `Convolution`.
        plain: set of the tied maps without a low band.
        parts: sequence of int, of HetConv. Default `(2, 4, 8, 16)`.
        alphas: sequence of float, of OctConv. Default `(0.125, 0.25, 0.5)`.
        multiple: int, of OctConv. Default 1.
    """
    call, found = convolution.call, [DENSE]
    if max(call.kernel_size) > 1 and not call.is_depthwise:
        most = min(call.shape[-1], call.filters)
        found += [Candidate(f"HetConv(parts={p})") for p in parts if 1 < p <= most]
    for alpha in alphas:
        ends = (convolution.reads, call.shape[-1]), (convolution.writes, call.filters)
        reads, writes = ((0.0, *(alpha,) * (end not in plain and _has_low(n, alpha, multiple))) for end, n in ends)
        pairs = [(r, w) for r in reads for w in writes if r or w]
        if call.is_depthwise:  # it writes the bands that it reads
            pairs = [(r, w) for r, w in pairs if r == w]
        found += [Candidate(repr(OctConv(alpha=w or 0, multiple=multiple)), r, w, multiple) for r, w in pairs]
    return found


def _has_low(channels, alpha, multiple):
    """Return whether a map has bands of both resolutions."""
    return len(split_channels(channels, alpha, multiple)) == 2


class _Ties:
    """Values of a graph in classes (union and find)."""

    def __init__(self):
        self.parents = {}

    def of(self, key):
        """Return the class of the value with an id."""
        while self.parents.get(key, key) != key:
            key = self.parents[key]
        return key

    def tie(self, *values):
        first, *rest = (self.of(id(x)) for x in values)
        for other in rest:
            self.parents[other] = first


def _stem(model):
    """Return the prefixes of the layers that this package's networks leave plain."""
    info = info_of(model, required=False)
    return info.architecture.parts()[0].prefixes if info and info.architecture.stem else ()


def _is_candidate(graph, step, stem, images):
    if step.kind not in (layers.Conv2D, layers.DepthwiseConv2D) or not graph.is_plain(step):
        return False
    layer, (_, *sizes, _) = step.operation, step.inputs[0].shape
    is_plain = max(layer.dilation_rate) == 1 and getattr(layer, "groups", 1) == 1
    is_map = None not in sizes and max(sizes) > 1 and layer.data_format == "channels_last"
    strides = layer.strides[0] == layer.strides[1] and layer.strides[0] in (1, 2, 4)
    reads_image = id(step.inputs[0]) in images
    in_stem = any(step.name == prefix or step.name.startswith(f"{prefix}_") for prefix in stem)
    is_padded = layer.padding == "same" or max(layer.kernel_size) == 1 or _unpadded(graph, step)[1] is not None
    return is_plain and is_map and strides and is_padded and not reads_image and not in_stem


def _unpadded(graph, step):
    """Return what a convolution reads ahead of its padding, and the step of that, or `None`."""
    value = step.inputs[0]
    writer = graph.writer(value)
    if writer is not None and writer.kind in PADDINGS and step.operation.padding == "valid":
        return writer.inputs[0], writer
    return value, None


def _stride(graph, step):
    image, rows = graph.inputs[0].shape[1], step.outputs[0].shape[1]
    return 0 if image is None else -(-image // rows)


def _record(graph, step, ties):
    layer, (read, pad) = step.operation, _unpadded(graph, step)
    call = LayerCall(
        tuple(read.shape[1:]),
        step.outputs[0].shape[-1],
        tuple(layer.kernel_size),
        tuple(layer.strides),
        activation=_activation(graph, step),
        is_depthwise=step.kind is layers.DepthwiseConv2D,
    )
    return Convolution(step, call, read, pad, ties.of(id(read)), ties.of(id(step.outputs[0])))


def _activation(graph, step):
    """Return "relu" if one is part of the convolution once deployed; others cost the same in all candidates."""
    reader = step
    while reader is not None:
        name = getattr(getattr(reader.operation, "activation", None), "__name__", None)
        if reader.kind is layers.ReLU or name == "relu":
            return "relu"
        reader = graph.only_reader(reader.outputs[0])
        if reader is not None and reader.kind not in (layers.BatchNormalization, layers.Activation, layers.ReLU):
            return None
    return None
