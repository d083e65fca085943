"""The calls that a model makes, with the shapes that really flow: shared layers, nested models and operations too."""

from typing import NamedTuple

import keras

from keras_effconv.graph import functional_of, walk


class Call(NamedTuple):
    """One use of a layer or of an operation.

    Attributes:
        name: str, after the names of the models that it is nested in.
        operation: `keras.Operation`, a layer or another operation.
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
    """List every call of a model, in order. A model that is Python code only is one call.

    Args:
        model: `keras.Model`, built.
        image: tuple, the shape of its one input without the batch, if it is not the model's own. Default `None`.

    Returns:
        list of `Call`.

    Raises:
        ValueError: when a size is unknown, or a shape is given for a model that does not have one input.
    """
    functional = functional_of(model)
    inputs = functional.inputs if functional else [keras.KerasTensor((None, None))]
    if image is not None and len(inputs) != 1:
        raise ValueError(f"`input_shape` must be for a model of one input. Received: a model of {len(inputs)}")
    shapes = [tuple(x.shape) for x in inputs] if image is None else [(None, *image)]
    if any(None in shape[1:] for shape in shapes):
        raise ValueError(f"`input_shape` must be given for a model of unknown size. Received: {shapes}")
    if functional is None:
        outputs = model.compute_output_spec(keras.KerasTensor(shapes[0]))
        return [Call(model.name, model, shapes[0], _shapes(outputs), ())]
    recorder = _Recorder()
    walk(functional, [keras.KerasTensor(shape, x.dtype) for shape, x in zip(shapes, inputs)], recorder.visit)
    return recorder.calls


class _Recorder:
    """Writes down what is called, and with which shapes."""

    def __init__(self):
        self.calls, self.sources, self.kept = [], {}, []

    def visit(self, name, operation, args, kwargs):
        outputs = operation.compute_output_spec(*args, **kwargs)
        read = keras.tree.flatten(args[:1])
        before = tuple(self.sources[id(x)] for x in read if id(x) in self.sources)
        self.calls.append(Call(name, operation, _shapes(args[0]) if args else (), _shapes(outputs), before))
        for tensor in keras.tree.flatten(outputs):
            self.sources[id(tensor)] = operation
            self.kept.append(tensor)  # an id is a tensor's own only as long as it lives
        return outputs


def _shapes(tensors):
    return keras.tree.map_structure(lambda x: tuple(getattr(x, "shape", ())), tensors)


def elements(shapes):
    """Return how many numbers are in a shape or a structure of shapes, for one image.

    >>> elements({"high": (None, 4, 4, 3), "low": (None, 2, 2, 3)})
    60
    """
    total = 0
    for shape in shapes_in(shapes):
        size = 1
        for side in shape[1:]:
            size *= side
        total += size
    return total


def shapes_in(structure):
    """List the shapes in a structure of them."""
    if isinstance(structure, tuple) and all(side is None or isinstance(side, int) for side in structure):
        return [structure]
    children = structure.values() if isinstance(structure, dict) else structure
    return [shape for child in children for shape in shapes_in(child)]


def positions(shape):
    """Return how many pixels are in a map (n, h, w, c).

    >>> positions((None, 5, 4, 64))
    20
    """
    return elements(shape[:-1]) if len(shape) > 2 else 1
