"""What a kind makes of each convolution of a network: asked of our own constructors, derived by stride for others."""

import functools
import math

from keras import layers

from keras_effconv import applications
from keras_effconv.inference.rewriting import Graph
from keras_effconv.layers import HetConv2D
from keras_effconv.network_info import info_of


def student_of(model, kind):
    """Build the network of this package that a model is, without weights, with another kind of convolution.

    Args:
        model: `keras.Model`.
        kind: kind of convolution.

    Returns:
        A `keras.Model`; `None` if the model is not one of our plain networks.
    """
    info = info_of(model, required=False)
    if info is None or info.conv != "Conv()":
        return None
    return applications.get(info.design.name)(**{**info.design.options, "conv": kind, "weights": None})


def stride_of(graph, value):
    """Return how many times smaller a map is than the image that it comes from; 1 if a size is unknown."""
    sizes = [x.shape[1] for x in graph.inputs if len(x.shape) == 4]
    if not sizes or None in (sizes[0], value.shape[1]):
        return 1
    return max(1, 2 ** round(math.log2(sizes[0] / max(value.shape[1], 1))))


def layouts_of(model, kind):
    """Return the parts and the layout of each convolution that a kind of HetConv replaces, by the layer's name.

    Only k x k convolutions without groups are replaced. In our own networks the constructor says which.

    Args:
        model: `keras.Model`, plain.
        kind: `HetConv` or `PC`.

    Example:

    >>> import keras_effconv as ke
    >>> layouts = layouts_of(ke.ResNet20(weights=None, depth=0.3), ke.HetConv(parts=2))
    >>> len(layouts), layouts["conv2_block1_1_conv"]
    (6, (2, 'grouped'))
    """
    student, graph = student_of(model, kind), Graph(model)
    replaced = {step.name: step for step in graph.steps if _is_replaced(step)}
    if student is not None:
        found = {x.name: (x.parts, x.layout) for x in student.layers if isinstance(x, HetConv2D)}
        return {name: layout for name, layout in found.items() if name in replaced}
    read = functools.partial(stride_of, graph)
    parts = {name: kind.at(read(step.outputs[0]))._parts(step.inputs[0]) for name, step in replaced.items()}
    return {name: (count, kind.layout) for name, count in parts.items() if count > 1}


def _is_replaced(step):
    plain = step.kind is layers.Conv2D and step.config["groups"] == 1
    return plain and max(step.config["kernel_size"]) > 1
