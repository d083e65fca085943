"""The weights of a dense network in one of another kind: channels in order, kernels fitted."""

from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.converting.families import family_network
from keras_effconv.converting.ordering.order import order as in_order
from keras_effconv.converting.ordering.permuting import permuted
from keras_effconv.converting.rewriting.rewritten import rewritten
from keras_effconv.fitting import LayerFit, fit_heads, fit_layers
from keras_effconv.graph import layers_of
from keras_effconv.kinds import Conv
from keras_effconv.network_info import info_of
from keras_effconv.zoo.pour import pour


class Converted(NamedTuple):
    """A network of another kind.

    Attributes:
        model: `keras.Model`.
        teacher: `keras.Model`, the dense network with its channels in the order of the model's.
        fits: list of `LayerFit`; empty without a fit.
        left: dict of str to str, layers that stay dense, with the reason.
        moved: set of str, layers that write the model's channels in another order; what they write is not compared.
    """

    model: keras.Model
    teacher: keras.Model
    fits: list[LayerFit]
    left: dict[str, str]
    moved: set[str]


def transfer(
    model: keras.Model,
    kind: Conv,
    images: list[np.ndarray],
    order: bool = True,
    fit: bool = True,
    seed: int = 0,
    verbose: bool = False,
) -> Converted:
    """Build the network of another kind, and give it the weights that come nearest to a dense network's.

    Args:
        model: `keras.Model`, dense.
        kind: kind of convolution.
        images: list of arrays, one for each input of the model.
        order: bool, whether channels that fit together are put together first. Default `True`.
        fit: bool, whether kernels are fitted to what the dense network computes. Default `True`.
        seed: int. Default 0.
        verbose: bool, whether to show a progress bar. Default `False`.
    """
    # Without an order, a copy whose nested models are taken apart, as those of the student.
    teacher = in_order(model, kind, images[0] if len(images) == 1 else images, seed) if order else permuted(model, {})
    student, left, moved = build(teacher, kind)
    fits = fit_layers(student, teacher, images, seed=seed, verbose=verbose, moved=moved) if fit else []
    if fits:
        fit_heads(student, teacher, images, seed)
    return Converted(student, teacher, fits, left, moved)


def build(model: keras.Model, kind: Conv) -> tuple[keras.Model, dict[str, str], set[str]]:
    """Build the network of another kind, with the weights that a dense network's are in it, ahead of any fit.

    Args:
        model: `keras.Model`, dense.
        kind: kind of convolution.

    Returns:
        `keras.Model`; dict of str to str, the layers that stay dense, with the reason; and set of str, those that write
        their channels in another order.

    Example:

    >>> import keras_effconv as ke
    >>> build(ke.ResNet20(weights=None), ke.HetConv(parts=2))[0].get_layer("conv2_block1_1_conv").parts
    2
    """
    student = family_network(model, kind)
    if student is None:
        rebuilt = rewritten(model, kind)
        return rebuilt.model, dict(rebuilt.left), rebuilt.moved
    pour(student, _weights(model))
    return student, {}, set()


def _weights(model):
    """Return the variables of the network in a model as a file of it would have them."""
    architecture = info_of(model).architecture
    named = {layer.name: layer for layer in layers_of(model) if architecture.owns(layer.name)}
    return {
        f"{name}/{variable.name}": keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
        for name, layer in named.items()
        for variable in layer.weights
    }
