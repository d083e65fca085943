"""Grouped convolution as a layer, without an XLA island on TensorFlow."""

import keras

from keras_effconv.layers.backend import conv_in_groups


@keras.saving.register_keras_serializable(package="keras_effconv")
class GroupConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with groups, in a form that TensorFlow can serve: see `backend.grouped_conv`.

    Its arguments are those of `keras.layers.Conv2D`; with channels first it is that layer.

    Example:

    >>> layer = GroupConv2D(8, 3, groups=4, padding="same")
    >>> tuple(layer(keras.ops.ones((1, 5, 5, 16))).shape), tuple(layer.kernel.shape)
    ((1, 5, 5, 8), (3, 3, 4, 8))
    """

    def convolution_op(self, inputs, kernel):
        if self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        options = (tuple(self.strides), self.padding, tuple(self.dilation_rate))
        return conv_in_groups(inputs, kernel, self.groups, *options)
