"""HetConv kernels by least squares: from what a plain network computes on some images."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_effconv.layers import HetConv2D
from keras_effconv.layers.padding import pad_same

BATCH = 32  # images at a time
RIDGE = 1e-3  # of the mean square of an input, towards the kernels as they are: a few images do not determine all


def fit(
    model: keras.Model, teacher: keras.Model, images: np.ndarray, rows: int = 20_000, seed: int = 0
) -> list[tuple[str, float, float]]:
    """Fit the kernels of a model's HetConv2D layers to the outputs of a plain network's convolutions.

    Layer after layer, from the input on: both networks see the images, and the layer's k x k and 1 x 1 weights, and a
    constant per filter, become those with the least squared error of the plain convolution's output, given what the
    layers before it make of the images now. So a layer also makes up for what was lost before it. The fit explains a
    part of the output's variance only; the weights are scaled so that each filter varies as the plain one does, as the
    layers behind expect. The constant goes into the layer's bias, or into the mean of the batch normalisation behind
    it. Where one HetConv stands for two convolutions and what is between them (expansion and depthwise kernels of an
    inverted residual block), it is fitted to the output of the second.

    Args:
        model: a model of this package with `HetConv2D` layers; changed. Pour the teacher's weights into it before.
        teacher: `keras.Model`, the same architecture with `Conv()` and trained weights.
        images: array (n, h, w, c), as both networks read them: preprocessed. A few hundred will do.
        rows: int, the positions of a layer's map that are used, drawn from all images. Default 20,000.
        seed: int, of the draw.

    Returns:
        A list of (name of the layer, error before, error after): mean squared errors over the variance of the output,
        on the positions drawn; the second is the least one, before the weights are scaled.

    Raises:
        ValueError: for images of another shape, a model without `HetConv2D`, or a teacher without layers of their names
            and output shapes.

    Example:

    >>> import keras_effconv as ke
    >>> teacher = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> model = ke.ResNet20(weights=None, width=0.25, depth=0.3, conv=ke.HetConv(parts=4))
    >>> changed = fit(model, teacher, np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32"))
    >>> len(changed), all(after <= before for _, before, after in changed)
    (6, True)
    """
    pairs = _pairs(model, teacher)
    images = np.asarray(images, "float32")
    if images.ndim != 4 or not all(want in (None, got) for want, got in zip(model.input_shape[1:], images.shape[1:])):
        raise ValueError(f"`images` must be of shape {model.input_shape}. Received: images of shape {images.shape}")
    rng = np.random.default_rng(seed)
    return [_fit_layer(layer, plain, model, teacher, images, rows, rng) for layer, plain in pairs]


def can_fit(model):
    """Return whether a model has layers for `fit`.

    >>> import keras_effconv as ke
    >>> can_fit(ke.ResNet20(weights=None, conv="HetConv()")), can_fit(ke.ResNet20(weights=None))
    (True, False)
    """
    return any(isinstance(layer, HetConv2D) for layer in model.layers)


def _pairs(model, teacher):
    """Return a model's HetConv2D layers, in order, and the teacher's layers of the same names and output shapes."""
    named = {layer.name: layer for layer in teacher.layers}
    layers = [layer for layer in model.layers if isinstance(layer, HetConv2D)]
    if not layers:
        raise ValueError(f"`model` must have HetConv2D layers. Received: model={model.name!r}")
    for layer in layers:
        if layer.name not in named or named[layer.name].output.shape != layer.output.shape:
            shape = tuple(layer.output.shape)
            raise ValueError(f"`teacher` must have a convolution {layer.name!r} with an output of shape {shape}")
    return [(layer, named[layer.name]) for layer in layers]


def _fit_layer(layer, plain, model, teacher, images, rows, rng):
    behind = _behind(layer, model, teacher)
    sums = _observe(layer, plain, behind.gain, model, teacher, images, rows, rng)
    before = np.concatenate([_kernel(layer), behind.get()[None]])
    after = weights = _solved(sums, before, np.concatenate([support(layer), behind.free[None]]))
    if behind.free.all():
        weights = _spread_as_expected(after, sums)
    dense = weights[:-1].reshape(*layer.kernel_size, layer.channels, layer.filters)
    for variable, value in zip((layer.kernel, layer.pointwise_kernel), layer.cut(dense, pointwise="center")):
        if variable is not None:
            variable.assign(value.astype(variable.dtype))
    behind.set(weights[-1])
    return layer.name, _error(before, sums), _error(after, sums)


class _Behind(NamedTuple):
    """What follows a layer: a constant `sign * variable + offset` is added, if there is a variable.

    `gain` is what the layer's filters are to be of the teacher's: its normalisation may divide by another deviation.
    """

    filters: int
    variable: keras.Variable = None
    sign: int = 1
    offset: np.ndarray = 0.0
    gain: np.ndarray = 1.0

    @property
    def free(self):
        return np.full(self.filters, self.variable is not None)

    def get(self):
        return np.zeros(self.filters) if self.variable is None else self.sign * _numpy(self.variable) + self.offset

    def set(self, value):
        if self.variable is not None:
            self.variable.assign((self.sign * (value - self.offset)).astype(self.variable.dtype))


def _behind(layer, model, teacher):
    """Return the layer's bias, or what the normalisation that reads it subtracts less than the teacher's does."""
    if layer.use_bias:
        return _Behind(layer.filters, layer.bias)
    for norm in model.layers:
        if isinstance(norm, keras.layers.BatchNormalization) and norm.input is layer.output:
            expected = teacher.get_layer(norm.name)
            gain = np.sqrt(_variance(norm) / _variance(expected))
            return _Behind(layer.filters, norm.moving_mean, -1, gain * _numpy(expected.moving_mean), gain)
    return _Behind(layer.filters)


def _variance(norm):
    return _numpy(norm.moving_variance) + norm.epsilon


class Sums(NamedTuple):
    """Of n positions' inputs x, a 1 behind them, and outputs y: x'x, x'y, the columns of y squared, and n."""

    gram: np.ndarray
    cross: np.ndarray
    square: np.ndarray
    count: int

    @property
    def spread(self):
        """The variance of each output, times n."""
        return self.square - np.square(self.cross[-1]) / self.count  # the last row of `cross` is the sum of the outputs


def _observe(layer, plain, gain, model, teacher, images, rows, rng):
    """Sum up what a layer sees now and `gain` times what the teacher's gives, at positions drawn."""
    read, plain = plain.input, _without_activation(plain)
    student, expected = keras.Model(model.inputs, layer.input), keras.Model(teacher.inputs, read)
    positions = layer.compute_output_shape(student.compute_output_shape(images.shape))[1:3]
    share = rows / (len(images) * np.prod(positions))
    gram, cross, square, count = 0.0, 0.0, 0.0, 0
    for start in range(0, len(images), BATCH):
        batch = ops.convert_to_tensor(images[start : start + BATCH])
        y = ops.convert_to_numpy(plain(expected(batch)))
        drawn = np.nonzero(rng.random(y.shape[:3]) < share)
        x = np.pad(_windows(student(batch), layer, drawn), ((0, 0), (0, 1)), constant_values=1)
        y = gain * y[drawn]
        gram, cross = gram + (x.T @ x).astype("float64"), cross + (x.T @ y).astype("float64")
        square, count = square + np.square(y, dtype="float64").sum(0), count + len(x)
    return Sums(gram, cross, square, count)


def _windows(x, layer, drawn):
    """Turn (n, h, w, c) into (positions, k * k * c): what a filter sees at each position, rows of the kernel first."""
    if layer.padding == "same":
        x = pad_same(x, layer.kernel_size, layer.strides, layer.dilation_rate)
    reach = [d * (k - 1) + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate)]
    views = np.lib.stride_tricks.sliding_window_view(ops.convert_to_numpy(x), reach, (1, 2))  # (n, h, w, c, *reach)
    (down, across), (rows, columns) = layer.strides, layer.dilation_rate
    seen = views[:, ::down, ::across, :, ::rows, ::columns][drawn]
    return seen.transpose(0, 2, 3, 1).reshape(len(seen), -1)


def _without_activation(layer):
    """Return a layer of the same weights whose output is what the activation reads."""
    linear = type(layer).from_config({**layer.get_config(), "activation": None})
    linear.build(layer.input.shape)
    linear.set_weights(layer.get_weights())
    return linear


def _numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def _kernel(layer):
    """Return the dense kernel that the layer equals: (k * k * c, n)."""
    return _numpy(layer.dense_kernel()).reshape(-1, layer.filters)


def support(layer):
    """Return where a HetConv2D layer has weights: bool (k * k * c, n).

    >>> layer = HetConv2D(4, 3, parts=2)
    >>> layer.build((None, 8, 8, 4))
    >>> support(layer).sum(0).tolist()  # 9 * 2 + 2
    [20, 20, 20, 20]
    """
    twin = type(layer).from_config(layer.get_config())
    twin.build((None, None, None, layer.channels))
    for variable in twin.trainable_variables:
        variable.assign(ops.ones_like(variable))
    return ops.convert_to_numpy(twin.dense_kernel()).reshape(-1, layer.filters) != 0


def _solved(sums, start, held):
    """Return the weights of least squared error where they are held, near to where they start."""
    gram, cross = sums.gram, sums.cross
    ridge = np.full(len(gram), RIDGE * np.trace(gram) / len(gram))
    ridge[-1] = 0  # the constant is determined
    weights = np.zeros_like(start)
    patterns, group = np.unique(held, axis=1, return_inverse=True)
    for i, pattern in enumerate(patterns.T):
        filters = np.flatnonzero(group.ravel() == i)
        here = np.ix_(pattern, filters)
        left = gram[np.ix_(pattern, pattern)] + np.diag(ridge[pattern])
        weights[here] = np.linalg.solve(left, cross[here] + ridge[pattern, None] * start[here])
    return weights


def _spread_as_expected(weights, sums):
    """Scale each filter to the variance of its expected output; the mean of its output stays."""
    mean = sums.gram[-1] @ weights / sums.count
    variance = (weights * (sums.gram @ weights)).sum(0) - np.square(mean) * sums.count
    alive = variance > 1e-6 * sums.spread
    scale = np.where(alive, np.sqrt(sums.spread / np.where(alive, variance, 1)), 1)
    return np.concatenate([weights[:-1] * scale, (mean - scale * (mean - weights[-1]))[None]])


def _error(weights, sums):
    """Return the mean squared error over the variance of the output."""
    left = sums.square - 2 * (weights * sums.cross).sum(0) + (weights * (sums.gram @ weights)).sum(0)
    return float(left.sum() / max(sums.spread.sum(), 1e-12))
