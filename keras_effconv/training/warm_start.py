"""A network that begins with pretrained weights of a plain one, but is of another kind of convolution."""

import dataclasses
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv import kinds
from keras_effconv.converting.learning import learn
from keras_effconv.converting.transferring import transfer
from keras_effconv.graph import layers_of
from keras_effconv.policies import assign, default_policy
from keras_effconv.training.input_pipeline import feed
from keras_effconv.training.network import backbone
from keras_effconv.training.recalibrate import recalibrate
from keras_effconv.training.recipe import Recipe

FIT_IMAGES = 256  # that kernels are fitted to
HEAD = "warm_start_head"


def warm_start(base: keras.Model, recipe: Recipe, dataset) -> None:
    """Bring what was poured into another kind near to the plain network, by the training images; no label is used.

    The plain network is converted: its channels are put in order, the kernels are fitted, and some gradient steps
    follow. All is computed in float32. If the file is no plain network's, or the recipe says so, batch statistics are
    measured again, and that is all.

    Args:
        base: `keras.Model` of `network.backbone(recipe)`; its weights change.
        recipe: `Recipe`.
        dataset: `Dataset`.
    """
    batches = feed(dataset.train, recipe, shuffle=True)
    teacher = _teacher(recipe, dataset.white) if recipe.warm_start == "convert" else None
    if teacher is None:
        print("measuring batch statistics again, since the kind is not the file's")
        return recalibrate(base, batches, neutral=base.load_report.neutral)
    print("converting the plain network: channels in order, kernels fitted, since the kind is not the file's")
    with default_policy("float32"):
        converted = _converted(teacher, recipe, batches)
        if recipe.mimic:
            batches.set_epoch(0)
            _mimic(converted, recipe, _Cycle(batches), dataset.flip and recipe.augmentation != "none")
    _copy_weights(converted.student, base)
    if not recipe.freeze_norm:  # statistics are to be those of the data, with what is computed now
        norms = [layer.name for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
        recalibrate(base, batches, neutral=norms)
    return None


class _Pair(NamedTuple):
    """A network of another kind, and the plain one with its channels in the same order."""

    student: keras.Model
    teacher: keras.Model


class _Cycle:
    """Batches without end, each epoch in its own order: a callable from the number of a batch."""

    def __init__(self, batches):
        self.batches, self.total = batches, batches.total

    def __call__(self, number):
        epoch, place = divmod(number, self.total)
        if epoch != self.batches.epoch:
            self.batches.set_epoch(epoch)
        return self.batches[place]


def _teacher(recipe, white):
    """Return the plain network that the recipe's weights are of; `None` if they are of another kind."""
    try:
        with default_policy("float32"):
            teacher = backbone(dataclasses.replace(recipe, conv="Conv()"), white)
    except ValueError as error:  # the recipe's own network has loaded them
        print(f"the weights are no plain network's: {error}")
        return None
    return None if teacher.load_report.approximate else teacher


def _converted(teacher, recipe, batches):
    """Return the `_Pair` of features without a head. With one, the order of the features is free."""
    headed = keras.Model(teacher.input, keras.layers.Dense(1, name=HEAD)(teacher.output), name=teacher.name)
    converted = transfer(headed, kinds.get(recipe.conv), [_first(batches)], seed=recipe.seed, verbose=True)
    return _Pair(*(_headless(model) for model in (converted.model, converted.teacher)))


def _first(batches):
    """Return the images that kernels are fitted to, and that steps are judged on."""
    images, count = [], 0
    for number in range(len(batches)):
        images.append(np.asarray(batches[number][0], "float32"))
        count += len(images[-1])
        if count >= FIT_IMAGES:
            break
    return np.concatenate(images)[:FIT_IMAGES]


def _mimic(converted, recipe, batches, flip):
    """Take steps towards the plain network, unless they lead away from it."""
    judging = [_first(batches.batches)]
    report = learn(*converted, batches, judging, steps=recipe.mimic, seed=recipe.seed, flip=flip)
    if report is None:
        print("the steps towards the plain network lead away from it: the kernels stay as fitted")
    elif report.steps:
        losses = f"{report.loss_before:.3f} to {report.loss_after:.3f}"
        print(f"{report.steps} steps towards the plain network: loss {losses}, {report.seconds:.0f} s")


def _headless(model):
    return keras.Model(model.inputs[0], model.get_layer(HEAD).input, name=model.name)


def _copy_weights(source, model):
    """Give a model the weights of another one, whose layers have the same names."""
    named = {layer.name: layer for layer in layers_of(source)}
    for layer in (each for each in layers_of(model) if each.weights):
        for variable, value in zip(layer.weights, named[layer.name].weights, strict=True):
            assign(variable, keras.ops.convert_to_numpy(value))
