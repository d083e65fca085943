"""A file's grouped or depthwise convolution, normalization and 1 x 1 as the one plain convolution that they equal.

There is no activation between the three, so this is exact: the normalization scales the filters of the first, and what
it adds is, behind the 1 x 1, a constant per filter.
"""

import numpy as np

from keras_effconv.kinds.separable import BETWEEN, SPATIAL
from keras_effconv.zoo.warm_start.decoupling import couple

EPSILON = 1e-3  # of the normalization between the two
STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")


def compose(state):
    """Replace the pairs of a file by the plain convolutions that they equal, unless the model has the same pairs.

    Args:
        state: `Pouring`, whose `dense` is changed.
    """
    for key in tuple(state.dense):
        name = key.removesuffix(f"{SPATIAL}/kernel")
        if name == key or not _complete(name, state) or _has_same(name, state):
            continue
        spatial = _grouped(state.dense.pop(key))
        statistics = [state.dense.pop(f"{name}{BETWEEN}/{part}") for part in STATISTICS]
        if not _fit(spatial, statistics, name, state):
            state.wrong.append(f"{key} {spatial.shape}, its normalization or the 1 x 1 behind them")
            state.used.add(f"{name}/kernel")
            continue
        gamma, beta, mean, variance = statistics
        scale = gamma / np.sqrt(variance + EPSILON)
        pointwise = state.dense[f"{name}/kernel"]
        groups = pointwise.shape[2] // spatial.shape[2]
        state.dense[f"{name}/kernel"] = couple(spatial * scale, pointwise, groups)
        _place((beta - scale * mean) @ pointwise[0, 0], name, state)
        if name in state.layers:
            state.note(
                state.layers[name], "from a pair of convolutions, the normalization between them included: exact"
            )


def _complete(name, state):
    return state.has(name) and all(state.has(f"{name}{BETWEEN}", part) for part in STATISTICS)


def _fit(spatial, statistics, name, state):
    """Return whether the three are of as many channels, and of as many filters as what they will be added to."""
    pointwise = state.dense[f"{name}/kernel"]
    if spatial.ndim != 4 or pointwise.ndim != 4 or pointwise.shape[:3] != (1, 1, spatial.shape[3]):
        return False
    channels, filters = pointwise.shape[2:]
    ends = [state.dense[key] for key in (f"{name}/bias", f"{_norm(name, state)}/moving_mean") if key in state.dense]
    counts = [*((value, channels) for value in statistics), *((value, filters) for value in ends)]
    return channels % spatial.shape[2] == 0 and all(value.shape == (count,) for value, count in counts)


def _norm(name, state):
    """Return the normalization behind a convolution; `None` without one."""
    return next((n for n in (f"{name}_bn", name.removesuffix("_conv") + "_bn") if state.has(n, "moving_mean")), None)


def _has_same(name, state):
    """Return whether the model has the file's pair, of as many groups."""
    layer = state.layers.get(f"{name}{SPATIAL}")
    return layer is not None and tuple(layer.kernel.shape) == np.shape(state.dense[f"{name}{SPATIAL}/kernel"])


def _grouped(kernel):
    """Return a depthwise kernel (k, k, M, 1) as one of M groups (k, k, 1, M); a grouped one as it is."""
    return np.swapaxes(kernel, 2, 3) if kernel.ndim == 4 and kernel.shape[3] == 1 < kernel.shape[2] else kernel


def _place(constant, name, state):
    """Put what is added per filter into the bias of the plain convolution, or the mean of the normalization behind."""
    norm = _norm(name, state)
    layer = state.layers.get(name)
    if norm is None or getattr(layer, "use_bias", False):
        state.dense[f"{name}/bias"] = state.dense.get(f"{name}/bias", 0) + constant
        return
    state.dense[f"{norm}/moving_mean"] = state.dense[f"{norm}/moving_mean"] - constant
