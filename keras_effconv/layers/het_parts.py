"""Which channels and filters of a HetConv2D make a part, and how its two kernels are stored and read.

Everything here is in *part order*: channels and filters sorted so that a part is a contiguous block.
"""

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
        """For each filter of the run, the first channel that it sees through k x k."""
        return self.first_channel + self.channels * np.repeat(np.arange(self.parts), self.filters)

    def is_wide(self, total):
        """(total, filters of the run) bool: where a filter sees a channel through k x k."""
        row, first = np.arange(total)[:, None], self.first_rows()
        return (first <= row) & (row < first + self.channels)


def runs_of(channels, filters, parts):
    """The parts that have filters, grouped by size: one run where `parts` divides both numbers, three at the most.

    >>> [run[:3] for run in runs_of(channels=5, filters=6, parts=4)]
    [(1, 2, 2), (1, 1, 2), (2, 1, 1)]
    """
    sizes = [tuple(n // parts + (p < n % parts) for n in (channels, filters)) for p in range(parts)]
    runs, first_channel, first_filter = [], 0, 0
    for size in dict.fromkeys(sizes):
        runs.append(Run(sizes.count(size), *size, first_channel, first_filter))
        first_channel, first_filter = runs[-1].inputs.stop, runs[-1].columns.stop
    return [run for run in runs if run.filters]


def part_order(count, parts, layout):
    """The permutation that sorts channels (or filters) by part; `None` where they are sorted already."""
    return np.argsort(np.arange(count) % parts, kind="stable") if layout == "shifted" and parts > 1 else None


def center(kernel_size):
    """The tap of a k x k window at which a 1 x 1 kernel stands."""
    return tuple((k - 1) // 2 for k in kernel_size)


def pointwise_of(dense, neighbours):
    """(M, N) kernels nearest to k x k ones (k, k, M, N), where neighbouring pixels correlate so much: 0 to 1."""
    sizes = dense.shape[:2]
    away = np.meshgrid(*(np.arange(k) - c for k, c in zip(sizes, center(sizes))), indexing="ij")
    taps = np.ndenumerate((neighbours ** np.hypot(*away)).astype(dense.dtype))
    return sum(weight * dense[tap] for tap, weight in taps if weight)


def stored_shape(rows, filters):
    """The shape that holds `rows[i]` rows of `filters[i]` filters: a matrix where there is one run, else a vector."""
    return (rows[0], filters[0]) if len(rows) == 1 else (sum(r * f for r, f in zip(rows, filters, strict=True)),)


def pack(kernels):
    """Kernels of the runs, (..., rows, filters) each, -> the stored array. The inverse of `unpack`."""
    if len(kernels) == 1:
        return kernels[0]
    return np.concatenate([kernel.reshape(*kernel.shape[:-2], -1) for kernel in kernels], axis=-1)


def unpack(stored, rows, filters):
    """The stored tensor -> a kernel (..., rows[i], filters[i]) for each run."""
    if len(rows) == 1:
        return [stored]
    kernels, start = [], 0
    for r, f in zip(rows, filters, strict=True):
        kernels.append(ops.reshape(stored[..., start : start + r * f], (*stored.shape[:-1], r, f)))
        start += r * f
    return kernels


def cut(dense, narrow, runs):
    """The entries of a dense kernel that a HetConv2D holds.

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


def scatter_wide(run, kernel, total):
    """(k, k, m, n) -> (k, k, total, n), with zeros where the filters do not see the channel through k x k."""
    kernel = ops.tile(kernel, (1, 1, run.parts, 1))
    row, first = _rows_and_first(run, run.inputs.start, run.inputs.stop)
    mask = ops.logical_and(row >= first, row < first + run.channels)
    return ops.pad(
        kernel * ops.cast(mask, kernel.dtype), [[0, 0], [0, 0], [run.inputs.start, total - run.inputs.stop], [0, 0]]
    )


def scatter_narrow(run, kernel, total):
    """(total - m, n) -> (total, n), with zeros where the filters see the channel through k x k."""
    row, first = _rows_and_first(run, 0, total)
    before = ops.pad(kernel, [[0, run.channels], [0, 0]]) * ops.cast(row < first, kernel.dtype)
    after = ops.pad(kernel, [[run.channels, 0], [0, 0]]) * ops.cast(row >= first + run.channels, kernel.dtype)
    return before + after


def _rows_and_first(run, start, stop):
    """Two small vectors to compare, so that no (M, N) mask becomes a constant of an exported graph."""
    return ops.expand_dims(ops.arange(start, stop, dtype="int32"), 1), ops.cast(run.first_rows()[None], "int32")
