"""Which entries of a dense kernel a HetConv2D holds, where it stores them, and back to the dense kernel."""

import dataclasses
import functools
import math

import numpy as np
from keras import ops

from keras_effconv.layers import het_runs
from keras_effconv.layers.het_runs import center, pack, runs_of, scatter_narrow, scatter_wide, stored_shape, unpack
from keras_effconv.utils.arguments import one_of

LAYOUTS = ("grouped", "shifted")
CORRELATIONS = {"center": 0.0, "correlated": 0.5, "sum": 1.0}  # of neighbouring pixels: see `Packing.cut`


@dataclasses.dataclass(frozen=True)
class Packing:
    """How a HetConv2D of these numbers packs a dense kernel (k, k, M, N) into its two kernels.

    Args:
        channels: int, M.
        filters: int, N.
        parts: int, P.
        layout: str, `"grouped"` or `"shifted"`: see `HetConv2D`. Default `"grouped"`.

    Example:

    >>> Packing(channels=8, filters=8, parts=4).shapes((3, 3))
    ((3, 3, 2, 8), (6, 8))
    """

    channels: int
    filters: int
    parts: int
    layout: str = "grouped"

    @functools.cached_property
    def runs(self):
        return runs_of(self.channels, self.filters, self.parts)

    @functools.cached_property
    def channel_order(self):
        """The permutation that sorts the channels by part; `None` if they are sorted."""
        return self._order(self.channels)

    @functools.cached_property
    def filter_order(self):
        """The permutation that sorts the filters by part; `None` if they are sorted."""
        return self._order(self.filters)

    def _order(self, count):
        if self.layout == "grouped" or self.parts == 1:
            return None
        return np.argsort(np.arange(count) % self.parts, kind="stable")

    @functools.cached_property
    def wide(self):
        """The rows and the filters that each run holds of k x k kernels."""
        return [run.channels for run in self.runs], self._run_filters

    @functools.cached_property
    def narrow(self):
        """The rows and the filters that each run holds of 1 x 1 kernels."""
        return [self.channels - run.channels for run in self.runs], self._run_filters

    @property
    def _run_filters(self):
        return [run.parts * run.filters for run in self.runs]

    @property
    def wide_count(self):
        """The k x k kernels in all."""
        return sum(map(math.prod, zip(*self.wide)))

    def shapes(self, kernel_size):
        """Return the shapes of the two stored kernels; the second has no entry if every kernel is k x k."""
        return (*kernel_size, *stored_shape(*self.wide)), stored_shape(*self.narrow)

    def held(self, kernel_size):
        """Return where a layer has weights: bool (k * k * M, N), rows of the dense kernel first.

        >>> Packing(channels=4, filters=4, parts=2).held((3, 3)).sum(0).tolist()  # 9 * 2 + 2
        [20, 20, 20, 20]
        """
        ones = [np.ones(shape, "float32") for shape in self.shapes(kernel_size)]
        dense = self.dense(ones[0], ones[1] if ones[1].size else None)
        return ops.convert_to_numpy(dense).reshape(-1, self.filters) != 0

    def cut(self, dense, pointwise="center"):
        """Pack a dense kernel: see `HetConv2D.cut`."""
        dense = np.asarray(dense)
        if self.channel_order is not None:
            dense = dense[:, :, self.channel_order][..., self.filter_order]
        neighbours = CORRELATIONS[one_of("pointwise", pointwise, tuple(CORRELATIONS))]
        wide, rest = het_runs.cut(dense, het_runs.pointwise_of(dense, neighbours), self.runs)
        return pack(wide), pack(rest)

    def wide_kernels(self, kernel):
        """Return a pair of run and k x k kernels for each run, of a stored tensor."""
        return list(zip(self.runs, unpack(ops.convert_to_tensor(kernel), *self.wide)))

    def narrow_kernel(self, pointwise):
        """Return the 1 x 1 kernels as a tensor (M, N) in part order, with zeros where the k x k kernels stand.

        Args:
            pointwise: the stored tensor; `None`, which gives `None`, if every kernel is k x k.
        """
        if pointwise is None:
            return None
        kernels = unpack(ops.convert_to_tensor(pointwise), *self.narrow)
        return ops.concatenate(
            [scatter_narrow(run, kernel, self.channels) for run, kernel in zip(self.runs, kernels)], axis=-1
        )

    def dense(self, kernel, pointwise):
        """Return the dense kernel (k, k, M, N) of the stored tensors, by operations of the backend."""
        columns = [scatter_wide(run, wide, self.channels) for run, wide in self.wide_kernels(kernel)]
        dense, narrow = ops.concatenate(columns, axis=-1), self.narrow_kernel(pointwise)
        if narrow is not None:
            sizes = dense.shape[:2]
            around = [[c, k - 1 - c] for c, k in zip(center(sizes), sizes)]
            dense = dense + ops.pad(narrow[None, None], [*around, [0, 0], [0, 0]])
        return take(take(dense, inverse(self.channel_order), axis=2), inverse(self.filter_order), axis=3)


def take(x, order, axis):
    """Reorder an axis of a tensor; no order leaves it as it is."""
    return x if order is None else ops.take(x, order, axis=axis)


def inverse(order):
    """Return the permutation that undoes another; `None` stays `None`."""
    return None if order is None else np.argsort(order)


def dense_from(kernel, pointwise, parts: int, layout: str, channels: int, filters: int) -> np.ndarray:
    """Assemble a dense kernel from the two arrays of a HetConv2D, without a layer: the inverse of `HetConv2D.cut`.

    Args:
        kernel: array, the layer's `kernel`.
        pointwise: array, the layer's `pointwise_kernel`; `None` or empty if the layer has none.
        parts: int, P.
        layout: str, `"grouped"` or `"shifted"`.
        channels: int, M.
        filters: int, N.

    Returns:
        A NumPy array (k, k, M, N) of the kernel's dtype.

    Raises:
        ValueError: if the arrays do not have the shapes of these numbers.

    Example:

    >>> dense_from(np.ones((3, 3, 2, 8)), np.ones((6, 8)), parts=4, layout="grouped", channels=8, filters=8).shape
    (3, 3, 8, 8)
    """
    kernel = np.asarray(kernel)
    pointwise = None if pointwise is None or not np.size(pointwise) else np.asarray(pointwise)
    packing = Packing(channels, filters, parts, one_of("layout", layout, LAYOUTS))
    shapes = kernel.shape, None if pointwise is None else pointwise.shape
    if not _has_shapes(packing, *shapes):
        raise ValueError(
            f"`kernel` and `pointwise` must have the shapes {packing.shapes(kernel.shape[:2])} of parts={parts}, "
            f"channels={channels}, filters={filters}. Received: shapes {shapes}"
        )
    dense = np.zeros((*kernel.shape[:2], channels, filters), kernel.dtype)
    wide = unpack(kernel, *packing.wide)
    narrow = [None] * len(wide) if pointwise is None else unpack(pointwise, *packing.narrow)
    for run, *kernels in zip(packing.runs, wide, narrow, strict=True):
        het_runs.fill(dense, run, *kernels)
    if packing.channel_order is None:
        return dense
    return dense[:, :, inverse(packing.channel_order)][..., inverse(packing.filter_order)]


def parts_of(kernel_shape, pointwise_shape, channels: int, filters: int) -> list[int]:
    """List the numbers of parts with which a HetConv2D has kernels of these shapes.

    Shapes do not tell the layout. They tell the parts if the list has one number, which is so whenever some P in it
    divides both channels and filters. More parts than channels and filters are the same layer as the larger of the
    two numbers, so the list ends there.

    Args:
        kernel_shape: tuple of ints, of the layer's `kernel`.
        pointwise_shape: tuple of ints, of its `pointwise_kernel`; `None` or of no entries if the layer has none.
        channels: int, M.
        filters: int, N.

    Returns:
        A list of int in increasing order; empty if no HetConv2D of these channels and filters has such kernels.

    Example:

    >>> parts_of((3, 3, 2, 8), (6, 8), channels=8, filters=8)
    [4]
    >>> parts_of((3, 3, 16), (128,), channels=8, filters=18)
    [9, 10]
    """
    candidates = range(1, max(channels, filters) + 1)
    return [p for p in candidates if _has_shapes(Packing(channels, filters, p), kernel_shape, pointwise_shape)]


def _has_shapes(packing, kernel_shape, pointwise_shape):
    kernel, pointwise = packing.shapes(kernel_shape[:2])
    return tuple(kernel_shape) == kernel and _or_none(pointwise_shape) == _or_none(pointwise)


def _or_none(shape):
    """Return the shape of an array that has entries, else `None`."""
    return tuple(shape) if shape is not None and math.prod(shape) else None
