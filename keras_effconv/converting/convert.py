"""From a trained network to a cheaper one that stays right."""

import os
import time
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv import kinds
from keras_effconv.converting.comparing import compared
from keras_effconv.converting.describing import kinds_in, macs_in
from keras_effconv.converting.families import family_network
from keras_effconv.converting.images import gather
from keras_effconv.converting.ordering import order as ordered_for
from keras_effconv.converting.report import DENSE, ConvertReport, LayerReport
from keras_effconv.converting.rewritten import rewritten
from keras_effconv.fitting import fit_layers
from keras_effconv.graph import check_functional, layers_of
from keras_effconv.zoo.pour import pour


class Converted(NamedTuple):
    """A network of another kind.

    Attributes:
        model: `keras.Model`.
        teacher: `keras.Model`, the dense network with its channels in the order of the model's.
        fits: list of `LayerFit`; empty without a fit.
        left: dict of str to str, layers that stay dense, with the reason.
    """

    model: keras.Model
    teacher: keras.Model
    fits: list
    left: dict[str, str]


def transfer(model, kind, images, order=True, fit=True, seed=0, verbose=False) -> Converted:
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
    teacher = ordered_for(model, kind, images[0] if len(images) == 1 else images, seed) if order else model
    student, left = family_network(teacher, kind), {}
    if student is None:
        rebuilt = rewritten(teacher, kind)
        student, left = rebuilt.model, dict(rebuilt.left)
    else:
        pour(student, _weights(teacher))
    fits = fit_layers(student, teacher, images, seed=seed, verbose=verbose) if fit else []
    return Converted(student, teacher, fits, left)


def _weights(model):
    """Return the variables of a model as a file of it would have them."""
    named = {layer.name: layer for layer in layers_of(model)}
    return {
        f"{name}/{variable.name}": keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
        for name, layer in named.items()
        for variable in layer.weights
    }
