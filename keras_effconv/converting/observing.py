"""What the channels of a network's maps are like on some images: means, summed up batch by batch."""

import keras
import numpy as np
from keras import ops

from keras_effconv.inference.rewriting import Graph, Step
from keras_effconv.layers.backend import up_sample
from keras_effconv.layers.octaves import pool

BATCH = 8  # images at a time: all maps of a network of one batch are in memory


class MeanSquare(keras.layers.Layer):
    """Average the squares of each channel over its map: (n, ..., c) -> (n, c)."""

    def call(self, inputs):
        return ops.mean(ops.square(inputs), axis=tuple(range(1, len(inputs.shape) - 1)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


class LostDetail(MeanSquare):
    """Average the squares of what 2 x 2 averaging and nearest up-sampling lose of each channel: (n, h, w, c) -> (n, c).

    Example:

    >>> x = keras.ops.reshape(keras.ops.array([1.0, 3.0, 1.0, 3.0]), (1, 2, 2, 1))
    >>> float(LostDetail()(x)[0, 0])
    1.0
    """

    def call(self, inputs):
        height, width = ops.shape(inputs)[1:3]
        return super().call(inputs - up_sample(pool(inputs, 1))[:, :height, :width])


def observe(model, wanted, measure, images, batch_size=BATCH):
    """Return the mean over images of a measure of some values of a model.

    Args:
        model: `keras.Model` with a functional graph.
        wanted: list of pairs (index of a step in `Graph(model).steps`, index of the value among its inputs).
        measure: class of layers, (n, h, w, c) -> (n, c).
        images: array, or a structure of arrays, as the model reads them.
        batch_size: int. Default 8.

    Returns:
        A list of float64 arrays (c,).
    """
    graph = Graph(model)
    outputs = []
    for step, index in wanted:
        value = graph.steps[step].inputs[index]
        outputs.append(keras.KerasTensor((value.shape[0], value.shape[-1])))
        graph.steps.append(Step(measure(), (value,), {}, outputs[-1:]))
    graph.outputs = outputs
    means = graph.build().predict(images, batch_size=batch_size, verbose=0)
    return [np.mean(each, axis=0, dtype="float64") for each in keras.tree.flatten(means)]
