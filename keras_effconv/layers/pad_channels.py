"""PadChannels: a shortcut without parameters, for the CIFAR ResNets."""

import keras
from keras import ops

from keras_effconv.utils.arguments import positive


@keras.saving.register_keras_serializable(package="keras_effconv")
class PadChannels(keras.layers.Layer):
    """Pad a map with channels of zeros, half of them on each side.

    "Option A" of "Deep Residual Learning", https://arxiv.org/abs/1512.03385, section 4.2.

    Args:
        filters: int, the channels of the output; at least those of the input.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        `(n, h, w, c)`.

    Output shape:
        `(n, h, w, filters)`.

    Raises:
        ValueError: if the input has more than `filters` channels.

    Example:

    >>> tuple(PadChannels(8)(keras.ops.ones((1, 4, 4, 3))).shape)
    (1, 4, 4, 8)
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
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
