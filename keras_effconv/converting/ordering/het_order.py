"""Put channels and filters that belong together into one part of a heterogeneous convolution."""

from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.converting.ordering.channels import Channels, places
from keras_effconv.converting.ordering.het_energy import covariance, lost_energy, variances
from keras_effconv.converting.ordering.observing import Moments, observe
from keras_effconv.converting.ordering.students import layouts_of
from keras_effconv.inference.kernels import array
from keras_effconv.inference.rewriting import Graph
from keras_effconv.utils.extras import require

STARTS = 4  # the order as it is, and random ones
ROUNDS = 20  # over all groups; ends earlier when nothing moves


class HetOrder(NamedTuple):
    """An order of channels for heterogeneous convolutions.

    Attributes:
        orders: dict from the index of a group of channels to its order, as `permuted` takes it.
        before: float, the share of what can be lost that the parts keep in the order as it is: of the energy of all
            taps around the centre or, if there are images, of the variance that they make.
        after: float, the share that they keep in the new order.
    """

    orders: dict[int, np.ndarray]
    before: float
    after: float


def het_order(model: keras.Model, kind, images=None, seed: int = 0, starts: int = STARTS) -> HetOrder:
    """Return the order of channels in which the parts of a HetConv keep most of the energy of the kernels.

    A HetConv sees the channels of its own part through k x k and others through 1 x 1, which lose the taps around the
    centre. So channels and filters are clustered together, in parts of the given sizes: group after group is assigned
    to its places at best (an assignment problem), with all others where they are, until nothing moves.

    Args:
        model: `keras.Model`, functional or sequential, built, with plain convolutions.
        kind: `HetConv` or `PC`; may be a schedule by stride.
        images: array, or a structure of arrays, as the model reads them. If given, what counts is the share of a
            filter's variance on them that is lost when a kernel becomes the best 1 x 1 one. Default `None`: the
            energy of the taps around the centre.
        seed: int, of the starts. Default 0.
        starts: int, the number of starts, of which the best is taken. Default 4.

    Returns:
        A `HetOrder`.

    Raises:
        ImportError: SciPy is not installed.

    Example:

    >>> import keras_effconv as ke
    >>> result = het_order(ke.ResNet20(weights=None, width=0.25, depth=0.3), ke.HetConv(parts=2))
    >>> result.before < result.after
    True
    """
    graph = Graph(model)
    channels = Channels(graph)
    blocks = _blocks(graph, channels, layouts_of(model, kind), images, model)
    rng = np.random.default_rng(seed)
    now, total = _Arrangement(channels, blocks, None), sum(block.energy.sum() for block in blocks)
    candidates = [_improved(_Arrangement(channels, blocks, rng if start else None)) for start in range(starts)]
    best = max(candidates, key=lambda each: each.kept())
    total = total or 1.0
    return HetOrder(best.orders, float(now.kept() / total), float(best.kept() / total))


class _Block(NamedTuple):
    """A convolution: its channels as they lie, and by pair the energy that is lost in different parts."""

    read: np.ndarray
    written: np.ndarray
    energy: np.ndarray
    part_read: np.ndarray
    part_written: np.ndarray


def _blocks(graph, channels, layouts, images, model):
    found = [(i, step) for i, step in enumerate(graph.steps) if step.name in layouts]
    moments = [None] * len(found)
    if images is not None and found:
        moments = observe(model, [(i, 0) for i, _ in found], _moments, images)
    blocks = []
    for (_, step), seen in zip(found, moments):
        kernel = array(step.operation.kernel)
        if seen is None:
            energy = lost_energy(kernel)
        else:
            together = covariance(seen, kernel.shape[:2], step.config["dilation_rate"])
            energy = lost_energy(kernel, together) / variances(kernel, together)
        parts = [parts_at(count, *layouts[step.name]) for count in energy.shape]
        blocks.append(_Block(channels.of(step.inputs[0]), channels.of(step.outputs[0]), energy, *parts))
    return blocks


def _moments(step):
    return Moments([d * (k - 1) for k, d in zip(step.config["kernel_size"], step.config["dilation_rate"])])


def parts_at(count, parts, layout):
    """Return the part of each place among `count` channels or filters, as HetConv2D cuts them.

    >>> parts_at(5, 3, "grouped").tolist(), parts_at(5, 3, "shifted").tolist()
    ([0, 0, 1, 1, 2], [0, 1, 2, 0, 1])
    """
    shifted = np.arange(count) % parts
    return shifted if layout == "shifted" else np.sort(shifted)


class _Arrangement:
    """Where the channels of each group lie now.

    Args:
        channels: `Channels`.
        blocks: list of `_Block`.
        rng: NumPy generator of a random arrangement; `None` for that of the network.
    """

    def __init__(self, channels, blocks, rng):
        used = {i for block in blocks for ids in (block.read, block.written) for i in ids.tolist()}
        self.groups = {n: g.members for n, g in enumerate(channels.groups) if used.intersection(g.members.tolist())}
        self.blocks = blocks
        self.orders = {
            n: np.arange(len(members)) if rng is None else rng.permutation(len(members))
            for n, members in self.groups.items()
        }
        self._find_places()

    def _find_places(self):
        moved = {}
        for n, members in self.groups.items():
            moved.update(zip(members.tolist(), members[self.orders[n]].tolist()))
        self.places = [(places(block.read, moved), places(block.written, moved)) for block in self.blocks]

    def _parts(self, index):
        """Return the part of each channel and each filter of a block, by its place in the network."""
        block, parts = self.blocks[index], []
        for order, part in zip(self.places[index], (block.part_read, block.part_written)):
            own = np.empty_like(part)
            own[order] = part
            parts.append(own)
        return parts

    def kept(self):
        """Return the energy that the parts keep."""
        total = 0.0
        for index, block in enumerate(self.blocks):
            read, written = self._parts(index)
            total += block.energy[read[:, None] == written].sum()
        return float(total)

    def gains(self, group):
        """Return what is kept by a member of a group at each place of a member: (members, places)."""
        members = self.groups[group]
        gains = np.zeros((len(members), len(members)))
        for index, block in enumerate(self.blocks):
            read, written = self._parts(index)
            sides = (
                (block.read, block.part_read, block.energy, written),
                (block.written, block.part_written, block.energy.T, read),
            )
            for ids, part, energy, other in sides:
                where = _occurrences(ids, members)
                if where is not None:
                    by_part = energy @ np.eye(1 + max(part.max(), other.max()))[other]
                    for at in where:
                        gains += by_part[at][:, part[at]]
        return gains

    def assign(self, group):
        """Assign the members of a group to their places at best; return whether more is kept than before."""
        solve = require("scipy.optimize").linear_sum_assignment
        before, old = self.kept(), self.orders[group]
        member, place = solve(self.gains(group), maximize=True)
        self.orders[group] = member[np.argsort(place)]
        self._find_places()
        if self.kept() > before * (1 + 1e-9):
            return True
        self.orders[group] = old
        self._find_places()
        return False


def _occurrences(ids, members):
    """Return where the members lie among ids, an array for each time that they do; `None` if they do not."""
    where = [np.flatnonzero(ids == member) for member in members]
    return None if not len(where[0]) else np.array(where).T


def _improved(arrangement):
    """Assign group after group until nothing moves."""
    for _ in range(ROUNDS):
        if not sum([arrangement.assign(group) for group in arrangement.groups]):
            break
    return arrangement
