"""HetConv2D: k x k kernels on one part of the channels, 1 x 1 on the rest (CVPR 2019, arXiv:1903.04120)."""

import math

import keras
import numpy as np
from keras import ops

from keras_effconv.layers.backend import add, conv, grouped_conv, grouped_is_native, most_split_parts, split_conv
from keras_effconv.layers.base import ConvolutionBase
from keras_effconv.layers.het_parts import (
    center,
    cut,
    pack,
    part_order,
    pointwise_of,
    runs_of,
    scatter_narrow,
    scatter_wide,
    stored_shape,
    unpack,
)
from keras_effconv.layers.padding import output_size, pad_same
from keras_effconv.utils.arguments import one_of, positive

CORRELATIONS = {"center": 0.0, "correlated": 0.5, "sum": 1.0}  # of neighbouring pixels: see `HetConv2D.cut`


@keras.saving.register_keras_serializable(package="keras_effconv")
class HetConv2D(ConvolutionBase):
    """Heterogeneous convolution: each filter sees one part of the channels through k x k, the others through 1 x 1.

    With M channels, N filters and P parts the layer holds `k * k * M / P + (M - M / P)` weights per filter and no
    more: `kernel` (the k x k ones) and `pointwise_kernel` (the 1 x 1 ones). It equals a convolution with
    `dense_kernel()`, where the 1 x 1 weights stand in the centre. P need not divide M or N: the first M mod P parts
    have one channel more, and likewise for filters. `parts=1` is a plain convolution.

    Follows "HetConv: Heterogeneous Kernel-Based Convolutions for Deep CNNs", https://arxiv.org/abs/1903.04120.

    Args:
        filters: int, N.
        kernel_size: int or pair of ints, k.
        strides: int or pair of ints. Default 1.
        padding: `"same"` (as TensorFlow pads) or `"valid"`. Default `"same"`.
        parts: int, P. Default 4.
        layout: which channels are a filter's part. `"grouped"`: contiguous blocks of channels and filters, the fast
            one. `"shifted"`: the paper's figure, channel c and filter n with `(c - n) % parts == 0`. Each is a
            permutation of the other. Default `"grouped"`.
        execution: how it is computed; variables and outputs are the same. `"dense"`: one convolution with the
            assembled kernel. `"grouped"`: a grouped k x k and a 1 x 1. `"split"`: one small k x k per part and a
            1 x 1. `"auto"` chooses by backend and shape. Default `"auto"`.
        **arguments: `dilation_rate`, `activation`, `use_bias`, `kernel_initializer`, `bias_initializer`,
            `kernel_regularizer`, `bias_regularizer`, `activity_regularizer`, `kernel_constraint`,
            `bias_constraint`, `name`, `dtype`, `trainable`, as in `keras.layers.Conv2D`; what is said of the kernel
            holds for both kernels.

    Input shape: `(n, h, w, M)`. Output shape: `(n, h', w', filters)`.

    Raises:
        ValueError: for an argument that is not as above; the message names it.

    Example:

    >>> layer = HetConv2D(8, 3, parts=4)
    >>> tuple(layer(keras.ops.ones((1, 5, 5, 16))).shape)
    (1, 5, 5, 8)
    >>> tuple(layer.kernel.shape), tuple(layer.pointwise_kernel.shape), tuple(layer.dense_kernel().shape)
    ((3, 3, 4, 8), (12, 8), (3, 3, 16, 8))
    """

    def __init__(
        self, filters, kernel_size, strides=1, padding="same", parts=4, layout="grouped", execution="auto", **arguments
    ):
        super().__init__(kernel_size, strides, padding, **arguments)
        self.filters = positive("filters", filters)
        self.parts = positive("parts", parts)
        self.layout = one_of("layout", layout, ("grouped", "shifted"))
        self.execution = one_of("execution", execution, ("dense", "grouped", "split", "auto"))
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.channels = input_shape[-1]
        if self.channels is None:
            raise ValueError(f"`HetConv2D` must know the number of channels. Received: input_shape={input_shape}")
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: self.channels})
        self.runs = runs_of(self.channels, self.filters, self.parts)
        self._channel_order = part_order(self.channels, self.parts, self.layout)
        self._filter_order = part_order(self.filters, self.parts, self.layout)
        self._run_filters = [run.parts * run.filters for run in self.runs]
        self._wide_rows = [run.channels for run in self.runs]
        self._narrow_rows = [self.channels - run.channels for run in self.runs]
        wide = (*self.kernel_size, *stored_shape(self._wide_rows, self._run_filters))
        narrow = stored_shape(self._narrow_rows, self._run_filters)
        self.kernel = self.add_kernel("kernel", wide, self._initial(0))
        self.pointwise_kernel = None
        if math.prod(narrow):
            self.pointwise_kernel = self.add_kernel("pointwise_kernel", narrow, self._initial(1))
        self.add_bias()

    def _initial(self, index):
        """An initializer that draws a dense kernel and keeps what this layer holds of it.

        Variance scaling then counts more inputs per filter than there are, by `density`: put right here.
        """

        def initializer(shape, dtype=None):
            dense = (*self.kernel_size, self.channels, self.filters)
            kept = self.cut(np.arange(math.prod(dense)).reshape(dense))[index]
            values = ops.take(ops.reshape(self.kernel_initializer(dense, dtype=dtype), (-1,)), kept.reshape(shape))
            scaled = isinstance(self.kernel_initializer, keras.initializers.VarianceScaling)
            return values / math.sqrt(self.density) if scaled else values

        return initializer

    @property
    def weights_per_position(self):
        """The weights that one output position multiplies with: the layer's own, bias apart."""
        wide = self._wide_weights
        return math.prod(self.kernel_size) * wide + self.channels * self.filters - wide

    @property
    def weights_executed(self):
        """The products that an output position costs as executed: the 1 x 1 runs over all channels."""
        window, wide = math.prod(self.kernel_size), self._wide_weights
        if self.execution == "dense":
            return window * self.channels * self.filters
        return window * wide + (self.channels * self.filters if self.pointwise_kernel is not None else 0)

    @property
    def _wide_weights(self):
        return sum(map(math.prod, zip(self._wide_rows, self._run_filters)))

    @property
    def density(self):
        """The weights over those of a plain convolution: `1 / P + (1 - 1 / P) / k ** 2` where P divides M."""
        return self.weights_per_position / (math.prod(self.kernel_size) * self.channels * self.filters)

    def cut(self, dense, pointwise="center"):
        """The values of `kernel` and `pointwise_kernel` nearest to a dense kernel.

        Args:
            dense: array (k, k, M, N).
            pointwise: what becomes of a k x k kernel where the layer has 1 x 1: its `"center"`; its `"sum"`, which
                keeps the response to a map that does not change over k pixels; or `"correlated"`, a sum with weights
                0.5 ** distance, which loses least where neighbours correlate so. Default `"center"`.

        Returns:
            A pair of NumPy arrays in the shapes of the variables; the second is empty where there is no 1 x 1.
        """
        dense = np.asarray(dense)
        if self._channel_order is not None:
            dense = dense[:, :, self._channel_order][..., self._filter_order]
        neighbours = CORRELATIONS[one_of("pointwise", pointwise, tuple(CORRELATIONS))]
        wide, rest = cut(dense, pointwise_of(dense, neighbours), self.runs)
        return pack(wide), pack(rest)

    @property
    def _center(self):
        return center(self.kernel_size)

    def _wide_kernels(self):
        return list(zip(self.runs, unpack(ops.convert_to_tensor(self.kernel), self._wide_rows, self._run_filters)))

    def _narrow_kernel(self):
        """(M, N) in part order, with zeros where the k x k kernels stand; `None` where there is no 1 x 1 at all."""
        if self.pointwise_kernel is None:
            return None
        kernels = unpack(ops.convert_to_tensor(self.pointwise_kernel), self._narrow_rows, self._run_filters)
        scattered = [scatter_narrow(run, kernel, self.channels) for run, kernel in zip(self.runs, kernels)]
        return ops.concatenate(scattered, axis=-1)

    def dense_kernel(self):
        """The (k, k, M, N) kernel of the plain convolution that this layer equals."""
        columns = [scatter_wide(run, kernel, self.channels) for run, kernel in self._wide_kernels()]
        dense, narrow = ops.concatenate(columns, axis=-1), self._narrow_kernel()
        if narrow is not None:
            around = [[c, k - 1 - c] for c, k in zip(self._center, self.kernel_size)]
            dense = dense + ops.pad(narrow[None, None], [*around, [0, 0], [0, 0]])
        dense = _take(dense, _inverse(self._channel_order), axis=2)
        return _take(dense, _inverse(self._filter_order), axis=3)

    def call(self, inputs):
        execution = self.execution if self.execution != "auto" else self._fastest()
        if execution == "dense":
            return self.finish(conv(inputs, self.dense_kernel(), self.strides, self.padding, self.dilation_rate))
        padded, padding = self._padded(_take(inputs, self._channel_order, axis=-1))
        to_filters = _inverse(self._filter_order)
        outputs = _take(self._wide(padded, padding, execution), to_filters, axis=-1)
        if self.pointwise_kernel is None:
            return self.finish(outputs)
        kernel = _take(self._narrow_kernel(), to_filters, axis=1)
        narrow = conv(self._centers(padded, padding), kernel[None, None], self.strides)
        if self.use_bias:  # before the sum: see `add`
            narrow = ops.add(narrow, self.bias)
        return self.activation(add(narrow, outputs))

    def _fastest(self):
        """Many parts are faster as one grouped convolution, few as separate ones: see docs/layers.md."""
        one_run = len(self.runs) == 1
        if one_run and self.parts > most_split_parts() and grouped_is_native(max(self.dilation_rate) > 1):
            return "grouped"
        return "split"

    def _padded(self, x):
        """The map and the padding left to do: none where the centres of k x k "same" windows lie on a stride grid."""
        reach = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation_rate)]
        on_grid = all(r // 2 == d * c for r, d, c in zip(reach, self.dilation_rate, self._center))
        if self.padding == "valid" or (max(self.strides) == 1 and on_grid):
            return x, self.padding
        return pad_same(x, self.kernel_size, self.strides, self.dilation_rate), "valid"

    def _centers(self, x, padding):
        """The map that a 1 x 1 convolution must see to read the centre of each k x k window."""
        if padding == "same":
            return x
        crop = [slice(None)]
        for size, k, d, c in zip(ops.shape(x)[1:3], self.kernel_size, self.dilation_rate, self._center):
            crop.append(slice(d * c, size - d * (k - 1 - c)))
        return x[tuple(crop)]

    def _wide(self, x, padding, execution):
        """The k x k kernels on the part each filter sees; zeros for filters whose part has no channel."""
        options = (self.strides, padding, self.dilation_rate)
        outputs = []
        for run, kernel in self._wide_kernels():
            if run.channels:
                split = execution == "split" or not grouped_is_native(max(self.dilation_rate) > 1)
                maps = x[..., run.inputs]
                outputs.append(
                    split_conv(maps, kernel, run.parts, *options) if split else grouped_conv(maps, kernel, *options)
                )
        outputs = ops.concatenate(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        missing = self.filters - outputs.shape[-1]
        return ops.pad(outputs, [[0, 0]] * 3 + [[0, missing]]) if missing else outputs

    def compute_output_shape(self, input_shape):
        sizes = zip(input_shape[1:3], self.kernel_size, self.strides, (self.padding,) * 2, self.dilation_rate)
        return (input_shape[0], *(output_size(*size) for size in sizes), self.filters)

    def get_config(self):
        own = {"filters": self.filters, "parts": self.parts, "layout": self.layout, "execution": self.execution}
        return {**super().get_config(), **own}


def _take(x, order, axis):
    return x if order is None else ops.take(x, order, axis=axis)


def _inverse(order):
    return None if order is None else np.argsort(order)
