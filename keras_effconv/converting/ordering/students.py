"""What a kind makes of each convolution of a network."""

import keras
from keras import layers

from keras_effconv.converting.families import family_network
from keras_effconv.converting.rewriting.rewritten import rewritten
from keras_effconv.graph import layers_of
from keras_effconv.layers import HetConv2D


def student_of(model: keras.Model, kind) -> keras.Model:
    """Build the network that a conversion makes of a model, as far as its layers go.

    Args:
        model: `keras.Model`, plain.
        kind: kind of convolution.
    """
    return family_network(model, kind) or rewritten(model, kind).model


def layouts_of(model: keras.Model, kind) -> dict[str, tuple[int, str]]:
    """Return the parts and the layout of each convolution that a kind replaces by a HetConv, by the layer's name.

    Where one HetConv replaces two convolutions, neither is in the result.

    Args:
        model: `keras.Model`, plain.
        kind: kind of convolution.

    Example:

    >>> import keras_effconv as ke
    >>> layouts = layouts_of(ke.ResNet20(weights=None, depth=0.3), ke.HetConv(parts=2))
    >>> len(layouts), layouts["conv2_block1_1_conv"]
    (6, (2, 'grouped'))
    """
    replaced = {layer.name for layer in layers_of(model) if type(layer) is layers.Conv2D}
    found = {x.name: (x.parts, x.layout) for x in layers_of(student_of(model, kind)) if isinstance(x, HetConv2D)}
    return {name: layout for name, layout in found.items() if name in replaced}
