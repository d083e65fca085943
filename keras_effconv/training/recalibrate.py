"""Batch statistics measured again: what a warm start of another kind needs before its features mean anything."""

import keras
import numpy as np

from keras_effconv.utils.extras import require


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
    lines = {layer.name: _line(layer) for layer in norms if layer.name in neutral}
    means = _batch_means(model, norms, batches, epochs)
    for layer, values in zip(norms, means):
        for variable, value in zip((layer.moving_mean, layer.moving_variance), values):
            variable.assign(value.astype(variable.dtype))
    for layer in norms:
        if layer.name in lines:
            _compute(layer, *lines[layer.name])


def _batch_means(model, norms, batches, epochs):
    """Return the mean over all batches of the statistics of each normalization: pairs of arrays."""
    momenta, trainable = [layer.momentum for layer in norms], [layer.trainable for layer in model.layers]
    variables = [variable for layer in norms for variable in (layer.moving_mean, layer.moving_variance)]
    sums, steps = [np.zeros(v.shape) for v in variables], epochs * len(batches)
    model.trainable = True  # a frozen normalization measures nothing
    for layer in norms:
        layer.momentum = 0.0  # so that it holds the statistics of the last batch alone
    try:
        step = _compiled(model)
        bar = require("tqdm").tqdm(range(steps), "batch statistics", unit="batch", leave=False, dynamic_ncols=True)
        for number in bar:
            step(np.asarray(batches[number % len(batches)][0]))
            for total, variable in zip(sums, variables):
                total += keras.ops.convert_to_numpy(variable)
    finally:
        for layer, momentum in zip(norms, momenta):
            layer.momentum = momentum
        for layer, before in zip(model.layers, trainable):
            layer.trainable = before
    means = [total / steps for total in sums]
    return list(zip(means[::2], means[1::2]))


def _compiled(model):
    """Return a function that runs a model in training mode on a batch, in one compiled step."""
    make = {"tensorflow": _compiled_by_tensorflow, "jax": _compiled_by_jax}.get(keras.backend.backend())
    return make(model) if make else lambda images: model(images, training=True)


def _compiled_by_tensorflow(model):
    import tensorflow as tf

    return tf.function(lambda images: model(images, training=True), reduce_retracing=True)


def _compiled_by_jax(model):
    import jax

    # Nothing but the state is returned, so that what only the output needs is not computed.
    step = jax.jit(lambda *state_and_images: model.stateless_call(*state_and_images, training=True)[1])

    def run(images):
        trained, rest = ([v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables))
        for variable, value in zip(model.non_trainable_variables, step(trained, rest, images)):
            variable.assign(value)

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
