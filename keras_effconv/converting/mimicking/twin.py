"""A faster copy of a network to train in its place: normalization folded, half precision, dense kernels."""

import contextlib
from pathlib import Path

import keras
import numpy as np

from keras_effconv.graph import functional_of, tensor_of, with_structure
from keras_effconv.inference.affine import affine_of
from keras_effconv.inference.kernels import FORMS, array, bias_of, scale_filters
from keras_effconv.inference.rewriting import Graph
from keras_effconv.inference.rules import convolution_before
from keras_effconv.layers import HetConv2D
from keras_effconv.layers.oct_depthwise_conv import DEPTHWISE
from keras_effconv.policies import assign

SMALLEST = 1e-4  # of the largest scale: what a normalization all but turns off cannot be divided by

CPU = Path("/proc/cpuinfo")


def fastest_policy():
    """Return the dtype policy in which this machine trains a twin fastest; `None`: in the layers' own.

    TensorFlow's convolutions in bfloat16 take a fourth of the time on a processor with matrix units for it, and more
    time than in float32 on others.
    """
    if keras.backend.backend() != "tensorflow" or not CPU.exists():
        return None
    return "mixed_bfloat16" if "amx_bf16" in CPU.read_text(errors="replace") else None


class Twin:
    """A copy of a network whose outputs are the network's, and maps along the way.

    Batch normalization computes by its moving statistics and is part of the convolutions before it. `give_back` divides
    the copy's kernels by the scales again: the network then computes what the copy does.

    Args:
        model: `keras.Model` with a functional graph.
        names: sequence of str, layers of the model whose outputs follow the model's own.
        policy: str, dtype policy. Default: the layers' own.

    Example:

    >>> import keras_effconv as ke
    >>> model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> twin = Twin(model, ["conv1_relu"])
    >>> [tuple(output.shape) for output in twin.network.outputs], len(model.layers), len(twin.network.layers)
    ([(None, 10), (None, 32, 32, 4)], 34, 27)
    """

    def __init__(self, model, names=(), policy=None):
        outputs = [*model.outputs, *(tensor_of(model, name, 0) for name in names)]
        inputs = with_structure(functional_of(model), list(model.inputs))
        self._graph = Graph(keras.Model(inputs, outputs, name=model.name))
        self._folds = _fold(self._graph)
        self.network = self._graph.build(policy)
        for layer in self.network.layers:
            layer.trainable = True  # whoever froze layers did so for another training
            if isinstance(layer, HetConv2D):  # a masked dense kernel trains several times faster than its parts
                layer.execution = "dense"

    @contextlib.contextmanager
    def without_depthwise(self):
        """Return a context in which depthwise kernels are not trained, unless there is nothing else."""
        trained = [layer for layer in self.network.layers if layer.trainable_variables]
        depthwise = [layer for layer in trained if isinstance(layer, DEPTHWISE)]
        for layer in depthwise if len(depthwise) < len(trained) else ():
            layer.trainable = False
        try:
            yield
        finally:
            for layer in depthwise:
                layer.trainable = True

    def give_back(self):
        """Set the network's weights to those that compute what the copy does."""
        own = {layer.name: layer for layer in self.network.layers}
        for step in self._graph.steps:
            source, layer = step.operation, own.get(step.name)
            if layer is None or layer is source:
                continue
            if id(step) in self._folds:
                _unfold(source, layer, self._folds[id(step)])
                continue
            for old, new in zip(source.weights, layer.weights, strict=True):
                assign(old, new)


def _fold(graph):
    """Fold each normalization into the convolution that it alone reads; those of all bands, or none.

    Returns:
        Dict of the id of a convolution's step -> list of (normalization, its scale, its first filter).
    """
    candidates = {}
    for step in graph.steps:
        writer = convolution_before(graph, step)
        if writer is not None:
            candidates.setdefault(id(writer), (writer, []))[1].append(step)
    folds = {}
    for writer, norms in candidates.values():
        affines = [affine_of(norm) for norm in norms]
        if len(norms) < len(writer.outputs) or not all(pair is not None and _divides(pair[0]) for pair in affines):
            continue
        writer.changes["use_bias"] = True
        for norm, (scale, offset) in zip(norms, affines):
            index = [id(value) for value in writer.outputs].index(id(norm.inputs[0]))
            first = sum(value.shape[-1] for value in writer.outputs[:index])
            writer.edits.append(scale_filters(scale, offset, first))
            graph.absorb(norm, writer)
            folds.setdefault(id(writer), []).append((norm.operation, scale, first))
    return folds


def _divides(scale):
    return np.abs(scale).min() > SMALLEST * np.abs(scale).max()


def _unfold(source, layer, folds):
    """Give a convolution, and the normalizations behind it, what their one copy computes."""
    form = FORMS[type(source)]
    kernel, before = form.read(layer), bias_of(source, sum(len(scale) for _, scale, _ in folds))
    bias = bias_of(layer, len(before))
    for norm, scale, first in folds:
        columns = slice(first, first + len(scale))
        kernel[..., columns] /= scale
        offset = bias[columns] - before[columns] * scale
        if norm.center:
            assign(norm.beta, offset + array(norm.moving_mean) * scale)
        else:
            assign(norm.moving_mean, -offset / scale)
    form.write(source, kernel)
