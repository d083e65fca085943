"""Batch statistics measured again: what a warm start of another kind needs before its features mean anything."""

import keras
import numpy as np


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
    momenta = [layer.momentum for layer in norms]
    lines = {layer.name: _line(layer) for layer in norms if layer.name in neutral}
    trainable = model.trainable
    model.trainable = True
    step = 0
    try:
        for _ in range(epochs):
            for index in range(len(batches)):
                step += 1
                _average(model, norms, np.asarray(batches[index][0]), step)
    finally:
        model.trainable = trainable
        for layer, momentum in zip(norms, momenta):
            layer.momentum = momentum
    for layer in norms:
        if layer.name in lines:
            _compute(layer, *lines[layer.name])


def _average(model, norms, images, step):
    """Run a forward pass in training mode; its momentum makes the moving statistics the mean of all steps."""
    for layer in norms:
        layer.momentum = (step - 1) / step
    model(images, training=True)


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
