"""TakeChannels: the channels of a map in another order."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_effconv")
class TakeChannels(keras.layers.Layer):
    """Take channels of a tensor, in an order.

    Args:
        indices: sequence of ints: output channel i is input channel `indices[i]`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        `(..., c)`.

    Output shape:
        `(..., len(indices))`.

    Example:

    >>> keras.ops.convert_to_numpy(TakeChannels([2, 0, 1])(keras.ops.arange(3.0)[None])).tolist()
    [[2.0, 0.0, 1.0]]
    """

    def __init__(self, indices, **kwargs):
        super().__init__(**kwargs)
        self.indices = [int(index) for index in indices]

    def call(self, inputs):
        return ops.take(inputs, self.indices, axis=-1)

    def build(self, input_shape):
        if self.indices and not 0 <= min(self.indices) <= max(self.indices) < input_shape[-1]:
            raise ValueError(f"`indices` must be below {input_shape[-1]}. Received: indices={self.indices}")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], len(self.indices))

    def get_config(self):
        return {**super().get_config(), "indices": self.indices}
