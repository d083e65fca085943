"""Step 1 of a conversion: a copy of a trained network with its channels in the order that suits a kind."""

import keras
import numpy as np

from keras_effconv.converting.ordering.channels import Channels
from keras_effconv.converting.ordering.het_order import het_order
from keras_effconv.converting.ordering.octave_order import octave_order
from keras_effconv.converting.ordering.octave_shortcuts import with_banded_shortcuts
from keras_effconv.converting.ordering.permuting import permuted
from keras_effconv.converting.ordering.students import student_of
from keras_effconv.graph import layers_of
from keras_effconv.inference.rewriting import Graph
from keras_effconv.kinds import ByLayer, Conv, HetConv, OctConv, get
from keras_effconv.layers import PadChannels


def order(model: keras.Model, kind, images: np.ndarray, seed: int = 0) -> keras.Model:
    """Return a copy of a model, which computes the same, with its channels in the order that suits a kind.

    For octave convolutions, the channels that lose least at half the resolution lie last, in the low band. For
    heterogeneous ones, channels and filters that belong together lie in one part. For other kinds the order stays.

    Args:
        model: `keras.Model`, functional or sequential, built, with plain convolutions.
        kind: kind of convolution, or its repr.
        images: array, or a structure of arrays, as the model reads them: preprocessed. A hundred will do.
        seed: int, of what is random. Default 0.

    Returns:
        A `keras.Model` with the names of the model's layers.

    Raises:
        ValueError: `model` has no graph, or `kind` is none.

    Example:

    >>> import keras_effconv as ke
    >>> model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    >>> bool(np.allclose(order(model, "HetConv(parts=2)", x)(x), model(x), atol=1e-5))
    True
    """
    kind = get(kind)
    return next(ORDERS[each] for each in type(kind).__mro__ if each in ORDERS)(model, kind, images, seed)


def _as_it_is(model, kind, images, seed):
    del kind, images, seed
    return permuted(model, {})


def _for_octaves(model, kind, images, seed):
    del seed
    return _laid_out(permuted(model, octave_order(model, images)), kind)


def _laid_out(model, kind):
    """Return a network with its padded shortcuts laid out as in the network of a kind."""
    is_padded = any(isinstance(layer, PadChannels) for layer in layers_of(model))
    return with_banded_shortcuts(model, student_of(model, kind)) if is_padded else model


def _for_parts(model, kind, images, seed):
    return permuted(model, het_order(model, kind, images, seed).orders)


def _for_each(model, kind, images, seed):
    """Order the channels of each group as the kinds of the layers that write it want them, octaves first."""
    orders = dict(het_order(model, kind, images, seed).orders)
    if kind.has_bands():
        graph = Graph(model)
        groups = Channels(graph).groups
        for index, order in octave_order(model, images).items():
            writers = (graph.writer(value) for value in groups[index].values)
            if any(step is not None and isinstance(kind.of(step.name), OctConv) for step in writers):
                orders[index] = order
    return _laid_out(permuted(model, orders), kind)


ORDERS = {Conv: _as_it_is, OctConv: _for_octaves, HetConv: _for_parts, ByLayer: _for_each}
