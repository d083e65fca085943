"""What the layers of a network write, and what each of them is to be by the plain network."""

from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.fitting.behind import Behind, behind, plain_name
from keras_effconv.fitting.kernels import FORMS
from keras_effconv.inference.affine import affine_of
from keras_effconv.inference.kernels import array
from keras_effconv.policies import assign

FLAT = 1e-6  # scale of a normalization that lets nothing through


class Output(NamedTuple):
    """A band that a layer writes.

    Attributes:
        step: `Step` of the layer.
        band: str; `"high"` for a plain map.
        filters: slice, which of the layer's filters it holds; the same channels are those of the plain network's map.
        behind: `Behind`.
        goal: value of the plain network: what the band is to be once normalized and summed up, ahead of the activation.
    """

    step: object
    band: str
    filters: slice
    behind: Behind
    goal: object

    @property
    def count(self):
        """Return the number of filters."""
        return self.filters.stop - self.filters.start

    def line(self):
        """Return scale and offset by which what the layer writes becomes what the goal says, without the constant."""
        norm = self.behind.norm
        if norm is None:
            return np.ones(self.count, "float32"), np.zeros(self.count, "float32")
        scale, offset = affine_of(norm)
        offset = offset + scale * array(norm.operation.moving_mean)
        flat = np.abs(scale) < FLAT
        return np.where(flat, FLAT, scale).astype("float32"), offset.astype("float32")

    def constant(self):
        """Return the constant of each filter, and whether it may change: a bias, less the mean that is subtracted."""
        layer, norm = self.step.operation, self.behind.norm
        bias = array(layer.bias)[self.filters] if layer.use_bias else np.zeros(self.count)
        if norm is None:
            return bias, layer.use_bias
        return bias - array(norm.operation.moving_mean), True

    def set_constant(self, constant):
        """Let a normalization, or the bias, give each filter its constant."""
        layer, norm = self.step.operation, self.behind.norm
        bias = array(layer.bias) if layer.use_bias else np.zeros(self.filters.stop)
        if norm is not None:
            assign(norm.operation.moving_mean, bias[self.filters] - constant)
        elif layer.use_bias:
            bias[self.filters] = constant
            assign(layer.bias, bias)


def outputs_of(graph, plain):
    """List what the layers of a network write that can be fitted, in order, a list for each step.

    Layers that do what the plain network's do, where all ahead of them does, are as they should be, and are left out.

    Args:
        graph: `Graph` of the network.
        plain: `Graph` of the plain network. Layers correspond by name.
    """
    names = [step.name for step in plain.steps]
    steps = {step.name: step for step in plain.steps if names.count(step.name) == 1}
    known, every = {id(value) for value in graph.inputs}, []
    same = set(known)
    for step in graph.steps:
        is_same = all(id(value) in same for value in step.inputs) and _is_same(step, steps.get(step.name))
        if is_same:
            same.update(id(value) for value in step.outputs)
        if step.kind in FORMS and step.name in steps and graph.is_plain(step) and not _is_gate(step):
            outputs = list(_written(graph, step, steps, known))
            others = [output.behind.other for output in outputs if output.behind.other is not None]
            is_right = is_same and all(id(value) in same for value in others)
            if not is_right and all(output.goal is not None for output in outputs):
                every.append(outputs)
        known.update(id(value) for value in step.outputs)
    return every


def _is_same(step, other):
    """Return whether a step is a layer that computes what another one does."""
    are_layers = all(each is not None and isinstance(each.operation, keras.Layer) for each in (step, other))
    if not are_layers or step.kind is not other.kind or step.config != other.config:
        return False
    weights, others = (each.operation.weights for each in (step, other))
    return len(weights) == len(others) and all(
        a.shape == b.shape and np.array_equal(array(a), array(b)) for a, b in zip(weights, others)
    )


def _is_gate(step):
    """Return whether a step sees one position an image, which are too few to fit it."""
    return all(tuple(value.shape[1:3]) == (1, 1) for value in step.inputs)


def _written(graph, step, steps, known):
    shapes = step.operation.compute_output_shape(keras.tree.map_structure(lambda x: x.shape, step.args[0]))
    shapes, first = shapes if isinstance(shapes, dict) else {"high": shapes}, 0
    for (band, shape), value in zip(shapes.items(), step.outputs, strict=True):
        here = behind(graph, value, known)
        last = here.total or here.norm
        name = plain_name(last.name, steps) if last else step.name
        goal = steps[name].outputs[0] if name else None
        if goal is not None and goal.shape[-1] < first + shape[-1]:
            goal = None
        yield Output(step, band, slice(first, first + shape[-1]), here, goal)
        first += shape[-1]
