"""OctDepthwiseConv2D: a depthwise convolution of each band by itself (ICCV 2019, arXiv:1904.05049)."""

import keras
from keras import ops

from keras_effconv.layers.base import Activation, Constraint, Initializer, IntPair, Regularizer
from keras_effconv.layers.octave_base import OctaveBase, feature_map_of
from keras_effconv.layers.octaves import channels_read, pool
from keras_effconv.utils.arguments import positive

KERNEL_ARGUMENTS = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")


@keras.saving.register_keras_serializable(package="keras_effconv")
class OctDepthwiseConv2D(OctaveBase):
    """Depthwise convolution of each band by itself: high to high and low to low only, as the OctConv authors do.

    The variables are `keras.layers.DepthwiseConv2D`'s: one `kernel` (k, k, C, depth_multiplier), high channels first.
    With `strides=1`, a plain map goes through as it would through `DepthwiseConv2D`; strides are average pooling.

    Follows "Drop an Octave", https://arxiv.org/abs/1904.05049, and its authors' code.

    Args:
        kernel_size: int or pair of ints, k.
        strides: int or pair of equal ints, 1 or a power of two. Default 1.
        padding: str, `"same"`; `"valid"` for 1 x 1 kernels. Default `"same"`.
        depth_multiplier: int, filters per channel. Default 1.
        dilation_rate: int or pair of ints. Excludes strides. Default 1.
        activation: str or callable, applied after the bias. Default `None`: none.
        use_bias: bool. Default `True`.
        depthwise_initializer: str or `Initializer`, of the kernel. Default `"glorot_uniform"`.
        depthwise_regularizer: str or `Regularizer`, of the kernel. Default `None`.
        depthwise_constraint: str or `Constraint`, of the kernel. Default `None`.
        bias_initializer: str or `Initializer`. Default `"zeros"`.
        bias_regularizer: str or `Regularizer`. Default `None`.
        bias_constraint: str or `Constraint`. Default `None`.
        activity_regularizer: str or `Regularizer`, of each band of the output. Default `None`.
        data_format: str, `"channels_last"`, the only one. Default `"channels_last"`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        A feature map as `OctConv2D` reads it.

    Output shape:
        The same bands at `1 / strides` of the resolution, with `depth_multiplier` times the channels.

    Raises:
        ValueError: if an argument or an input is not as above; the message names it.

    Example:

    >>> maps = {"high": keras.ops.ones((1, 8, 8, 6)), "low": keras.ops.ones((1, 4, 4, 2))}
    >>> {band: tuple(x.shape) for band, x in OctDepthwiseConv2D(3, strides=2)(maps).items()}
    {'high': (1, 4, 4, 6), 'low': (1, 2, 2, 2)}
    """

    def __init__(
        self,
        kernel_size: IntPair,
        strides: IntPair = 1,
        padding: str = "same",
        depth_multiplier: int = 1,
        dilation_rate: IntPair = 1,
        activation: Activation = None,
        use_bias: bool = True,
        depthwise_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        depthwise_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        depthwise_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        data_format: str = "channels_last",
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            dilation_rate,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            depthwise_constraint,
            bias_constraint,
            data_format,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.depth_multiplier = positive("depth_multiplier", depth_multiplier)

    def _written(self, read):
        return {band: count * self.depth_multiplier for band, count in read.items()}

    def build(self, input_shape):
        self.read = channels_read(self, input_shape)
        total = sum(self.read.values())
        self.filters = total * self.depth_multiplier
        self.kernel = self.add_kernel("kernel", (*self.kernel_size, total, self.depth_multiplier))
        self.add_bias()

    def call(self, inputs):
        maps, outputs, first = self._maps(inputs), {}, 0
        for band, count in self.read.items():
            kernel = self.kernel[:, :, first : first + count]
            pooled = pool(maps[band], self.octaves)
            output = ops.depthwise_conv(
                pooled, kernel, padding="same", data_format="channels_last", dilation_rate=self.dilation_rate
            )
            outputs[band] = self.finish(output, first * self.depth_multiplier)
            first += count
        return feature_map_of(outputs)

    def get_config(self):
        config = super().get_config()
        renamed = {key.replace("kernel_", "depthwise_"): config.pop(key) for key in KERNEL_ARGUMENTS}
        return {**config, **renamed, "depth_multiplier": self.depth_multiplier}


DEPTHWISE = (keras.layers.DepthwiseConv2D, OctDepthwiseConv2D)
