"""A moving average of a network's weights and batch statistics, kept inside the training step."""

from types import SimpleNamespace

import keras
from keras import ops


class MovingAverage(keras.layers.Layer):
    """A shadow of each weight of a network, that follows it: `shadow = d * shadow + (1 - d) * weight`.

    The layer returns its input; called in training it moves the shadows, once a call, in the graph. `d` is
    `min(decay, (1 + n) / (10 + n))` with n calls done, as `tf.train.ExponentialMovingAverage` of TensorFlow 1 has it.
    In a training step the forward pass comes before the update, so the shadows follow the weights one step behind.

    Args:
        network: `keras.Model`, built; it stays outside of the layer's own variables.
        decay: float, 0 to 1.

    Example:

    >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> average = MovingAverage(network, decay=0.9)
    >>> outputs = average(network(ops.ones((1, 2))), training=True)
    >>> average.swap()  # the network is the average now: evaluate, save, and swap back
    >>> average.swap()
    """

    def __init__(self, network, decay, **layer_arguments):
        super().__init__(**{"dtype": "float32", "name": "average", **layer_arguments})
        self.decay = decay
        self._network = SimpleNamespace(weights=tuple(network.weights))  # Keras would track a plain tuple
        self.steps = self._state("steps", (), "int32", "zeros")
        self.shadows = [
            self._state(weight.path.replace("/", "_"), weight.shape, weight.dtype, _values_of(weight))
            for weight in self._network.weights
        ]
        self.built = True

    def _state(self, name, shape, dtype, initializer):
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )

    def call(self, inputs, training=False):
        if training:
            self._move()
        return inputs

    def _move(self):
        done = ops.cast(self.steps, "float32")
        decay = ops.minimum(self.decay, (1 + done) / (10 + done))
        for shadow, weight in zip(self.shadows, self._network.weights):
            rate = ops.cast(1 - decay, shadow.dtype)
            shadow.assign_add(rate * (ops.stop_gradient(weight.value) - shadow.value))
        self.steps.assign_add(1)

    def swap(self):
        """Exchange the values of the network and of the average. Not inside a traced function."""
        for shadow, weight in zip(self.shadows, self._network.weights):
            kept = ops.convert_to_numpy(weight)
            weight.assign(shadow.value)
            shadow.assign(kept)

    def sync(self):
        """Start again: set the average to what the network has now."""
        for shadow, weight in zip(self.shadows, self._network.weights):
            shadow.assign(weight.value)
        self.steps.assign(0)

    def compute_output_shape(self, input_shape):
        return input_shape


def _values_of(weight):
    return lambda shape, dtype=None: ops.cast(ops.copy(weight.value), dtype)
