"""A plain kernel as a grouped convolution and a 1 x 1 behind it, in closed form, and back.

Network decoupling (arXiv:1808.05517): what the filters read of one group of channels is a matrix, whose truncated
singular value decomposition is the nearest pair of a k x k in groups and a 1 x 1.
"""

import numpy as np


def decouple(kernel, groups):
    """Return the nearest pair of a grouped kernel and a 1 x 1, in the sum of squares.

    Args:
        kernel: array (k, k, M, N).
        groups: int, G, divides M; with G = M the first convolution is depthwise.

    Returns:
        Pair of arrays (k, k, M / G, M) and (1, 1, M, N): M / G filters for each group, whose outputs are as large as
        each other in the sum of squares over both.

    Example:

    >>> kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 2))
    >>> spatial, pointwise = decouple(kernel, groups=2)  # two filters a group are all that two outputs need
    >>> bool(np.allclose(couple(spatial, pointwise, 2), kernel))
    True
    """
    rows, columns, channels, filters = kernel.shape
    size = channels // groups
    matrices = np.moveaxis(kernel.reshape(rows * columns, groups, size, filters), 1, 0).reshape(groups, -1, filters)
    matrices = matrices.astype("float64")
    rank = min(size, filters)
    values, right = _leading(matrices, rank)
    root = np.sqrt(np.where(values > 1e-7 * values.max(initial=1e-30), values, 0))
    spatial, pointwise = np.zeros((groups, matrices.shape[1], size)), np.zeros((groups, size, filters))
    spatial[..., :rank] = matrices @ np.swapaxes(right, 1, 2) / np.where(root > 0, root, np.inf)[:, None]
    pointwise[:, :rank] = root[..., None] * right
    spatial = np.moveaxis(spatial.reshape(groups, rows, columns, size, size), 0, -2)
    return spatial.reshape(rows, columns, size, channels), pointwise.reshape(1, 1, channels, filters)


def _leading(matrices, rank):
    """Return the largest singular values (n, rank) of matrices (n, a, b), and their right vectors (n, rank, b)."""
    if matrices.shape[1] <= matrices.shape[2]:
        _, values, right = np.linalg.svd(matrices, full_matrices=False)
        return values[:, :rank], right[:, :rank]
    squares, right = np.linalg.eigh(np.swapaxes(matrices, 1, 2) @ matrices)  # of tall ones: far cheaper
    return np.sqrt(np.maximum(squares[:, ::-1][:, :rank], 0)), np.swapaxes(right[..., ::-1][..., :rank], 1, 2)


def couple(spatial, pointwise, groups):
    """Return the kernel (k, k, M, N) that a grouped convolution and a 1 x 1 behind it equal; see `decouple`."""
    rows, columns, size, channels = spatial.shape
    split = spatial.reshape(rows, columns, size, groups, channels // groups)
    kernel = np.einsum("yxcgj,gjn->yxgcn", split, pointwise.reshape(groups, channels // groups, -1))
    return kernel.reshape(rows, columns, groups * size, -1)


def kept(kernel, pair, groups):
    """Return the share of a kernel's sum of squares that a pair keeps, 0 to 1."""
    return float(1 - np.square(kernel - couple(*pair, groups)).sum() / max(np.square(kernel).sum(), 1e-30))
