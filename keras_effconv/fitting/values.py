"""What flows through a graph for some images, step after step, and no longer than something still reads it."""

import collections
import math

import keras
from keras import ops

from keras_effconv.fitting.kernels import FORMS

BATCH = 32  # images at a time


class Values:
    """The values of a graph, computed in order and forgotten after their last reader.

    Args:
        graph: `Graph`.
        images: list of arrays, one for each input of the model.
        reads: list of values that `read` will be called with, an entry for each time.
        visit: callable (step, arguments, outputs) -> outputs, called for each step and batch with what it computed; the
            outputs that it returns flow on. Default `None`.
        batch: int, images at a time. Default 32.

    Attributes:
        done: int, how many steps are computed.
        taken: int, the bytes of the values at the last step.
    """

    def __init__(self, graph, images, reads=(), visit=None, batch=BATCH):
        self._graph, self._visit, self._batch, self.done, self.taken = graph, visit, batch, 0, 0
        self._left = collections.Counter(id(value) for value in reads)
        self._left.update(id(value) for step in graph.steps for value in step.inputs)
        self._values = {id(x): _batches(array, batch) for x, array in zip(graph.inputs, images, strict=True)}

    def read(self, value):
        """Return a value, as a list of tensors, one for each batch; the steps up to its writer are computed."""
        while id(value) not in self._values:
            self.advance()
        return self._taken(value)

    def advance(self):
        """Compute the next step, and return it."""
        step, read = self._graph.steps[self.done], {}
        for value in step.inputs:
            read[id(value)] = self._taken(value)
        outputs = [keras.tree.flatten(self._computed(step, *call)) for call in calls_of(step, read)]
        for value, batches in zip(step.outputs, zip(*outputs), strict=True):
            if self._left[id(value)]:
                self._values[id(value)] = list(batches)
        self.taken = sum(map(_bytes, [*self._values.values(), *read.values(), *outputs]))
        self.done += 1
        return step

    def join(self, images):
        """Let more images join: for them, the steps are computed up to here, a batch at a time.

        Args:
            images: list of arrays, one for each input of the model.
        """
        past = collections.Counter(id(value) for step in self._graph.steps[: self.done] for value in step.inputs)
        for start in range(0, len(images[0]), self._batch):
            batch = [array[start : start + self._batch] for array in images]
            others = Values(self._graph, batch, visit=self._visit, batch=self._batch)
            others._left = self._left + past
            for _ in range(self.done):
                others.advance()
            for value, batches in self._values.items():
                batches += others._values[value]

    def _computed(self, step, args, kwargs):
        outputs = _called(step, args, kwargs)
        return outputs if self._visit is None else self._visit(step, args, outputs)

    def _taken(self, value):
        self._left[id(value)] -= 1
        return self._values[id(value)] if self._left[id(value)] > 0 else self._values.pop(id(value))


def calls_of(step, read):
    """Yield the arguments of a step, (args, kwargs), for each batch.

    Args:
        step: `Step`.
        read: dict from the id of a value to a list of tensors, one for each batch.
    """
    for number in range(len(next(iter(read.values())))):

        def tensor(x, number=number):
            return read[id(x)][number] if id(x) in read else x

        yield keras.tree.map_structure(tensor, (step.args, step.kwargs))


def split_activations(graph):
    """Let the activations of convolutions be steps of their own, so that what they read is a value."""
    for step in [step for step in graph.steps if step.kind in FORMS and not is_linear(step.operation)]:
        step.changes["activation"] = "linear"
        for number in reversed(range(len(step.outputs))):
            graph.insert_after(step, keras.layers.Activation(step.operation.activation), number)


def is_linear(layer):
    """Return whether a convolution has no activation of its own."""
    return layer.activation in (None, keras.activations.linear)


def _called(step, args, kwargs):
    """Call a step; without its activation if that is a step of its own."""
    layer = step.operation
    if "activation" not in step.changes:
        return layer(*args, **kwargs)
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        return layer(*args, **kwargs)
    finally:
        layer.activation = activation


def _batches(array, size):
    """Return tensors of some images each."""
    return [ops.convert_to_tensor(array[start : start + size]) for start in range(0, len(array), size)]


def _bytes(tensors):
    return sum(4 * math.prod(x.shape) for x in tensors)
