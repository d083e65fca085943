"""Where a student is compared with its teacher along the way, found by the graph."""

from typing import NamedTuple

from keras import layers

from keras_effconv.graph import tensor_of
from keras_effconv.inference.rewriting import Graph

SUMS = (layers.Add, layers.Concatenate)
ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
WAYS = ("blocks", "layers", "last")


class Place(NamedTuple):
    """A map of the teacher and the student's maps of it.

    Attributes:
        name: str, the teacher's layer that writes it.
        student: tuple of str, the student's layers: the same name, or one for each band.
        channels: tuple of ints, of each of these; the teacher's channels in order.
    """

    name: str
    student: tuple
    channels: tuple


def find_places(teacher, student, along="blocks", moved=()):
    """List the places along the way at which two networks are compared, in the order of computing.

    Args:
        teacher: `keras.Model` with a functional graph.
        student: `keras.Model` likewise; its layers have the teacher's names, with `_high` and `_low` where a map is in
            bands.
        along: str. `"blocks"`: behind each sum or concatenation, and the last map at each resolution. `"layers"`:
            behind each activation and sum. `"last"`: the last map alone. Default `"blocks"`.
        moved: names of layers whose channels the student has in another order; they are no places. Default: none.

    Returns:
        A list of `Place`. Maps that the student does not write, or writes with other channels, are left out.

    Example:

    >>> import keras_effconv as ke
    >>> small = {"weights": None, "width": 0.25, "depth": 0.3}
    >>> teacher, student = ke.ResNet20(**small), ke.ResNet20(**small, conv="OctConv(alpha=0.5)")
    >>> for place in find_places(teacher, student):
    ...     print(*place)
    conv2_block1_out ('conv2_block1_out_high', 'conv2_block1_out_low') (2, 2)
    conv3_block1_out ('conv3_block1_out_high', 'conv3_block1_out_low') (4, 4)
    conv4_block1_out ('conv4_block1_out_high', 'conv4_block1_out_low') (8, 8)
    """
    graph = Graph(teacher)
    names = dict.fromkeys(step.name for step in _steps(graph, along) if step.name not in moved)
    places = (_place(name, teacher, student) for name in names)
    return [place for place in places if place is not None]


def _steps(graph, along):
    """Return the steps of a graph that write the maps of `along`."""
    maps = [step for step in graph.steps if len(step.outputs) == 1 and len(step.outputs[0].shape) == 4]
    ends = [step for step in maps if _ends(graph, step)]
    if along == "last":
        return ends[-1:]
    if along == "layers":
        return [step for step in maps if step in ends or step.kind in ACTIVATIONS or _is_result(graph, step)]
    return [step for step in maps if step in ends or _is_result(graph, step)]


def _is_result(graph, step):
    """Return whether a step writes a sum, or the activation that alone reads one."""
    if step.kind in SUMS:
        reader = graph.only_reader(step.outputs[0])
        return reader is None or reader.kind not in ACTIVATIONS
    writer = graph.writer(step.inputs[0]) if step.kind in ACTIVATIONS and step.inputs else None
    return writer is not None and writer.kind in SUMS and graph.only_reader(writer.outputs[0]) is step


def _ends(graph, step):
    """Return whether a step writes the last map of its resolution: whatever reads it writes a smaller one."""
    size, readers = step.outputs[0].shape[1:3], graph.readers(step.outputs[0])
    written = [value.shape[1:3] if len(value.shape) == 4 else None for each in readers for value in each.outputs]
    return bool(written) and step.kind in (*ACTIVATIONS, *SUMS) and size not in written


def _place(name, teacher, student):
    wanted, single = tensor_of(teacher, name, 0), tensor_of(student, name, 0)
    if wanted is None:
        return None
    names = (name,) if single is not None else (f"{name}_high", f"{name}_low")
    written = {each: tensor_of(student, each, 0) for each in names}
    written = {each: tensor for each, tensor in written.items() if tensor is not None}
    channels = tuple(tensor.shape[-1] for tensor in written.values())
    return Place(name, tuple(written), channels) if sum(channels) == wanted.shape[-1] else None
