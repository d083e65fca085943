"""The calls that a model makes, with the shapes that really flow: shared layers, nested models and operations too."""

import numbers
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
        image: tuple, the shape of its input without the batch, or a list with one for each of its inputs, if it is not
            the model's own. Default `None`.

    Returns:
        list of `Call`.

    Raises:
        ValueError: when a size is unknown, or the model does not take the shape.
    """
    functional = functional_of(model)
    inputs = functional.inputs if functional else [keras.KerasTensor((None, None))]
    shapes = [tuple(x.shape) for x in inputs] if image is None else _given(image, inputs, known=functional is not None)
    if any(None in shape[1:] for shape in shapes):
        raise ValueError(f"`input_shape` must be given for a model of unknown size. Received: {shapes}")
    if functional is None:
        outputs = model.compute_output_spec(keras.KerasTensor(shapes[0]))
        return [Call(model.name, model, shapes[0], _shapes(outputs), ())]
    recorder = _Recorder()
    walk(functional, [keras.KerasTensor(shape, x.dtype) for shape, x in zip(shapes, inputs)], recorder.visit)
    return recorder.calls


def _given(image, inputs, known):
    """Return the shapes of inputs as a user gives them, with the batch."""
    shapes = image if isinstance(image, (tuple, list)) else ()
    if all(isinstance(side, numbers.Integral) for side in shapes):
        shapes = [shapes]
    whole = all(isinstance(shape, (tuple, list)) for shape in shapes) and all(
        isinstance(side, numbers.Integral) and side > 0 for shape in shapes for side in shape
    )
    fit = [len(shape) + 1 for shape in shapes] == [len(x.shape) for x in inputs] if whole and known else whole
    if not fit:
        raise ValueError(
            f"`input_shape` must be (height, width, channels), or as the model's inputs are, a list of {len(inputs)}. "
            f"Received: input_shape={image!r}"
        )
    return [(None, *map(int, shape)) for shape in shapes]


class _Recorder:
    """Writes down what is called, and with which shapes."""

    def __init__(self):
        self.calls, self.sources, self.kept = [], {}, []

    def visit(self, name, operation, args, kwargs):
        first = next(iter((*args, *kwargs.values())), ())  # it may have been given by name
        _check_reads(name, operation, first)
        outputs = operation.compute_output_spec(*args, **kwargs)
        before = tuple(self.sources[id(x)] for x in keras.tree.flatten(first) if id(x) in self.sources)
        self.calls.append(Call(name, operation, _shapes(first), _shapes(outputs), before))
        for tensor in keras.tree.flatten(outputs):
            self.sources[id(tensor)] = operation
            self.kept.append(tensor)  # an id is a tensor's own only as long as it lives
        return outputs


def _check_reads(name, operation, tensor):
    """Raise a `ValueError` for a shape that a layer was not built for; Keras asks when it computes only."""
    spec, shape = getattr(operation, "input_spec", None), tuple(getattr(tensor, "shape", ()))
    axes = getattr(spec, "axes", None) or {}
    if any(shape[axis] not in (None, size) for axis, size in axes.items() if shape and size is not None):
        raise ValueError(
            f"`input_shape` must be one that the model takes. Received: one at which {name!r} reads {shape}"
        )


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


def positions(shape, data_format="channels_last"):
    """Return how many pixels are in a map (n, h, w, c), or (n, c, h, w).

    >>> positions((None, 5, 4, 64)), positions((None, 64, 5, 4), "channels_first")
    (20, 20)
    """
    sizes = shape[:-1] if data_format == "channels_last" else (shape[0], *shape[2:])
    return elements(sizes) if len(shape) > 2 else 1
