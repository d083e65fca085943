"""The shortcut without parameters of the CIFAR ResNets."""

import keras
from keras import ops

from keras_effconv.utils.arguments import positive


@keras.saving.register_keras_serializable(package="keras_effconv")
class PadChannels(keras.layers.Layer):
    """Zeros for the channels that a map lacks, half of them on each side: (n, h, w, c) -> (n, h, w, filters).

    "Option A" of "Deep Residual Learning", https://arxiv.org/abs/1512.03385, section 4.2.

    Args:
        filters: int, at least the channels of the input.

    Raises:
        ValueError: for an input with more channels.

    Example:

    >>> tuple(PadChannels(8)(keras.ops.ones((1, 4, 4, 3))).shape)
    (1, 4, 4, 8)
    """

    def __init__(self, filters, **arguments):
        super().__init__(**arguments)
        self.filters = positive("filters", filters)

    def build(self, input_shape):
        if input_shape[-1] > self.filters:
            raise ValueError(f"`filters` must be at least {input_shape[-1]}. Received: filters={self.filters}")

    def call(self, inputs):
        missing = self.filters - inputs.shape[-1]
        return ops.pad(inputs, [[0, 0]] * 3 + [[missing // 2, missing - missing // 2]])

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}
