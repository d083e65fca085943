"""HetConv2D: k x k kernels on one part of the channels, 1 x 1 on the rest (CVPR 2019, arXiv:1903.04120)."""

import keras
from keras import ops

from keras_effconv.layers.backend import add, conv, grouped_conv, grouped_is_native, most_split_parts, split_conv
from keras_effconv.layers.base import Activation, Constraint, Initializer, IntPair, Regularizer
from keras_effconv.layers.het_parts import LAYOUTS, inverse, take
from keras_effconv.layers.het_runs import center
from keras_effconv.layers.het_weights import HetWeights
from keras_effconv.layers.padding import output_size, pad_same
from keras_effconv.utils.arguments import one_of, positive

EXECUTIONS = ("dense", "grouped", "split", "auto")


@keras.saving.register_keras_serializable(package="keras_effconv")
class HetConv2D(HetWeights):
    """Heterogeneous convolution: each filter sees one part of the channels through k x k, the others through 1 x 1.

    With M channels, N filters and P parts the layer holds `k * k * M / P + (M - M / P)` weights per filter and no
    more: `kernel` (the k x k ones) and `pointwise_kernel` (the 1 x 1 ones). It equals a convolution with
    `dense_kernel()`, where the 1 x 1 weights stand in the centre. P need not divide M or N: the first M mod P parts
    have one channel more, and likewise for filters. `parts=1` is a plain convolution.

    Its weights files also hold parts and layout; loading them into a layer of other parts or layout is an error.

    Follows "HetConv: Heterogeneous Kernel-Based Convolutions for Deep CNNs", https://arxiv.org/abs/1903.04120.

    Args:
        filters: int, N.
        kernel_size: int or pair of ints, k.
        strides: int or pair of ints. Default 1.
        padding: str, `"same"` (as TensorFlow pads) or `"valid"`. Default `"same"`.
        parts: int, P. Default 4.
        layout: str, which channels are a filter's part. `"grouped"`: contiguous blocks of channels and filters, the
            fast one. `"shifted"`: the paper's figure, channel c and filter n with `(c - n) % parts == 0`. Each is a
            permutation of the other. Default `"grouped"`.
        execution: str, how it is computed; variables and outputs are the same. `"dense"`: one convolution with the
            assembled kernel. `"grouped"`: a grouped k x k and a 1 x 1. `"split"`: one small k x k per part and a
            1 x 1. `"auto"` chooses by backend and shape. Default `"auto"`.
        dilation_rate: int or pair of ints. Excludes strides. Default 1.
        activation: str or callable, applied after the bias. Default `None`: none.
        use_bias: bool. Default `True`.
        kernel_initializer: str or `Initializer`. It draws a dense kernel, of which the layer keeps what it holds;
            variance scaling is corrected for the smaller number of weights. Default `"glorot_uniform"`.
        bias_initializer: str or `Initializer`. Default `"zeros"`.
        kernel_regularizer: str or `Regularizer`, of both kernels. Default `None`.
        bias_regularizer: str or `Regularizer`. Default `None`.
        activity_regularizer: str or `Regularizer`, of the output. Default `None`.
        kernel_constraint: str or `Constraint`, of both kernels. Default `None`.
        bias_constraint: str or `Constraint`. Default `None`.
        data_format: str, `"channels_last"`, the only one. Default `"channels_last"`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        `(n, h, w, M)`.

    Output shape:
        `(n, h', w', filters)`.

    Raises:
        ValueError: if an argument is not as above; the message names it.

    Example:

    >>> layer = HetConv2D(8, 3, parts=4)
    >>> tuple(layer(keras.ops.ones((1, 5, 5, 16))).shape)
    (1, 5, 5, 8)
    >>> tuple(layer.kernel.shape), tuple(layer.pointwise_kernel.shape), tuple(layer.dense_kernel().shape)
    ((3, 3, 4, 8), (12, 8), (3, 3, 16, 8))
    """

    def __init__(
        self,
        filters: int,
        kernel_size: IntPair,
        strides: IntPair = 1,
        padding: str = "same",
        parts: int = 4,
        layout: str = "grouped",
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
        self.parts = positive("parts", parts)
        self.layout = one_of("layout", layout, LAYOUTS)
        self.execution = one_of("execution", execution, EXECUTIONS)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        self.compute_output_shape(tuple(inputs.shape))  # TensorFlow computes nonsense where it raises
        execution = self.execution if self.execution != "auto" else self._fastest()
        if execution == "dense":
            return self.finish(conv(inputs, self.dense_kernel(), self.strides, self.padding, self.dilation_rate))
        padded, padding = self._padded(take(inputs, self.packing.channel_order, axis=-1))
        to_filters = inverse(self.packing.filter_order)
        outputs = take(self._wide(padded, padding, execution), to_filters, axis=-1)
        if self.pointwise_kernel is None:
            return self.finish(outputs)
        kernel = take(self.packing.narrow_kernel(self.pointwise_kernel), to_filters, axis=1)
        narrow = conv(self._centers(padded, padding), kernel[None, None], self.strides)
        if self.use_bias:  # before the sum: see `add`
            narrow = ops.add(narrow, self.bias)
        return self.activation(add(narrow, outputs))

    def _fastest(self):
        """Choose an execution: grouped for many parts, separate convolutions for few (see docs/layers.md)."""
        one_run = len(self.packing.runs) == 1
        if one_run and self.parts > most_split_parts() and self._groups_are_native():
            return "grouped"
        return "split"

    def _groups_are_native(self):
        return grouped_is_native(self.compute_dtype, max(self.dilation_rate) > 1)

    def _padded(self, x):
        """Return the map and the padding left to do: none unless "same" windows have their centres on a stride grid."""
        reach = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation_rate)]
        on_grid = all(r // 2 == d * c for r, d, c in zip(reach, self.dilation_rate, center(self.kernel_size)))
        if self.padding == "valid" or (max(self.strides) == 1 and on_grid):
            return x, self.padding
        return pad_same(x, self.kernel_size, self.strides, self.dilation_rate), "valid"

    def _centers(self, x, padding):
        """Return the map that a 1 x 1 convolution must see to read the centre of each k x k window."""
        if padding == "same":
            return x
        crop = [slice(None)]
        for size, k, d, c in zip(ops.shape(x)[1:3], self.kernel_size, self.dilation_rate, center(self.kernel_size)):
            crop.append(slice(d * c, size - d * (k - 1 - c)))
        return x[tuple(crop)]

    def _wide(self, x, padding, execution):
        """Apply the k x k kernels to the part each filter sees; zeros for filters whose part has no channel."""
        options = (self.strides, padding, self.dilation_rate)
        split = execution == "split" or not self._groups_are_native()
        outputs = []
        for run, kernel in self.packing.wide_kernels(self.kernel):
            if run.channels:
                maps = x[..., run.inputs]
                output = (
                    split_conv(maps, kernel, run.parts, *options) if split else grouped_conv(maps, kernel, *options)
                )
                outputs.append(output)
        outputs = ops.concatenate(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        missing = self.filters - outputs.shape[-1]
        return ops.pad(outputs, [[0, 0]] * 3 + [[0, missing]]) if missing else outputs

    def compute_output_shape(self, input_shape):
        sizes = zip(input_shape[1:3], self.kernel_size, self.strides, (self.padding,) * 2, self.dilation_rate)
        outputs = [output_size(*size) for size in sizes]
        if 0 in outputs:
            raise ValueError(f"`{self.name}` must have a kernel no larger than its map. Received: {input_shape}")
        return (input_shape[0], *outputs, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "parts": self.parts, "layout": self.layout, "execution": self.execution}
        return {**super().get_config(), **own}
