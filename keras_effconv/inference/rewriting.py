"""A functional model as a list of steps that can be rewritten, and the way back to a model."""

import keras

from keras_effconv.graph import check_functional, functional_of, walk, with_structure
from keras_effconv.inference.steps import Step
from keras_effconv.network_info import NetworkInfo
from keras_effconv.policies import input_dtype

# Layers that return what they read and only say something about the model. A rule need not know of them: they are taken
# out of the steps, and `Graph.build` puts them right behind the input.
MARKERS = (NetworkInfo,)


class Graph:
    """The steps of a model in order, with those of nested models, and which of them read and write each value.

    Args:
        model: `keras.Model`, functional or sequential, built.

    Raises:
        ValueError: for any other model.
    """

    def __init__(self, model):
        check_functional(model)
        functional = functional_of(model)
        self.name, self.functional, self.steps = model.name, functional, []
        self.inputs = list(functional.inputs)
        self.outputs = walk(functional, self.inputs, self._visit, enters=_is_plain_call)
        self.uses = {}
        for step in self.steps:
            self.uses[id(step.operation)] = self.uses.get(id(step.operation), 0) + 1
        self._index()
        self.markers = {id(value): [] for value in self.inputs}
        for step in [step for step in self.steps if issubclass(step.kind, MARKERS)]:
            self._lift(step)

    def _lift(self, marker):
        """Take a marker out of the steps, and note it at the input that its value comes from."""
        value = marker.inputs[0]
        while (writer := self.writer(value)) is not None:
            value = writer.inputs[0]
        noted = self.markers[id(value)]
        if marker.operation not in [each.operation for each in noted]:  # of a nested model that is called again
            noted.append(marker)
        self.bypass(marker)

    def _visit(self, name, operation, args, kwargs):
        specs = operation.compute_output_spec(*args, **kwargs)
        outputs = keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, x.dtype), specs)
        self.steps.append(Step(operation, args, kwargs, keras.tree.flatten(outputs)))
        return outputs

    def _index(self):
        self._writers = {id(value): step for step in self.steps for value in step.outputs}
        self._readers = {}
        for step in self.steps:
            for value in step.inputs:
                self._readers.setdefault(id(value), []).append(step)
        self._results = {id(value) for value in keras.tree.flatten(self.outputs)}

    def writer(self, value):
        """Return the step that writes a value; `None` for an input of the model."""
        return self._writers.get(id(value))

    def readers(self, value):
        """Return the steps that read a value."""
        return self._readers.get(id(value), [])

    def only_reader(self, value):
        """Return the only step that reads a value; `None` if there are more or the value is an output of the model."""
        readers = self.readers(value)
        return readers[0] if len(readers) == 1 and id(value) not in self._results else None

    def only_writer(self, step):
        """Return the step that writes the one input of a step; `None` if others read that value too."""
        writer = self.writer(step.inputs[0])
        return writer if writer is not None and self.only_reader(step.inputs[0]) is step else None

    def is_plain(self, step):
        """Return whether a step is an unshared layer in inference mode, which rules may rewrite."""
        own = isinstance(step.operation, keras.layers.Layer) and self.uses[id(step.operation)] == 1
        return own and _is_plain_call(step.args, step.kwargs)

    def absorb(self, step, writer):
        """Remove a step: the step that writes its one input writes its output instead."""
        index = [id(value) for value in writer.outputs].index(id(step.inputs[0]))
        writer.outputs[index] = step.outputs[0]
        self._writers[id(step.outputs[0])] = writer
        self.steps.remove(step)

    def bypass(self, step):
        """Remove a step: all readers of its output read its input instead."""
        old, new = step.outputs[0], step.inputs[0]

        def swap(x):
            return new if x is old else x

        for reader in self.readers(old):
            reader.args, reader.kwargs = keras.tree.map_structure(swap, (reader.args, reader.kwargs))
        self.outputs = keras.tree.map_structure(swap, self.outputs)
        self.steps.remove(step)
        self._index()

    def insert_after(self, step, operation, number=0):
        """Insert a new step, of a layer of one input, between a step and all readers of one of its outputs."""
        old = step.outputs[number]
        step.outputs[number] = keras.KerasTensor(old.shape, old.dtype)
        new = Step(operation, (step.outputs[number],), {}, [old])
        self.steps.insert(self.steps.index(step) + 1, new)
        self.uses[id(operation)] = 1
        self._index()
        return new

    def replace(self, step, steps):
        """Put other steps, of new layers, in the place of a step whose outputs they write."""
        index = self.steps.index(step)
        self.steps[index : index + 1] = steps
        self.uses.update((id(each.operation), 1) for each in steps)
        self._index()

    def build(self, policy=None):
        """Return a `keras.Model` of the steps, with copies of the layers.

        Args:
            policy: str, the dtype policy of the layers that compute in half precision or in float32. Default: their
                own.
        """
        copies = Copies({x.name for x in self.inputs}, policy)
        inputs, values = self.begin(copies)
        for step in self.steps:
            values.update(copies.called(step, lambda x: values[id(x)]))
        return self.end(inputs, lambda x: values[id(x)])

    def begin(self, copies):
        """Return the inputs of a new model, and what stands for them behind their markers: dict by the id of the old.

        Args:
            copies: `Copies`.
        """
        policy, values = copies.policy, {}
        types = [input_dtype(x.dtype) if policy else x.dtype for x in self.inputs]
        inputs = [keras.Input(batch_shape=x.shape, dtype=t, name=x.name) for x, t in zip(self.inputs, types)]
        for old, new in zip(self.inputs, inputs):
            for marker in self.markers[id(old)]:
                new = copies.of(marker)(new)
            values[id(old)] = new
        return inputs, values

    def end(self, inputs, new):
        """Return a new model of the same structure, with `new(output)` for each output."""
        outputs = keras.tree.map_structure(new, self.outputs)
        return keras.Model(with_structure(self.functional, inputs), outputs, name=self.name)


class Copies(dict):
    """The layers of a new model, by the id of the operation that each is a copy of.

    Args:
        names: set of str, the names that are in use.
        policy: str, as of `Graph.build`.
    """

    def __init__(self, names, policy=None):
        super().__init__()
        self.names, self.policy, self._filled = names, policy, set()

    def called(self, step, new):
        """Call the copy of a step's layer, which gets its weights when it is called first.

        Args:
            step: `Step`.
            new: callable (value) -> tensor, what stands for a value that the step reads.

        Returns:
            dict of the outputs, by the ids of the values that they stand for.
        """
        args, kwargs = keras.tree.map_structure(
            lambda x: new(x) if isinstance(x, keras.KerasTensor) else x, (step.args, step.kwargs)
        )
        layer = self.of(step)
        outputs = keras.tree.flatten(layer(*args, **kwargs))
        if id(step.operation) not in self._filled and isinstance(layer, keras.layers.Layer):
            step.transfer(layer)
        self._filled.add(id(step.operation))
        return {id(old): output for old, output in zip(step.outputs, outputs, strict=True)}

    def of(self, step):
        """Return the layer of a step, under a name of its own: layers of nested models may share one."""
        if id(step.operation) not in self:
            name, number = step.name, 0
            while name in self.names:
                number += 1
                name = f"{step.name}_{number}"
            self.names.add(name)
            keep = not isinstance(step.operation, keras.layers.Layer) and name == step.name
            self[id(step.operation)] = step.operation if keep else step.layer(name, self.policy)
        return self[id(step.operation)]


def _is_plain_call(args, kwargs):
    """Return whether a call has one argument and no option such as `training=True` or a mask."""
    return len(args) == 1 and all(value is None or value is False for value in kwargs.values())
