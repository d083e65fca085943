"""A pair of plain convolutions, one of them depthwise, as the one kernel of a HetConv.

The activation between the two is replaced by the line nearest to it for what normalization makes of its input, a
Gaussian with mean beta and deviation gamma; the rest is linear. What is constant goes into the mean of the
normalization that follows, and so does the size of each filter: the product of two trained kernels is hundreds of times
smaller than a kernel that is trained from the start, and one step of Adam would drown it.
"""

import keras
import numpy as np

STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")


def fuse(layer, pair, state):
    """Return the dense kernel (k, k, M, N) of a pair of convolutions; the normalization behind it is changed.

    Args:
        layer: `HetConv2D` that has the name of the pair's second convolution.
        pair: `Pair`.
        state: `Pouring`, which has the kernels and statistics of the plain network.

    Returns:
        Array, or `None` if something is missing, which the state then knows.
    """
    first, second = (state.take(f"{unit.conv}/kernel") for unit in pair)
    statistics = [state.take(f"{pair.first.norm}/{name}") for name in STATISTICS]
    if any(value is None for value in (first, second, *statistics)):
        return None
    depthwise_first = pair.first.conv in state.architecture.depthwise
    if not _fit(layer, first, second, statistics, depthwise_first):
        shapes = ", ".join(f"{unit.conv} {np.shape(kernel)}" for unit, kernel in zip(pair, (first, second)))
        state.wrong.append(f"{shapes} and the normalization {pair.first.norm} between them")
        return None
    norm = state.model.get_layer(pair.second.norm)
    line = line_through(*statistics, norm.epsilon, state.model.get_layer(pair.second.activation))
    kernel, constant = (separable if depthwise_first else expanded)(first, second, *line)
    if not all(state.join(f"{pair.second.norm}/{name}") for name in ("moving_mean", "moving_variance")):
        return None  # the rule of that normalization says so
    behind = [np.shape(state.dense[f"{pair.second.norm}/{name}"]) for name in ("moving_mean", "moving_variance")]
    if behind != [(layer.filters,)] * 2:
        return None  # so does that of one of another shape
    gain = gain_to_initial(kernel, 2 * layer.filters / layer.weights_per_position)
    _rescale(state.dense, pair.second.norm, gain, constant, norm.epsilon)
    return gain * kernel


def _fit(layer, first, second, statistics, depthwise_first):
    """Return whether the channels of two kernels and of the normalization between them are those of the layer."""
    if np.ndim(first) != 4 or np.ndim(second) != 4 or first.shape[2] != layer.channels:
        return False
    if (second if depthwise_first else first).shape[3] != layer.filters:
        return False
    between = first.shape[2] * first.shape[3] if depthwise_first else first.shape[3]
    ends = second.shape[:3] == (1, 1, between) if depthwise_first else second.shape[2:] == (between, 1)
    return ends and all(np.shape(value) == (between,) for value in statistics)


def expanded(expansion, depthwise, slope, constant):
    """Fuse a 1 x 1 convolution, the line behind it and a depthwise one: (kernel, constant of each filter).

    Args:
        expansion: (1, 1, M, N).
        depthwise: (k, k, N, 1).
        slope: (N,).
        constant: (N,).
    """
    kernel = depthwise[..., 0][:, :, None] * (expansion[0, 0] * slope)
    return kernel, depthwise[..., 0].sum((0, 1)) * constant


def separable(depthwise, pointwise, slope, constant):
    """Fuse a depthwise convolution, the line behind it and a 1 x 1: (kernel, constant of each filter).

    Args:
        depthwise: (k, k, M, m).
        pointwise: (1, 1, M * m, N).
        slope: (M * m,).
        constant: (M * m,).
    """
    channels, multiplier = depthwise.shape[2:]
    columns = (slope[:, None] * pointwise[0, 0]).reshape(channels, multiplier, -1)
    return np.einsum("yxcm,cmn->yxcn", depthwise, columns), constant @ pointwise[0, 0]


def line_through(gamma, beta, mean, variance, epsilon, activation):
    """Return slope and constant, per channel, of normalization and the line that replaces the activation behind it."""
    scale = gamma / np.sqrt(variance + epsilon)
    slope, offset = best_line(activation, beta, np.abs(gamma))
    return slope * scale, slope * (beta - mean * scale) + offset


def _rescale(dense, norm, gain, constant, epsilon):
    """Let a normalization expect what is `gain` times as large, and without the constant."""
    mean, variance = f"{norm}/moving_mean", f"{norm}/moving_variance"
    dense[mean] = gain * (dense[mean] - constant)
    # epsilon is added to the variance whatever the gain: put right
    dense[variance] = np.maximum(gain**2 * (dense[variance] + epsilon) - epsilon, 0)


def gain_to_initial(kernel, variance):
    """Return the factor per filter (..., N) to the variance of an initializer; for dead filters the median.

    >>> gain_to_initial(np.array([[1.0, 0.5, 0.0], [1.0, 0.5, 0.0]]), 4.0)
    array([2., 4., 3.])
    """
    size = np.sqrt(np.square(kernel).reshape(-1, kernel.shape[-1]).mean(0))
    alive = size > 1e-3 * size.max(initial=0)
    gain = np.sqrt(variance) / np.where(alive, size, 1)
    return np.where(alive, gain, np.median(gain[alive]) if alive.any() else 1)


def best_line(activation, mean, deviation, nodes=64):
    """Return slope and offset, per channel, of the line nearest in mean square to an activation of Gaussian inputs.

    >>> slope, offset = best_line(keras.activations.relu, np.array([0.0, 9.0]), np.array([1.0, 1.0]))
    >>> [round(float(s), 1) for s in slope], [round(abs(float(o)), 1) for o in offset]
    ([0.5, 1.0], [0.4, 0.0])
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    inputs = mean + np.outer(points, deviation)
    outputs = np.asarray(keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(inputs, "float32"))))
    slope = (weights * points) @ outputs / np.maximum(deviation, 1e-6)
    return slope, weights @ outputs - slope * mean
