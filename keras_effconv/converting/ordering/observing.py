"""What the channels of a network's maps are like on some images: means, summed up batch by batch."""

import keras
import numpy as np
from keras import ops

from keras_effconv.inference.rewriting import Graph
from keras_effconv.inference.steps import Step
from keras_effconv.layers.backend import up_sample
from keras_effconv.layers.octaves import pool

BATCH = 8  # images at a time: all maps of a network of one batch are in memory


class LostDetail(keras.layers.Layer):
    """Average the squares of what 2 x 2 averaging and nearest up-sampling lose of each channel: (n, h, w, c) -> (n, c).

    Example:

    >>> x = keras.ops.reshape(keras.ops.array([1.0, 3.0, 1.0, 3.0]), (1, 2, 2, 1))
    >>> float(LostDetail()(x)[0, 0])
    1.0
    """

    def call(self, inputs):
        height, width = ops.shape(inputs)[1:3]
        return ops.mean(ops.square(inputs - up_sample(pool(inputs, 1))[:, :height, :width]), axis=(1, 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


class Moments(keras.layers.Layer):
    """Average each channel, and its products with itself so many pixels away: (n, h, w, c) -> (n, 1 + lags, c).

    Args:
        reach: pair of ints, the most pixels, down and across. Products that leave the map are zero.
        **kwargs: `name`, `dtype`, as in `keras.layers.Layer`.

    Example:

    >>> x = keras.ops.reshape(keras.ops.array([1.0, 3.0, 1.0, 3.0]), (1, 2, 2, 1))
    >>> keras.ops.convert_to_numpy(Moments((0, 1))(x))[0, :, 0].tolist()  # the mean, to the left, itself, to the right
    [2.0, 1.5, 5.0, 1.5]
    """

    def __init__(self, reach, **kwargs):
        super().__init__(**kwargs)
        self.reach = tuple(reach)

    @property
    def lags(self):
        """List the pairs (down, across), those up left out: they are as far as those down."""
        down, across = self.reach
        return [(i, j) for i in range(down + 1) for j in range(-across, across + 1)]

    def call(self, inputs):
        size = ops.cast(ops.prod(ops.shape(inputs)[1:3]), inputs.dtype)
        return ops.stack([ops.mean(inputs, (1, 2)), *(self._product(inputs, *lag) / size for lag in self.lags)], 1)

    def _product(self, x, down, across):
        height, width = ops.shape(x)[1:3]
        first, second = max(-across, 0), max(across, 0)
        columns = width - first - second
        here, there = x[:, : height - down, first : first + columns], x[:, down:, second : second + columns]
        return ops.sum(here * there, (1, 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1 + len(self.lags), input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "reach": self.reach}


def observe(model, wanted, measure, images, batch_size=BATCH):
    """Return the mean over images of a measure of some values of a model.

    Args:
        model: `keras.Model` with a functional graph.
        wanted: list of pairs (index of a step in `Graph(model).steps`, index of the value among its inputs).
        measure: callable (step) -> layer, (n, ..., c) -> (n, ..., c).
        images: array, or a structure of arrays, as the model reads them.
        batch_size: int. Default 8.

    Returns:
        A list of float64 arrays, (..., c) each.
    """
    if not wanted:
        return []
    graph = Graph(model)
    outputs = []
    for step, index in wanted:
        value = graph.steps[step].inputs[index]
        layer = measure(graph.steps[step])
        outputs.append(keras.KerasTensor(layer.compute_output_shape(value.shape)))
        graph.steps.append(Step(layer, (value,), {}, outputs[-1:]))
    graph.outputs = outputs
    means = graph.build().predict(images, batch_size=batch_size, verbose=0)
    return [np.mean(each, axis=0, dtype="float64") for each in keras.tree.flatten(means)]
