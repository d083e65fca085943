"""OctConv2D: feature maps in a high and a half-resolution low band (ICCV 2019, arXiv:1904.05049)."""

import functools
import itertools
import numbers

import keras
from keras import ops

from keras_effconv.feature_maps import bands, half, split_channels
from keras_effconv.layers.backend import add, conv_in_groups
from keras_effconv.layers.base import ConvolutionBase
from keras_effconv.layers.octaves import DEPTH, add_up_sampled, broadcast_up, pool, up_sample
from keras_effconv.utils.arguments import one_of, positive

EXECUTIONS = ("joined", "separate", "auto")


class OctaveBase(ConvolutionBase):
    """Bands in, bands out, and how a path changes resolution.

    One rule covers all paths and strides: `octaves = depth(write) - depth(read) + log2(stride)`. So many 2 x 2
    average pools come before the convolution; -1 is a nearest up-sampling after it. Strides are pooling.
    """

    def __init__(self, kernel_size, strides=1, padding="same", **arguments):
        super().__init__(kernel_size, strides, padding, **arguments)
        self.octaves = self.strides[0].bit_length() - 1
        if self.strides != (1 << self.octaves,) * 2:
            raise ValueError(f"`strides` must be 1 or a power of two, in both directions. Received: strides={strides}")
        if self.padding == "valid" and max(self.kernel_size) > 1:
            raise ValueError(
                "`padding='valid'` is defined for 1 x 1 kernels only: a band of half the resolution would shrink "
                f"twice as fast. Received: kernel_size={kernel_size}, padding='valid'"
            )

    def _read_bands(self, input_shape):
        """The channels of each band of the input; checks what arrives."""
        shapes = bands(input_shape)
        legal = set(shapes) <= set(DEPTH) and all(len(shape) == 4 and shape[-1] for shape in shapes.values())
        if not shapes or not legal:
            raise ValueError(
                f"`{type(self).__name__}` expects a map (n, h, w, c) with known channels, or a dict of them with the "
                f"keys 'high' and 'low'. Received: input_shape={input_shape}"
            )
        if len(shapes) == 2:
            wanted = [half(size) for size in shapes["high"][1:3]]
            if any(None not in sizes and sizes[0] != sizes[1] for sizes in zip(wanted, shapes["low"][1:3])):
                raise ValueError(
                    f"`{type(self).__name__}` expects a low band of half the high band's size, rounded up: "
                    f"{tuple(wanted)}. Received: high={tuple(shapes['high'])}, low={tuple(shapes['low'])}"
                )
        return {band: shapes[band][-1] for band in DEPTH if band in shapes}

    def compute_output_shape(self, input_shape):
        shapes = bands(input_shape)
        n, *sizes, _ = shapes.get("high") or shapes["low"]
        if "high" not in shapes:
            sizes = [None if size is None else 2 * size for size in sizes]
        for _ in range(self.octaves):
            sizes = [half(size) for size in sizes]
        low = [half(size) for size in sizes]
        written = self._written(self._read_bands(input_shape))
        outputs = {band: (n, *(low if DEPTH[band] else sizes), count) for band, count in written.items()}
        return feature_map_of(outputs)

    def _finish_bands(self, outputs):
        first, finished = 0, {}
        for band, output in outputs.items():
            finished[band] = self.finish(output, first)
            first += output.shape[-1]
        return feature_map_of(finished)


def feature_map_of(outputs):
    """A dict of bands, or what the high band holds where it is the only one."""
    return outputs["high"] if set(outputs) == {"high"} else outputs


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
        strides: 1 or a power of two. Default 1.
        padding: `"same"`; `"valid"` for 1 x 1 kernels. Default `"same"`.
        alpha: float from 0 to 1, the low band's share of the filters: `int(alpha * filters)`. Default 0.25.
        groups: int; each path is a grouped convolution. Must divide the channels of each band. Default 1.
        execution: how it is computed, which changes no output. `"separate"`: each path is a convolution, whose sum
            with another is part of it on a CPU with TensorFlow. `"joined"`: paths that arrive at a band's own size are
            one convolution over their concatenation. `"auto"`: the first on TensorFlow. Default `"auto"`.
        **arguments: `dilation_rate`, `activation`, `use_bias`, `kernel_initializer`, `bias_initializer`,
            `kernel_regularizer`, `bias_regularizer`, `activity_regularizer`, `kernel_constraint`,
            `bias_constraint`, `name`, `dtype`, `trainable`, as in `keras.layers.Conv2D`.

    Input: a map (n, h, w, C), or a dict of `"high"` (n, h, w, C_high) and `"low"` (n, ceil(h / 2), ceil(w / 2),
        C_low), or of `"low"` alone.
    Output: a map for `alpha=0`, else a dict with the bands that have filters.

    Raises:
        ValueError: for an argument or an input that is not as above; the message names it.

    Example:

    >>> layer = OctConv2D(8, 3, alpha=0.25)
    >>> maps = layer(keras.ops.ones((1, 9, 9, 4)))
    >>> tuple(maps["high"].shape), tuple(maps["low"].shape), tuple(layer.kernel.shape)
    ((1, 9, 9, 6), (1, 5, 5, 2), (3, 3, 4, 8))
    """

    def __init__(
        self, filters, kernel_size, strides=1, padding="same", alpha=0.25, groups=1, execution="auto", **arguments
    ):
        super().__init__(kernel_size, strides, padding, **arguments)
        self.filters = positive("filters", filters)
        self.groups = positive("groups", groups)
        self.execution = one_of("execution", execution, EXECUTIONS)
        if not isinstance(alpha, numbers.Real) or not 0 <= alpha <= 1:
            raise ValueError(f"`alpha` must be a number from 0 to 1. Received: alpha={alpha!r}")
        self.alpha = float(alpha)

    def _written(self, read):
        return split_channels(self.filters, self.alpha)

    def build(self, input_shape):
        self.read = self._read_bands(input_shape)
        counts = [*self.read.values(), *self._written(self.read).values()]
        if any(count % self.groups for count in counts):
            raise ValueError(
                "`groups` must divide the channels of each band read and written (for a depthwise convolution see "
                f"OctDepthwiseConv2D). Received: groups={self.groups}, channels={counts}"
            )
        rows = sum(self.read.values()) // self.groups
        self.kernel = self.add_kernel("kernel", (*self.kernel_size, rows, self.filters))
        self.add_bias()

    def call(self, inputs):
        maps = bands(inputs)
        outputs, first = {}, 0
        for write, count in self._written(self.read).items():
            outputs[write] = self.activation(self._write(maps, write, slice(first, first + count)))
            first += count
        return feature_map_of(outputs)

    def _write(self, maps, write, columns):
        """The sum of the paths into one band, with the bias, which comes before other sums: see `grouped.add`."""
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
        joined = self.execution == "joined" or (self.execution == "auto" and keras.backend.backend() != "tensorflow")
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
        own = {"filters": self.filters, "alpha": self.alpha, "groups": self.groups, "execution": self.execution}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_effconv")
class OctDepthwiseConv2D(OctaveBase):
    """Depthwise convolution of each band by itself: high to high and low to low only, as the OctConv authors do.

    The variables are `keras.layers.DepthwiseConv2D`'s: one `kernel` (k, k, C, depth_multiplier), high channels first.
    With `strides=1`, a plain map goes through as it would through `DepthwiseConv2D`; strides are average pooling.

    Args:
        kernel_size: int or pair of ints.
        strides: 1 or a power of two. Default 1.
        padding: `"same"`; `"valid"` for 1 x 1 kernels. Default `"same"`.
        depth_multiplier: int, filters per channel. Default 1.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel.
        **arguments: as of OctConv2D.

    Input, output: a feature map (see OctConv2D); the bands keep their channels, times `depth_multiplier`.

    Example:

    >>> maps = {"high": keras.ops.ones((1, 8, 8, 6)), "low": keras.ops.ones((1, 4, 4, 2))}
    >>> {band: tuple(x.shape) for band, x in OctDepthwiseConv2D(3, strides=2)(maps).items()}
    {'high': (1, 4, 4, 6), 'low': (1, 2, 2, 2)}
    """

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="same",
        depth_multiplier=1,
        depthwise_initializer="glorot_uniform",
        depthwise_regularizer=None,
        depthwise_constraint=None,
        **arguments,
    ):
        arguments["kernel_initializer"] = depthwise_initializer
        arguments["kernel_regularizer"] = depthwise_regularizer
        arguments["kernel_constraint"] = depthwise_constraint
        super().__init__(kernel_size, strides, padding, **arguments)
        self.depth_multiplier = positive("depth_multiplier", depth_multiplier)

    def _written(self, read):
        return {band: count * self.depth_multiplier for band, count in read.items()}

    def build(self, input_shape):
        self.read = self._read_bands(input_shape)
        total = sum(self.read.values())
        self.filters = total * self.depth_multiplier
        self.kernel = self.add_kernel("kernel", (*self.kernel_size, total, self.depth_multiplier))
        self.add_bias()

    def call(self, inputs):
        maps, outputs, first = bands(inputs), {}, 0
        for band, count in self.read.items():
            kernel = self.kernel[:, :, first : first + count]
            first += count
            pooled = pool(maps[band], self.octaves)
            outputs[band] = ops.depthwise_conv(
                pooled, kernel, padding="same", data_format="channels_last", dilation_rate=self.dilation_rate
            )
        return self._finish_bands(outputs)

    def get_config(self):
        config = super().get_config()
        renamed = {key.replace("kernel_", "depthwise_"): config.pop(key) for key in KERNEL_ARGUMENTS}
        return {**config, **renamed, "depth_multiplier": self.depth_multiplier}


KERNEL_ARGUMENTS = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
