"""Batch statistics measured again: what a warm start of another kind needs before its features mean anything."""

import keras
import numpy as np


def recalibrate(model, batches, epochs=1):
    """Set the moving statistics of all batch normalisation to those of the data, without training a weight.

    A model whose weights were poured from a network of another kind computes something else in each layer, and the
    file's statistics are not its own. One pass with the plain average over batches puts them right.

    Args:
        model: a Keras model from images.
        batches: `keras.utils.PyDataset` of (images, labels); the labels are not used.
        epochs: int, passes. Default 1.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
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


def _average(model, norms, images, step):
    """One forward pass in training mode, with the momentum that makes the moving statistics the mean of all steps."""
    for layer in norms:
        layer.momentum = (step - 1) / step
    model(images, training=True)
