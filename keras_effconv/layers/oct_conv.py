"""OctConv2D: feature maps in a high and a half-resolution low band (ICCV 2019, arXiv:1904.05049)."""

import functools
import itertools
import numbers

import keras
from keras import ops

from keras_effconv.feature_maps import split_channels
from keras_effconv.layers.backend import add, conv_in_groups, sums_are_fused, up_sample
from keras_effconv.layers.base import Activation, Constraint, Initializer, IntPair, Regularizer
from keras_effconv.layers.octave_base import OctaveBase, feature_map_of
from keras_effconv.layers.octaves import DEPTH, add_up_sampled, broadcast_up, channels_read, pool
from keras_effconv.utils.arguments import one_of, positive

EXECUTIONS = ("joined", "separate", "auto")


@keras.saving.register_keras_serializable(package="keras_effconv")
class OctConv2D(OctaveBase):
    """Octave convolution: reads and writes feature maps whose low band has half the resolution.

    The variables are `Conv2D`'s own: one dense `kernel` of shape (k, k, C, N), cut in four: rows by the band read,
    columns by the band written, high first. So the number of parameters does not depend on alpha, and weights of a
    plain convolution fit. The bias is added once, the activation follows the sum of the paths. Strides are average
    pooling of both bands, then a convolution with stride 1. Every size works, odd ones too.

    Follows "Drop an Octave", https://arxiv.org/abs/1904.05049, and its authors' code.

    Args:
        filters: int, N.
        kernel_size: int or pair of ints, k.
        strides: int or pair of equal ints, 1 or a power of two. Default 1.
        padding: str, `"same"`; `"valid"` for 1 x 1 kernels. Default `"same"`.
        alpha: float from 0 to 1, the low band's share of the filters: `int(alpha * filters)`. Default 0.25.
        multiple: int; from 2 on, the low band has the multiple of it that is nearest to `alpha * filters`, be it 0.
            Default 1.
        groups: int; each path is a grouped convolution. Must divide the channels of each band. Default 1.
        execution: str, how it is computed, which changes no output. `"separate"`: each path is a convolution, whose
            sum with another is part of it on a CPU with TensorFlow. `"joined"`: paths that arrive at a band's own size
            are one convolution over their concatenation. `"auto"`: the first on TensorFlow. Default `"auto"`.
        dilation_rate: int or pair of ints. Excludes strides. Default 1.
        activation: str or callable, applied after the bias. Default `None`: none.
        use_bias: bool. Default `True`.
        kernel_initializer: str or `Initializer`, of the kernel. Default `"glorot_uniform"`.
        kernel_regularizer: str or `Regularizer`, of the kernel. Default `None`.
        kernel_constraint: str or `Constraint`, of the kernel. Default `None`.
        bias_initializer: str or `Initializer`. Default `"zeros"`.
        bias_regularizer: str or `Regularizer`. Default `None`.
        bias_constraint: str or `Constraint`. Default `None`.
        activity_regularizer: str or `Regularizer`, of each band of the output. Default `None`.
        data_format: str, `"channels_last"`, the only one. Default `"channels_last"`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        `(n, h, w, C)`; or a dict with `"high"` `(n, h, w, C_high)` and `"low"` `(n, ceil(h / 2), ceil(w / 2), C_low)`;
        or a dict with `"low"` alone.

    Output shape:
        `(n, h', w', filters)` for `alpha=0` or a low band that rounds to 0, else a dict of the bands that have filters.

    Raises:
        ValueError: if an argument or an input is not as above; the message names it.

    Example:

    >>> layer = OctConv2D(8, 3, alpha=0.25)
    >>> maps = layer(keras.ops.ones((1, 9, 9, 4)))
    >>> tuple(maps["high"].shape), tuple(maps["low"].shape), tuple(layer.kernel.shape)
    ((1, 9, 9, 6), (1, 5, 5, 2), (3, 3, 4, 8))
    """

    def __init__(
        self,
        filters: int,
        kernel_size: IntPair,
        strides: IntPair = 1,
        padding: str = "same",
        alpha: float = 0.25,
        groups: int = 1,
        execution: str = "auto",
        dilation_rate: IntPair = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        data_format: str = "channels_last",
        multiple: int = 1,
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            data_format,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = positive("filters", filters)
        self.groups = positive("groups", groups)
        self.execution = one_of("execution", execution, EXECUTIONS)
        if isinstance(alpha, bool) or not isinstance(alpha, numbers.Real) or not 0 <= alpha <= 1:
            raise ValueError(f"`alpha` must be a number from 0 to 1. Received: alpha={alpha!r}")
        self.alpha = float(alpha)
        self.multiple = positive("multiple", multiple)

    def _written(self, read):
        return split_channels(self.filters, self.alpha, self.multiple)

    def build(self, input_shape):
        self.read = channels_read(self, input_shape)
        counts = [*self.read.values(), *self._written(self.read).values()]
        if any(count % self.groups for count in counts):
            raise ValueError(
                "`groups` must divide the channels of each band read and written (for a depthwise convolution see "
                f"`OctDepthwiseConv2D`). Received: groups={self.groups}, channels={counts}"
            )
        rows = sum(self.read.values()) // self.groups
        self.kernel = self.add_kernel("kernel", (*self.kernel_size, rows, self.filters))
        self.add_bias()

    def call(self, inputs):
        maps = self._maps(inputs)
        outputs, first = {}, 0
        for write, count in self._written(self.read).items():
            outputs[write] = self.activation(self._write(maps, write, slice(first, first + count)))
            first += count
        return feature_map_of(outputs)

    def _write(self, maps, write, columns):
        """Add the paths into one band, with the bias, which comes before other sums: see `backend.add`."""
        arriving, up, first = [], None, 0
        for read, count in self.read.items():
            kernel = self.kernel[:, :, first : first + count // self.groups, columns]
            first += count // self.groups
            octaves = DEPTH[write] - DEPTH[read] + self.octaves
            if octaves < 0:
                up = self._convolve(maps[read], kernel)
            else:
                arriving.append((pool(maps[read], octaves), kernel))
        if not arriving:
            return up_sample(self._biased(up, columns))
        joined = self.execution == "joined" or (self.execution == "auto" and not sums_are_fused())
        if joined and self.groups == 1:
            arriving = [tuple(ops.concatenate(each, axis) for each, axis in zip(zip(*arriving), (-1, 2)))]
        output, *others = itertools.starmap(self._convolve, arriving)
        output = functools.reduce(add, others, self._biased(output, columns))
        if up is None:
            return output
        return broadcast_up(output, up) if joined else add_up_sampled(output, up)

    def _biased(self, x, columns):
        return ops.add(x, self.bias[columns]) if self.use_bias else x

    def _convolve(self, x, kernel):
        return conv_in_groups(x, kernel, self.groups, dilation_rate=self.dilation_rate)

    def get_config(self):
        names = ("filters", "alpha", "multiple", "groups", "execution")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
