"""What is lost of a filter if its kernel for a channel becomes 1 x 1."""

import numpy as np

from keras_effconv.converting.ordering.observing import Moments
from keras_effconv.layers.het_runs import center


def covariance(moments, kernel_size, dilation=(1, 1)):
    """Return how the pixels that a window sees vary together: (1 + lags, c) -> (c, taps, taps)."""
    mean, *products = moments
    reach = [d * (k - 1) for k, d in zip(kernel_size, dilation)]
    by_lag = dict(zip(Moments(reach).lags, products, strict=True))
    taps = [tuple(np.multiply(tap, dilation)) for tap in np.ndindex(*kernel_size)]
    lags = [[max((a - b, c - d), (b - a, d - c)) for b, d in taps] for a, c in taps]
    return np.array([[by_lag[lag] - np.square(mean) for lag in row] for row in lags]).transpose(2, 0, 1)


def variances(kernel, covariances):
    """Return the variance of what each filter writes, as if channels did not depend on one another."""
    flat = kernel.reshape(-1, *kernel.shape[2:])
    return np.maximum(np.einsum("tmn,mts,smn->n", flat, covariances, flat, optimize=True), 1e-12)


def lost_energy(kernel, covariances=None):
    """Return what is lost if the kernel of a filter for a channel becomes 1 x 1: (k, k, M, N) -> (M, N).

    Args:
        kernel: array (k, k, M, N).
        covariances: array (M, k * k, k * k), of the pixels that a window sees of each channel. The loss is the variance
            that the best 1 x 1 kernel leaves. Default `None`: pixels of variance 1 that do not depend on one another,
            of which the 1 x 1 kernel keeps the centre.

    Example:

    >>> lost_energy(np.ones((3, 3, 2, 4))).shape, float(lost_energy(np.ones((3, 3, 1, 1)))[0, 0])
    ((2, 4), 8.0)
    >>> float(lost_energy(np.ones((3, 3, 1, 1)), np.ones((1, 9, 9)))[0, 0])  # the pixels are equal: nothing is lost
    0.0
    """
    flat = kernel.reshape(-1, *kernel.shape[2:])
    middle = np.ravel_multi_index(center(kernel.shape[:2]), kernel.shape[:2])
    if covariances is None:
        covariances = np.broadcast_to(np.eye(len(flat)), (flat.shape[1], len(flat), len(flat)))
    pixel = covariances[:, middle]
    variance = np.maximum(pixel[:, middle], 1e-12)[:, None, None]
    left = covariances - pixel[:, :, None] * pixel[:, None] / variance
    return np.maximum(np.einsum("tmn,mts,smn->mn", flat, left, flat, optimize=True), 0)
