"""What follows a convolution on its way to the next one: normalization, a sum, an activation."""

import re
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from keras_effconv.inference.affine import affine_of
from keras_effconv.inference.rules import IDENTITIES

BAND = re.compile(r"_(high|low)$")
FREE = (-np.inf, np.inf)


class Behind(NamedTuple):
    """The steps behind one output of a convolution.

    Attributes:
        norm: `Step` of batch normalization, or `None`.
        total: `Step` of a sum with another value, or `None`.
        other: the other value, which is known ahead of the convolution; `None` without a sum.
        bounds: pair of floats: between them, the activation that follows returns what it reads, and beyond them the
            bound; infinite where no such activation follows.
    """

    norm: object
    total: object
    other: object
    bounds: tuple[float, float]


def behind(graph, value, known):
    """Return what follows a value that a convolution writes.

    Args:
        graph: `Graph`.
        value: the output of a convolution without an activation, or one of its outputs.
        known: set of ids of the values that are computed ahead of the convolution.
    """
    norm = total = other = None
    reader = _next(graph, value)
    if reader is not None and reader.kind is layers.BatchNormalization and affine_of(reader):
        norm, value = reader, reader.outputs[0]
    reader = _next(graph, value)
    while reader is not None and reader.kind in IDENTITIES:
        value = reader.outputs[0]
        reader = _next(graph, value)
    if reader is not None and reader.kind is layers.Add and len(reader.inputs) == 2:
        others = [x for x in reader.inputs if x is not value and id(x) in known and x.shape == value.shape]
        if others:
            total, other, value = reader, others[0], reader.outputs[0]
            reader = _next(graph, value)
    bounds = BOUNDS[reader.kind](reader.operation) if reader is not None and reader.kind in BOUNDS else FREE
    return Behind(norm, total, other, bounds)


def _next(graph, value):
    """Return the only reader of a value, unless it is shared."""
    reader = graph.only_reader(value)
    own = reader is not None and isinstance(reader.operation, layers.Layer) and graph.uses[id(reader.operation)] == 1
    return reader if own else None


def _bounds_of_activation(layer):
    rectifiers = {keras.activations.relu: (0.0, np.inf), keras.activations.relu6: (0.0, 6.0)}
    return rectifiers.get(layer.activation, FREE)


def _bounds_of_relu(layer):
    if layer.negative_slope or layer.threshold:
        return FREE
    return (0.0, np.inf if layer.max_value is None else float(layer.max_value))


BOUNDS = {layers.Activation: _bounds_of_activation, layers.ReLU: _bounds_of_relu}


def plain_name(name, names):
    """Return the name of the plain network's layer that a layer, of a band perhaps, stands for; `None` if none does.

    >>> plain_name("bn_high", {"bn"}), plain_name("bn", {"bn"}), plain_name("other", {"bn"})
    ('bn', 'bn', None)
    """
    return next((each for each in (name, BAND.sub("", name)) if each in names), None)
