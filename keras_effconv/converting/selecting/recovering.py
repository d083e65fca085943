"""How much of a convolution's output each candidate can give back: least squares on what the trained network reads."""

from collections.abc import Iterable

import numpy as np
from keras import ops
from scipy import linalg

from keras_effconv import kinds
from keras_effconv.converting.selecting.timing import DENSE, Candidate
from keras_effconv.feature_maps import split_channels
from keras_effconv.fitting.solving import RIDGE, ridge_factor
from keras_effconv.fitting.windows import views_of
from keras_effconv.layers.het_parts import Packing
from keras_effconv.layers.octaves import pool
from keras_effconv.layers.padding import pad_same

HELD_OUT = 4  # one of so many positions is no part of the fit, and tells the error
MEMORY = 256 << 20  # bytes of the windows of a layer


def layer_errors(
    layer, x: np.ndarray, candidates: Iterable[Candidate], pad=None, rows: int = 6000, seed: int = 0
) -> dict[Candidate, float]:
    """Return the share of the variance of a convolution's output that each candidate cannot give back.

    The output is that ahead of the activation, and of a low band its 2 x 2 means: what these lose is an error of the
    layers that read them. A candidate's weights are fitted by least squares on some positions, and the error is that on
    others.

    Args:
        layer: `Conv2D` without groups, or `DepthwiseConv2D`, built.
        x: array (n, h, w, c), what it reads in the trained network, ahead of padding.
        candidates: iterable of `Candidate`; all share one observation.
        pad: layer that pads x for a layer with `padding="valid"`. Default `None`.
        rows: int, positions. Default 6000.
        seed: int, of the positions. Default 0.

    Returns:
        dict of `Candidate` -> float; 0 for one that changes nothing.

    Example:

    >>> import keras
    >>> x, layer = np.random.default_rng(0).normal(size=(8, 8, 8, 4)), keras.layers.Conv2D(4, 3, padding="same")
    >>> _ = layer(x)
    >>> errors = layer_errors(layer, x, [DENSE, Candidate("HetConv(parts=2)"), Candidate("HetConv(parts=4)")])
    >>> [0 <= error <= 1 for error in errors.values()], list(errors.values()) == sorted(errors.values())
    ([True, True, True], True)
    """
    observed = Observation(layer, x, pad, rows, seed)
    return {candidate: observed.error(candidate) for candidate in candidates}


class Observation:
    """What a convolution reads and writes at some positions; arguments as of `layer_errors`."""

    def __init__(self, layer, x, pad=None, rows=6000, seed=0):
        self.layer, self.size, self.x = layer, tuple(layer.kernel_size), np.asarray(x, "float32")
        self.kernel = ops.convert_to_numpy(layer.kernel).astype("float32")
        self.is_depthwise = hasattr(layer, "depth_multiplier")
        padded = np.asarray(pad(self.x)) if pad is not None else self.x
        if layer.padding == "same":
            padded = self._padded(padded, layer.strides, layer.dilation_rate)
        views = views_of(padded, self.size, layer.strides, layer.dilation_rate)
        self.octaves = max(layer.strides).bit_length() - 1
        self._draw(views.shape, rows, np.random.default_rng(seed))
        self.windows = _taken(views, self.high)
        self.outputs = self._times(self.windows, self.kernel)
        self.variance = float(self.outputs.var(0, dtype="float64").sum())
        self._errors, self._full = {}, None

    def _draw(self, shape, rows, rng):
        """Draw positions of a low band, and of the high band the four (fewer at an odd end) that each stands for."""
        images, height, width, *_ = shape
        entries = int(np.prod(shape[3:]))
        rows = min(rows, MEMORY // (4 * entries))
        low = np.stack(
            np.unravel_index(
                np.arange(images * -(-height // 2) * -(-width // 2)), (images, -(-height // 2), -(-width // 2))
            )
        )
        low = low[:, rng.permutation(low.shape[1])[: max(HELD_OUT, rows // 4)]]
        image, row, column = (np.repeat(each, 4) for each in low)
        row, column = 2 * row + np.tile([0, 0, 1, 1], low.shape[1]), 2 * column + np.tile([0, 1, 0, 1], low.shape[1])
        inside = (row < height) & (column < width)
        self.low, self.high = tuple(low), (image[inside], row[inside], column[inside])
        self.parent = np.repeat(np.arange(low.shape[1]), 4)[inside]
        self.for_fit = np.arange(low.shape[1]) % HELD_OUT != 0

    def _padded(self, x, strides, dilation=(1, 1)):
        return ops.convert_to_numpy(pad_same(ops.convert_to_tensor(x), self.size, strides, dilation))

    def _pooled(self, octaves, positions):
        """Return the windows of the map that so many poolings leave, at positions of it."""
        x = ops.convert_to_numpy(pool(ops.convert_to_tensor(self.x), octaves))
        return _taken(views_of(self._padded(x, (1, 1)), self.size), positions)

    def _times(self, windows, kernel):
        if self.is_depthwise:
            return np.einsum("rijc,ijcm->rcm", windows, kernel).reshape(len(windows), -1)
        return windows.reshape(len(windows), -1) @ kernel.reshape(-1, kernel.shape[-1])

    def error(self, candidate):
        """Return the error of a candidate."""
        if candidate == DENSE:
            return 0.0
        if not candidate.has_bands:
            unexplained = self.fitted(kinds.get(candidate.kind).parts)[2]
        else:
            unexplained = self._octave(candidate.reads, candidate.writes, candidate.multiple)
        return float(min(1.0, unexplained / max(self.variance, 1e-12)))

    def fitted(self, parts):
        """Return the dense kernel of the best HetConv2D of so many parts, a constant to add, and what it misses."""
        packing = Packing(self.kernel.shape[2], self.kernel.shape[3], parts)
        held = packing.held(self.size)
        if self._full is None:
            self._full = _Solver(self.windows, self.for_fit[self.parent])
        kernel, total = np.where(held, self.kernel.reshape(held.shape), 0), 0.0
        for pattern in np.unique(held, axis=1).T:
            columns, rows = (held == pattern[:, None]).all(0), np.flatnonzero(pattern)
            change, missed = self._full.solve(kernel[:, columns], self.outputs[:, columns], rows)
            kernel[np.ix_(rows, columns)] += change
            total += missed.sum()
        constant = self.outputs[self._full.fit].mean(0) - self._full.mean @ kernel
        return kernel.reshape(self.kernel.shape), constant, total

    def _octave(self, reads, writes, multiple):
        """Add what the fit misses of the high band, and of the 2 x 2 means that are the low band's targets.

        What the means lose is in the errors of the layers that read them.
        """
        if ("high", reads) not in self._errors:  # one multiple in all candidates of a layer
            solver = _Solver(self._read_by_high(reads, multiple), self.for_fit[self.parent])
            self._errors["high", reads] = self._unexplained(solver, self.outputs)
        filters = split_channels(self.outputs.shape[1], writes, multiple).get("high", 0)
        total = self._errors["high", reads][:filters].sum()
        if not writes:
            return total
        if "low" not in self._errors:
            counts = np.bincount(self.parent)[:, None]
            means = np.zeros((len(counts), self.outputs.shape[1]), "float32")
            np.add.at(means, self.parent, self.outputs)
            means /= counts
            solver = _Solver(self._pooled(self.octaves + 1, self.low), self.for_fit)
            self._errors["low"] = self._unexplained(solver, means)
        return total + self._errors["low"][filters:].sum()

    def _read_by_high(self, reads, multiple):
        """Return the windows that a high band's filters see: of both bands, rows as in the kernel."""
        bands = split_channels(self.x.shape[-1], reads, multiple)
        if self.octaves:  # both bands arrive by pooling
            return self._pooled(self.octaves, self.high)
        windows = self.windows
        if "low" in bands:
            image, row, column = self.high
            low = self._pooled(1, (image, row // 2, column // 2))
            first = bands.get("high", 0)
            windows = np.concatenate([windows[..., :first], low[..., first:]], axis=-1)
        return windows

    def _unexplained(self, solver, outputs):
        """Return the mean squared error of each filter."""
        if not self.is_depthwise:
            return solver.solve(self.kernel.reshape(-1, outputs.shape[1]), outputs)[1]
        count, multiplier = self.kernel.shape[2:]
        entries, errors = np.arange(self.size[0] * self.size[1]) * count, []
        for channel in range(count):
            columns = slice(channel * multiplier, (channel + 1) * multiplier)
            start = np.zeros((len(entries) * count, multiplier), "float32")
            start[entries + channel] = self.kernel[:, :, channel].reshape(len(entries), -1)
            errors.append(solver.solve(start, outputs[:, columns], entries + channel)[1])
        return np.concatenate(errors)


class _Solver:
    """Least squares of one set of windows (positions, k, k, c), and which positions are of the fit."""

    def __init__(self, windows, fit):
        inputs = windows.reshape(len(windows), -1)
        self.mean = inputs[fit].mean(0)
        self.fit, self.inputs = fit, inputs - self.mean
        seen = self.inputs[fit]
        self.gram = seen.T @ seen

    def solve(self, start, outputs, rows=None):
        """Return the change of the weights, and the mean squared error of each filter where nothing was fitted.

        Args:
            start: array (rows of the inputs, filters), what the weights are drawn to.
            outputs: array (positions, filters).
            rows: array of ints, the inputs that have a weight. Default: all.
        """
        rows = np.arange(len(self.gram)) if rows is None else rows
        seen, start = self.inputs[:, rows], start[rows]
        left = outputs - outputs[self.fit].mean(0) - seen @ start
        factor, _ = ridge_factor(self.gram[np.ix_(rows, rows)], RIDGE)
        change = linalg.cho_solve(factor, seen[self.fit].T @ left[self.fit], check_finite=False)
        held = ~self.fit
        return change, np.square(left[held] - seen[held] @ change).mean(0, dtype="float64")


def _taken(views, positions):
    """Return the windows (rows, k, k, c) at positions."""
    return np.ascontiguousarray(np.moveaxis(views[positions], 1, -1))
