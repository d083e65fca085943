"""The walk over a Keras graph. Keras' private names that this package uses are here, and in stateless.py."""

from collections.abc import Callable, Iterator
from typing import Any

import keras


def functional_of(model) -> keras.Function | None:
    """Return the functional graph of a model.

    Args:
        model: `keras.Model`, or any layer or operation.

    Returns:
        The graph of a functional model or of a built `Sequential`; `None` for a layer, and for a model that is Python
        code only.

    Example:

    >>> functional_of(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])).output_shape
    (None, 2)
    >>> functional_of(keras.layers.Dense(2)) is None
    True
    """
    functional = getattr(model, "_functional", None) or model  # that of a `Sequential`, or the model itself
    return functional if isinstance(functional, keras.Function) else None


def check_functional(model) -> None:
    """Check that a model has a graph.

    Raises:
        ValueError: it has none: the message says whether it is not built, Python code, or no model.
    """
    if isinstance(model, keras.Model) and functional_of(model) is not None and model.built:
        return
    received = type(model).__name__
    if isinstance(model, keras.Sequential):
        shape = next((layer.input_shape for layer in model.layers[:1] if functional_of(layer)), "(None, h, w, c)")
        received += f" that is not built: call `model.build({shape})`" if model.layers else " without layers"
    elif isinstance(model, keras.Model):
        received += ", whose `call` is Python code"
    raise ValueError(f"`model` must be a built functional or sequential Keras model. Received: {received}")


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield every layer of a model once, in order, with the layers of nested models in the place of those models.

    Functional and sequential models are looked into, and so are subclassed models, through the models that are their
    attributes, and models in `TimeDistributed` and other wrappers. A nested model itself is no layer of the model; its
    `InputLayer` is one.

    Args:
        model: `keras.Model`.

    Example:

    >>> inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="inside")])
    >>> model = keras.Sequential([inner, keras.layers.Dense(2, name="outside")])
    >>> [layer.name for layer in layers_of(model)]
    ['inside', 'outside']
    """
    seen = set()
    for layer in _leaves(model):
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer


def _leaves(model):
    for layer in model.layers:
        inner = _model_in(layer)
        if inner is not None:
            yield from _leaves(inner)
        else:
            yield layer


def _model_in(layer):
    """Return the model that a layer is or, as `TimeDistributed` does, wraps; `None` if it is another layer."""
    inner = layer.layer if isinstance(layer, keras.layers.Wrapper) else layer
    return inner if isinstance(inner, keras.Model) else None


def with_structure(model: keras.Model | keras.Function, values: list) -> Any:
    """Arrange values, one for each input of a model, in the structure in which the model takes its inputs.

    Args:
        model: `keras.Model` with a functional graph.
        values: list, in the order of `model.inputs`.

    Example:

    >>> image = keras.Input((4,), name="image")
    >>> with_structure(keras.Model({"image": image}, image), ["pixels"])
    {'image': 'pixels'}
    """
    return keras.tree.pack_sequence_as(functional_of(model)._inputs_struct, values)


def tensors_read(model: keras.Model | keras.Function, layer: keras.layers.Layer) -> list[list[keras.KerasTensor]]:
    """List the symbolic tensors that a layer reads in a model's own graph, one list for each call, in order.

    `layer.input` is that of the layer's first call, which may be part of another model.

    Args:
        model: `keras.Model` with a functional graph.
        layer: `keras.layers.Layer`, one of `model.layers`.

    Example:

    >>> image, dense = keras.Input((4,), name="image"), keras.layers.Dense(2)
    >>> [[x.name for x in call] for call in tensors_read(keras.Model(image, dense(image)), dense)]
    [['image']]
    """
    levels = functional_of(model)._nodes_by_depth  # the outputs are at depth 0
    nodes = [node for depth in sorted(levels, reverse=True) for node in levels[depth]]
    return [list(node.input_tensors) for node in nodes if node.operation is layer]


def walk(
    model: keras.Model | keras.Function, inputs: Any, visit: Callable, enters: Callable | None = None, prefix: str = ""
) -> Any:
    """Go through a model's graph as Keras does when it computes, nested models included.

    A shared layer is visited at each of its calls.

    Args:
        model: `keras.Model` with a functional graph.
        inputs: structure of `keras.KerasTensor` or of any other values, one for each input of the model.
        visit: callable (name, operation, args, kwargs) -> outputs, for each call of a layer or an operation, with what
            it is called with. The outputs are what later calls are visited with. The name begins with the names of the
            models that the operation is nested in, such as `"backbone/conv1"`.
        enters: callable (args, kwargs) -> bool, whether a call of a nested model is walked into rather than visited.
            Default: all are.
        prefix: str, what names begin with. Default `""`.

    Returns:
        Structure of outputs, as the model writes them.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    >>> walk(model, ["x"], lambda name, operation, args, kwargs: f"{name}({args[0]})")
    'dense(x)'
    """

    def step(operation):
        def call(*args, **kwargs):
            name, nested = prefix + operation.name, functional_of(operation)
            if nested is not None and (enters is None or enters(args, kwargs)):
                first = (*args, *kwargs.values())[0]  # the inputs may have been given by name
                return walk(nested, first, visit, enters, f"{name}/")
            return visit(name, operation, args, kwargs)

        return call

    return functional_of(model)._run_through_graph(inputs, step)


def writer_of(tensor: keras.KerasTensor) -> tuple[str, int]:
    """Return which operation writes a symbolic tensor, and as which of its outputs: (name, index)."""
    operation, _, index = tensor._keras_history
    return operation.name, index


def last_operation(model: keras.Model | keras.Function) -> keras.Operation:
    """Return the layer or operation that writes the first output of a model, inside of nested models.

    Args:
        model: `keras.Model` with a functional graph.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="scores")])
    >>> last_operation(keras.Sequential([keras.Input((4,)), model])).name
    'scores'
    """
    operation = functional_of(model).outputs[0]._keras_history.operation
    return operation if functional_of(operation) is None else last_operation(operation)


def come_through(*tensors: keras.KerasTensor) -> dict[keras.KerasTensor, keras.Operation]:
    """Return what symbolic tensors are computed from, themselves included, each with the operation that writes it.

    `keras.utils.get_source_inputs` takes time exponential in the number of sums with two branches.

    Example:

    >>> image = keras.Input((4,), name="image")
    >>> x = keras.layers.Dense(4, name="first")(image)
    >>> [operation.name for operation in come_through(keras.layers.Add(name="sum")([x, image])).values()]
    ['sum', 'first', 'image']
    """
    found, left = {}, list(reversed(tensors))
    while left:
        tensor = left.pop()
        if tensor not in found:
            operation, node, _ = tensor._keras_history
            found[tensor] = operation
            left += reversed(operation._inbound_nodes[node].input_tensors)
    return found


def tensor_of(model: keras.Model, name: str, index: int) -> keras.KerasTensor | None:
    """Return the symbolic tensor that an operation of a model's own graph writes; `None` if there is none.

    Args:
        model: `keras.Model` with a functional graph.
        name: str, of the operation.
        index: int, of its output.
    """
    every = (node for depth in functional_of(model)._nodes_by_depth.values() for node in depth)
    nodes = [node for node in every if node.operation.name == name]
    return nodes[0].outputs[index] if len(nodes) == 1 else None


def owner_of(model: keras.Model, layer: keras.layers.Layer) -> keras.Model:
    """Return the model, nested in a model or itself, whose own graph holds a layer."""
    nested = [each for each in map(_model_in, model.layers) if each is not None]
    if layer in model.layers or not nested:
        return model
    return next((owner_of(each, layer) for each in nested if layer in set(layers_of(each))), model)


class _ReachedError(Exception):
    """Ends a walk."""


def ahead_of(model: keras.Model, layer: keras.layers.Layer) -> list:
    """Return the layers and operations, in order, that the input of a layer has come through.

    Args:
        model: `keras.Model` with a functional graph.
        layer: a layer of it, or of a model nested in it.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(2)])
    >>> [each.name for each in ahead_of(model, model.layers[-1])]
    ['first']
    """
    ahead, specs = {}, []  # an id is a tensor's own only as long as the tensor lives

    def visit(name, operation, args, kwargs):
        read = keras.tree.flatten((args, kwargs))
        path = dict.fromkeys(each for x in read for each in ahead.get(id(x), ()))
        wrapped = _model_in(operation)
        if operation is layer or (wrapped is not None and layer in set(layers_of(wrapped))):
            raise _ReachedError([*path, *(ahead_of(wrapped, layer) if wrapped is not None else ())])
        outputs = operation.compute_output_spec(*args, **kwargs)
        for tensor in keras.tree.flatten(outputs):
            ahead[id(tensor)] = [*path, operation]
            specs.append(tensor)
        return outputs

    try:
        walk(model, with_structure(model, list(model.inputs)), visit)
    except _ReachedError as reached:
        return reached.args[0]
    return []


def outputs_of(model: keras.Model) -> Iterator[tuple[str, tuple]]:
    """Yield the name of each operation of a model, and of the models nested in it, with the shape of each output.

    Args:
        model: `keras.Model`. One that is Python code only has none.

    Example:

    >>> model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="dense")])
    >>> list(outputs_of(model))
    [('x', (None, 4)), ('dense', (None, 2))]
    """
    for operation in getattr(functional_of(model), "operations", ()):
        for node in operation._inbound_nodes:
            yield from ((operation.name, tuple(tensor.shape)) for tensor in node.outputs)
        if isinstance(operation, keras.Model):
            yield from outputs_of(operation)
