"""Which layer a part of a file belongs to, by the names that TensorFlow gives operations and converters keep."""

import re

SEPARATORS = re.compile(r"[/;]")  # of scopes; LiteRT joins the names of operations that it fuses by semicolons
NUMBER = re.compile(r"_\d+$")


def layer_of(name, layers):
    """Return the layer that an operation belongs to; `None` if it belongs to none.

    A layer's scope has a number at its end, since Keras opens the scope without one to build the layer. Of operations
    that are fused, the last one decides: that is the layer whose convolution it is.

    Args:
        name: str, of an operation, a node or a tensor of a file.
        layers: collection of str, names of layers.

    Example:

    >>> layer_of("functional_1/conv_1/Relu6", {"conv", "dense"})
    'conv'
    >>> layer_of("functional_1/conv_1_1/Relu6", {"conv", "conv_1"})
    'conv_1'
    """
    for scope in SEPARATORS.split(name):
        for each in (NUMBER.sub("", scope), scope):
            if each in layers:
                return each
    return None


def names_in(names, layers, kept):
    """List the operations that belong to some of the layers.

    Args:
        names: iterable of str, of operations.
        layers: sequence of str, of all layers.
        kept: collection of str, the layers whose operations are listed.

    Example:

    >>> names_in(["m_1/dense_1/MatMul", "m_1/conv_1/convolution"], ["conv", "dense"], ["dense"])
    ['m_1/dense_1/MatMul']
    """
    known = dict.fromkeys(layers)
    return [name for name in names if layer_of(name, known) in kept]


def layers_among(names, layers):
    """Return the layers that operations belong to, in the order of the layers, and the operations that belong to none.

    Args:
        names: iterable of str, of operations.
        layers: sequence of str.

    Example:

    >>> layers_among(["m_1/dense_1/MatMul", "m_1/conv_1/convolution", "loose"], ["conv", "dense"])
    ['conv', 'dense', 'loose']
    """
    known = dict.fromkeys(layers)
    owners = [(layer_of(name, known), name) for name in names]
    met = {layer for layer, _ in owners}
    return [layer for layer in known if layer in met] + [name for layer, name in owners if layer is None]
