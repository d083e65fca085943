"""The parts of a HetConv2D grouped by size, and what each group holds of a dense kernel.

Everything in this file is in *part order*: channels and filters are sorted so that a part is a contiguous block.
"""

import itertools
from typing import NamedTuple

import numpy as np
from keras import ops


class Run(NamedTuple):
    """Consecutive parts of one size; `channels` and `filters` are those of each part."""

    parts: int
    channels: int
    filters: int
    first_channel: int
    first_filter: int

    @property
    def inputs(self):
        """The channels of the run."""
        return slice(self.first_channel, self.first_channel + self.parts * self.channels)

    @property
    def columns(self):
        """The filters of the run."""
        return slice(self.first_filter, self.first_filter + self.parts * self.filters)

    def first_rows(self):
        """Return for each filter of the run the first channel that it sees through k x k."""
        return self.first_channel + self.channels * np.repeat(np.arange(self.parts), self.filters)

    def is_wide(self, total):
        """Return where a filter sees a channel through k x k: bool (total, filters of the run)."""
        row, first = np.arange(total)[:, None], self.first_rows()
        return (first <= row) & (row < first + self.channels)


def runs_of(channels, filters, parts):
    """Return the parts that have filters, grouped by size: one run if `parts` divides both numbers, at most three.

    >>> [run[:3] for run in runs_of(channels=5, filters=6, parts=4)]
    [(1, 2, 2), (1, 1, 2), (2, 1, 1)]
    """
    runs, first_channel, first_filter = [], 0, 0
    edges = sorted({0, channels % parts, filters % parts, parts})  # the parts at which a size changes
    for start, stop in itertools.pairwise(edges):
        size = (count // parts + (start < count % parts) for count in (channels, filters))
        runs.append(Run(stop - start, *size, first_channel, first_filter))
        first_channel, first_filter = runs[-1].inputs.stop, runs[-1].columns.stop
    return [run for run in runs if run.filters]


def center(kernel_size):
    """Return the tap of a k x k window at which a 1 x 1 kernel stands."""
    return tuple((k - 1) // 2 for k in kernel_size)


def pointwise_of(dense, neighbours):
    """Return the 1 x 1 kernels (M, N) nearest to k x k ones (k, k, M, N).

    Args:
        dense: array (k, k, M, N).
        neighbours: float from 0 to 1, how far neighbouring pixels correlate.
    """
    sizes = dense.shape[:2]
    away = np.meshgrid(*(np.arange(k) - c for k, c in zip(sizes, center(sizes))), indexing="ij")
    taps = np.ndenumerate((neighbours ** np.hypot(*away)).astype(dense.dtype))
    return sum(weight * dense[tap] for tap, weight in taps if weight)


def stored_shape(rows, filters):
    """Return the shape that holds `rows[i]` rows of `filters[i]` filters: a matrix for one run, else a vector."""
    return (rows[0], filters[0]) if len(rows) == 1 else (sum(r * f for r, f in zip(rows, filters, strict=True)),)


def pack(kernels):
    """Join kernels of the runs, (..., rows, filters) each, into the stored array: the inverse of `unpack`."""
    if len(kernels) == 1:
        return kernels[0]
    return np.concatenate([kernel.reshape(*kernel.shape[:-2], -1) for kernel in kernels], axis=-1)


def unpack(stored, rows, filters):
    """Split a stored array or tensor into a kernel (..., rows[i], filters[i]) for each run."""
    if len(rows) == 1:
        return [stored]
    kernels, start = [], 0
    reshape = np.reshape if isinstance(stored, np.ndarray) else ops.reshape
    for r, f in zip(rows, filters, strict=True):
        kernels.append(reshape(stored[..., start : start + r * f], (*stored.shape[:-1], r, f)))
        start += r * f
    return kernels


def cut(dense, narrow, runs):
    """Select the entries of a dense kernel that a HetConv2D holds.

    Args:
        dense: array (k, k, M, N), read where a filter sees a channel through k x k.
        narrow: array (M, N), read elsewhere.
        runs: list of `Run`.

    Returns:
        Two lists with an array per run: (k, k, m, n) and (M - m, n).
    """

    def select(array, mask):
        rows = np.swapaxes(array, -1, -2)[..., mask.T]
        return np.swapaxes(rows.reshape(*array.shape[:-2], mask.shape[1], -1), -1, -2)

    masks = [run.is_wide(len(narrow)) for run in runs]
    wide = [select(dense[..., run.columns], mask) for run, mask in zip(runs, masks, strict=True)]
    rest = [select(narrow[..., run.columns], ~mask) for run, mask in zip(runs, masks, strict=True)]
    return wide, rest


def fill(dense, run, wide, rest):
    """Write what a run holds into a dense kernel of zeros: the inverse of `cut` for one run.

    Args:
        dense: array (k, k, M, N), changed.
        run: a `Run`.
        wide: array (k, k, m, n).
        rest: array (M - m, n); `None` if M is m.
    """
    mask = run.is_wide(dense.shape[2]).T
    columns = np.swapaxes(dense, -1, -2)[..., run.columns, :]  # a view
    columns[..., mask] = np.swapaxes(wide, -1, -2).reshape(*wide.shape[:2], -1)
    if rest is not None:
        columns[center(dense.shape[:2])][~mask] = rest.T.reshape(-1)


def scatter_wide(run, kernel, total):
    """Spread (k, k, m, n) over (k, k, total, n), with zeros where a filter does not see a channel through k x k."""
    kernel = ops.tile(kernel, (1, 1, run.parts, 1))
    row, first = _rows_and_first(run, run.inputs.start, run.inputs.stop)
    mask = ops.logical_and(row >= first, row < first + run.channels)
    return ops.pad(
        kernel * ops.cast(mask, kernel.dtype), [[0, 0], [0, 0], [run.inputs.start, total - run.inputs.stop], [0, 0]]
    )


def scatter_narrow(run, kernel, total):
    """Spread (total - m, n) over (total, n), with zeros where a filter sees a channel through k x k."""
    row, first = _rows_and_first(run, 0, total)
    before = ops.pad(kernel, [[0, run.channels], [0, 0]]) * ops.cast(row < first, kernel.dtype)
    after = ops.pad(kernel, [[run.channels, 0], [0, 0]]) * ops.cast(row >= first + run.channels, kernel.dtype)
    return before + after


def _rows_and_first(run, start, stop):
    """Return two small vectors to compare, so that no (M, N) mask becomes a constant of an exported graph."""
    return ops.expand_dims(ops.arange(start, stop, dtype="int32"), 1), ops.cast(run.first_rows()[None], "int32")
