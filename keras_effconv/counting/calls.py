"""The calls that a model makes, with the shapes that really flow: shared layers, nested models and operations too."""

from typing import NamedTuple

import keras


class Call(NamedTuple):
    """One use of a layer or of an operation.

    Attributes:
        name: str, with the names of the models it is nested in.
        operation: a Keras layer or operation.
        inputs: shape, or structure of shapes, of the first argument.
        outputs: shape, or structure of shapes.
        before: tuple of the operations whose outputs it reads.
    """

    name: str
    operation: object
    inputs: object
    outputs: object
    before: tuple


def calls_of(model, image=None):
    """Every call of a model, in order. A model that is Python code only is one call.

    Args:
        model: a built Keras model.
        image: tuple, the shape of its one input without the batch, where it is not the model's own.

    Raises:
        ValueError: when a size is unknown, or a shape is given for a model that does not have one input.
    """
    graph = graph_of(model)
    inputs = [tuple(x.shape) for x in graph.inputs] if graph else [(None, None)]
    if image is not None and len(inputs) != 1:
        raise ValueError(f"`input_shape` is for models of one input. Received: a model of {len(inputs)}")
    shapes = inputs if image is None else [(None, *image)]
    if any(None in shape[1:] for shape in shapes):
        raise ValueError(f"`input_shape` must be given for a model of unknown size. Received: {shapes}")
    if graph is None:
        outputs = model.compute_output_spec(keras.KerasTensor(shapes[0]))
        return [Call(model.name, model, shapes[0], _shapes(outputs), ())]
    return Walk().run(graph, shapes)


def graph_of(model):
    """The functional graph of a model; `None` for a layer, and for a model that is Python code only."""
    functional = getattr(model, "_functional", None) or model
    return functional if hasattr(functional, "_run_through_graph") else None


class Walk:
    """Runs a graph on shapes alone and writes down what is called."""

    def __init__(self):
        self.calls, self.sources, self.kept = [], {}, []

    def run(self, graph, shapes):
        specs = [keras.KerasTensor(shape, x.dtype) for shape, x in zip(shapes, graph.inputs)]
        self._run(graph, keras.tree.pack_sequence_as(graph._inputs_struct, specs), "")
        return self.calls

    def _run(self, graph, inputs, prefix):
        """Keras' own way through a graph (its `compute_output_spec` does the same), with our recorder at each step."""
        return graph._run_through_graph(inputs, lambda operation: self._recorder(operation, prefix))

    def _recorder(self, operation, prefix):
        name = prefix + operation.name

        def record(*arguments, **keywords):
            nested = graph_of(operation)
            if nested is not None:
                return self._run(nested, arguments[0], f"{name}/")
            outputs = operation.compute_output_spec(*arguments, **keywords)
            read = keras.tree.flatten(arguments[:1])
            before = tuple(self.sources[id(x)] for x in read if id(x) in self.sources)
            self.calls.append(
                Call(name, operation, _shapes(arguments[0]) if arguments else (), _shapes(outputs), before)
            )
            for tensor in keras.tree.flatten(outputs):
                self.sources[id(tensor)] = operation
                self.kept.append(tensor)  # an id is a tensor's own only as long as it lives
            return outputs

        return record


def _shapes(tensors):
    return keras.tree.map_structure(lambda x: tuple(getattr(x, "shape", ())), tensors)


def elements(shapes):
    """The numbers in a shape or a structure of shapes, for one image."""
    total = 0
    for shape in shapes_in(shapes):
        size = 1
        for side in shape[1:]:
            size *= side
        total += size
    return total


def shapes_in(structure):
    """The shapes in a structure of them, in a list."""
    if isinstance(structure, tuple) and all(side is None or isinstance(side, int) for side in structure):
        return [structure]
    children = structure.values() if isinstance(structure, dict) else structure
    return [shape for child in children for shape in shapes_in(child)]


def positions(shape):
    """The pixels of a map (n, h, w, c).

    >>> positions((None, 5, 4, 64))
    20
    """
    return elements(shape[:-1]) if len(shape) > 2 else 1
