"""Expansion and depthwise kernels of a plain inverted residual block, as the one kernel of a HetConv."""

import keras
import numpy as np


def fuse(layer, depthwise, state):
    """An expansion, its normalisation and a depthwise kernel (k, k, N, 1) -> one dense kernel (k, k, M, N).

    The activation between them is replaced by the line nearest to it for what normalisation makes of its input, a
    Gaussian with mean beta and deviation gamma. The constant goes into the mean of the normalisation that follows, and
    so does the size of each filter: the product of two trained kernels is hundreds of times smaller than a kernel that
    is trained from the start, and one step of Adam would drown it.
    """
    prefix = layer.name.removesuffix("dwconv")
    expand = state.take(f"{prefix}expand_conv/kernel")
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    statistics = [state.take(f"{prefix}expand_bn/{name}") for name in names]
    if expand is None or any(value is None for value in statistics):
        return None
    gamma, beta, mean, variance = statistics
    scale = gamma / np.sqrt(variance + state.model.get_layer(f"{prefix}bn").epsilon)
    slope, offset = best_line(state.model.get_layer(f"{prefix}activation").activation, beta, np.abs(gamma))
    constant = slope * (beta - mean * scale) + offset
    kernel = depthwise[..., 0][:, :, None] * (expand[0, 0] * (slope * scale))
    gain = gain_to_initial(kernel, 2 * layer.filters / layer.weights_per_position)
    mean, variance = (f"{prefix}bn/{name}" for name in ("moving_mean", "moving_variance"))
    state.dense[mean] = gain * (state.dense[mean] - depthwise[..., 0].sum((0, 1)) * constant)
    epsilon = state.model.get_layer(f"{prefix}bn").epsilon  # is added to the variance whatever the gain: put right
    state.dense[variance] = np.maximum(gain**2 * (state.dense[variance] + epsilon) - epsilon, 0)
    return gain * kernel


def gain_to_initial(kernel, variance):
    """The factor per filter (..., N) that gives it the variance of an initializer; for dead filters the median.

    >>> gain_to_initial(np.array([[1.0, 0.5, 0.0], [1.0, 0.5, 0.0]]), 4.0)
    array([2., 4., 3.])
    """
    size = np.sqrt(np.square(kernel).reshape(-1, kernel.shape[-1]).mean(0))
    alive = size > 1e-3 * size.max(initial=0)
    gain = np.sqrt(variance) / np.where(alive, size, 1)
    return np.where(alive, gain, np.median(gain[alive]) if alive.any() else 1)


def best_line(activation, mean, deviation, nodes=64):
    """Slope and offset, per channel, of the line nearest in mean square to an activation of Gaussian inputs.

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
