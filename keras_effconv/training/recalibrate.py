"""Batch statistics measured again: what a warm start of another kind needs before its features mean anything."""

import keras
import numpy as np

from keras_effconv.utils.progress import progress


def recalibrate(model, batches, epochs=1, neutral=()):
    """Set the moving statistics of all batch normalization to those of the data, without training a weight.

    A model whose weights were poured from a network of another kind computes something else in each layer, and the
    file's statistics are not its own. One pass with the plain average over batches puts them right.

    Args:
        model: a Keras model from images.
        batches: `keras.utils.PyDataset` of (images, labels); the labels are not used.
        epochs: int, passes. Default 1.
        neutral: tuple of str, names of normalizations that must compute what they compute now: their scales and
            offsets follow the statistics. Default: none. A `LoadReport` names those that a warm start added.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    kept = [layer for layer in norms if layer.name in neutral]
    measured = [layer for layer in norms if layer.name not in neutral]
    lines = [_line(layer) for layer in kept]
    means = _means(model, measured, kept, batches, epochs)
    variables = [variable for layer in measured + kept for variable in (layer.moving_mean, layer.moving_variance)]
    for variable, value in zip(variables, means, strict=True):
        variable.assign(value.astype(variable.dtype))
    for layer, line in zip(kept, lines):
        _compute(layer, *line)


def _means(model, measured, kept, batches, epochs):
    """Return the means over all batches of each mean and variance: those of `measured`, then those of `kept`.

    What is to compute what it computes now must do so while the others are measured: it runs as at inference.
    """
    momenta, trainable = [layer.momentum for layer in measured], [layer.trainable for layer in model.layers]
    variables = [variable for layer in measured for variable in (layer.moving_mean, layer.moving_variance)]
    steps = epochs * len(batches)
    model.trainable = True  # a frozen normalization measures nothing
    for layer in kept:
        layer.trainable = False
    for layer in measured:
        layer.momentum = 0.0  # so that it holds the statistics of the last batch alone
    try:
        step, sums = _compiled(_watched(model, kept)), []
        for number in progress(range(steps), "batch statistics", unit="batch"):
            moments = step(np.asarray(batches[number % len(batches)][0]))
            found = [keras.ops.convert_to_numpy(value).astype("float64") for value in (*variables, *moments)]
            sums = [total + value for total, value in zip(sums, found)] if sums else found
    finally:
        for layer, momentum in zip(measured, momenta):
            layer.momentum = momentum
        for layer, before in zip(model.layers, trainable):
            layer.trainable = before
    return [total / steps for total in sums]


def _watched(model, layers):
    """Return a model whose outputs are the moments of what some layers read; it computes all that `model` does."""
    moments = []
    for layer in layers:
        axes = tuple(i for i in range(len(layer.input.shape)) if i != layer.axis % len(layer.input.shape))
        moments += keras.ops.moments(keras.ops.cast(layer.input, "float32"), axes)
    return keras.Model(model.inputs, [moments, model.outputs])


def _compiled(model):
    """Return a function that runs a model of `_watched` in training mode on a batch and returns the moments."""
    make = {"tensorflow": _compiled_by_tensorflow, "jax": _compiled_by_jax}.get(keras.backend.backend())
    return make(model) if make else lambda images: model(images, training=True)[0]


def _compiled_by_tensorflow(model):
    import tensorflow as tf

    return tf.function(lambda images: model(images, training=True)[0], reduce_retracing=True)


def _compiled_by_jax(model):
    import jax

    @jax.jit  # what only the output needs is not computed, since it is not returned
    def step(*state_and_images):
        (moments, _), state = model.stateless_call(*state_and_images, training=True)
        return moments, state

    def run(images):
        trained, rest = ([v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables))
        moments, state = step(trained, rest, images)
        for variable, value in zip(model.non_trainable_variables, state):
            variable.assign(value)
        return moments

    return run


def _line(norm):
    """Return the slope and offset, per channel, of what a normalization computes at inference."""
    gamma, beta, mean, variance = (np.array(keras.ops.convert_to_numpy(v), "float64") for v in norm.weights)
    slope = gamma / np.sqrt(variance + norm.epsilon)
    return slope, beta - mean * slope


def _compute(norm, slope, offset):
    """Let a normalization compute a line under the statistics that it has now."""
    mean, variance = (np.array(keras.ops.convert_to_numpy(v), "float64") for v in norm.weights[2:])
    norm.gamma.assign((slope * np.sqrt(variance + norm.epsilon)).astype("float32"))
    norm.beta.assign((offset + mean * slope).astype("float32"))
