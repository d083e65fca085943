"""The network of a fine-tune: preprocessing, backbone and a new head in one graph, and its blocks."""

import dataclasses
import gc
import inspect
import os

import keras
from keras import layers

from keras_effconv import applications, kinds, zoo
from keras_effconv.graph import owner_of
from keras_effconv.layers.oct_depthwise_conv import DEPTHWISE
from keras_effconv.network_info import info_of

HEAD = "predictions"  # the layer of a classifier that training fits first


def check(recipe):
    """Raise a `ValueError` for a model, kind or weights that there are not, before any work is done."""
    name = applications.get(recipe.model).__name__
    kinds.get(recipe.conv)
    if recipe.teacher is not None and not os.path.isfile(os.path.expanduser(recipe.teacher)):
        raise ValueError(f"`teacher` must be the path of a .keras file. Received: teacher={recipe.teacher!r}")
    weights = recipe.weights and os.path.expanduser(recipe.weights)
    if weights is None or weights in zoo.tags(name):
        return
    if zoo.hub.is_described(weights):
        zoo.hub.check_network(zoo.hub.open_repository(weights), name)
    elif zoo.path_and_tag(weights)[0] is None:
        known = ", ".join(map(repr, zoo.tags(name))) or "none for this network"
        raise ValueError(
            f'`weights` must be "none", the path of a file, hf://user/name, or a tag ({known}). '
            f"Received: weights={recipe.weights!r}"
        )


def preprocessing(recipe):
    """Return the preprocessing of an image: the weights' arithmetic, the recipe's size (or the model's) and crop."""
    plain = applications.get(recipe.model).preprocessing
    size = recipe.image_size or plain.size
    return dataclasses.replace(plain, size=size, crop=recipe.crop, background=recipe.background)


def backbone(recipe, white=None):
    """Build a model from images (n, size, size, 3), RGB, 0..255, to pooled features (n, c), preprocessing inside.

    Args:
        recipe: `Recipe`.
        white: int, of the training images, as in `Resize`. Default `None`.
    """
    constructor, steps = applications.get(recipe.model), dataclasses.replace(preprocessing(recipe), white=white)
    shape = (steps.size, steps.size, 3)
    image = keras.Input(shape, name="image")
    options = {"drop_connect_rate": recipe.drop_connect_rate}
    options = {name: value for name, value in options.items() if name in inspect.signature(constructor).parameters}
    preparing = steps.layer()
    network = constructor(
        include_top=False,
        weights=recipe.weights,
        input_tensor=preparing(image),
        input_shape=shape,
        pooling="avg",
        conv=recipe.conv,
        **{**options, **recipe.options},
    )
    # The weights say what they want of an image; it is known when they are read.
    preparing.preprocessing = info_of(network).preprocessing.viewing(steps)
    return network


def classifier(features, classes, dropout, name, activation="softmax"):
    """Put a head on a backbone: dropout and a dense layer, with a softmax or another activation."""
    x = layers.Dropout(dropout, name="top_dropout")(features.output)
    x = layers.Dense(classes, activation=activation, dtype="float32", name=HEAD)(x)
    return keras.Model(features.input, x, name=name)


def forget():
    """Free the networks of the runs before, ahead of another run in this process."""
    keras.backend.clear_session()
    gc.collect()


def blocks(model):
    """Return the blocks of a network, in order: dict of name -> layers. The stem is one, what follows the blocks too.

    Args:
        model: `keras.Model` of this package, or with its layers.

    Raises:
        ValueError: for a model without a network of this package.

    Example:

    >>> import keras_effconv
    >>> list(blocks(keras_effconv.VGG16CIFAR(weights=None)))
    ['block1', 'block2', 'block3', 'block4', 'block5']
    """
    info = info_of(model)
    every = owner_of(model, info).layers
    layers_in = {part.name: [layer for layer in every if part.holds(layer.name)] for part in info.architecture.parts()}
    return {name: part for name, part in layers_in.items() if part}


def unfreeze(model, count, freeze_norm=True, freeze_depthwise=True):
    """Make the last `count` blocks (-1: the whole network) and the head trainable, all else not.

    Args:
        model: a classifier as `classifier` makes it.
        count: int, blocks from the end.
        freeze_norm: bool; whether normalization keeps its statistics and scales. Default `True`.
        freeze_depthwise: bool; whether depthwise kernels stay as they are. Default `True`.

    Returns:
        The names of the blocks that are trained.
    """
    by_name = blocks(model)
    block_names = list(by_name)[-count:] if count > 0 else list(by_name) if count else []
    trained = [layer for name in block_names for layer in by_name[name]]
    names = {layer.name for layer in (model.layers if count < 0 else trained)} | {HEAD}
    frozen = (layers.BatchNormalization,) * freeze_norm + DEPTHWISE * freeze_depthwise
    for layer in model.layers:
        layer.trainable = layer.name in names and not isinstance(layer, frozen)
    return block_names
