"""The kernels of a network by least squares: from what a plain network computes on some images."""

from collections.abc import Collection
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_effconv.feature_maps import bands
from keras_effconv.fitting.behind import FREE, plain_name
from keras_effconv.fitting.kernels import FORMS
from keras_effconv.fitting.outputs import outputs_of
from keras_effconv.fitting.room import Room, spread
from keras_effconv.fitting.solving import solve
from keras_effconv.fitting.values import Values, calls_of, split_activations
from keras_effconv.fitting.windows import windows_of
from keras_effconv.inference.rewriting import Graph
from keras_effconv.layers.octaves import DEPTH, pool
from keras_effconv.utils.progress import progress

ROWS = 30_000  # positions of a map
WINDOWS = 400 << 20  # bytes of what a layer's filters see at them


class LayerFit(NamedTuple):
    """What a fit has made of a layer.

    Attributes:
        name: str.
        before, after: float, the squared error of what the layer writes, once normalized, summed up and cut off by the
            activation behind it, over its variance.
    """

    name: str
    before: float
    after: float


class Rows(NamedTuple):
    """What is known of an output at some positions: arrays with a row for each.

    Attributes:
        windows: (positions, k * k * c), what the filters see.
        linear, cut: (positions, filters), the goal ahead of the activation and behind it.
        added: (positions, filters), the other part of the sum; `None` without one.
    """

    windows: np.ndarray
    linear: np.ndarray
    cut: np.ndarray
    added: np.ndarray | None


def fit_layers(
    model: keras.Model,
    teacher: keras.Model,
    images: list[np.ndarray],
    rows: int = ROWS,
    seed: int = 0,
    verbose: bool = False,
    moved: Collection[str] = (),
) -> list[LayerFit]:
    """Fit the convolutions of a model to what a plain network computes, without labels and without training.

    Layer after layer, from the input on: both networks see the images, and a layer's weights, and a constant for each
    filter, become those with the least squared error, given what the layers before it make of the images now. So a
    layer also makes up for what was lost before it. The error is that of what the plain network has behind the layer:
    once normalized, summed up with the shortcut that the model has, and cut off by the activation. The constant goes
    into the bias, or into the mean of the normalization. A low band is to be the average of the plain network's
    channels.

    Args:
        model: `keras.Model` with a functional graph; changed. It has the plain network's weights, poured.
        teacher: `keras.Model` likewise, whose layers have the same names (without `_high` and `_low`) and, high band
            first, the same channels.
        images: list of arrays, one for each input, as both networks read them. Where memory has no room for the maps of
            all, layers near the input are fitted to some of them, drawn from all.
        rows: int, the positions of a layer's map that are used, drawn from all images. Default 30,000.
        seed: int, of the draw. Default 0.
        verbose: bool, whether to show a progress bar. Default `False`.
        moved: names of the plain network's layers whose channels the model has in another order: layers that write such
            a map, or a part of it, stay as they are. Default: none.

    Returns:
        A list of `LayerFit`, in order. No error is larger after the fit, on the positions drawn.

    Example:

    >>> import keras_effconv as ke
    >>> small = {"weights": None, "width": 0.25, "depth": 0.3}
    >>> teacher, model = ke.ResNet20(**small), ke.ResNet20(**small, conv=ke.HetConv(parts=4))
    >>> x = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype("float32")
    >>> fits = fit_layers(model, teacher, [x])
    >>> len(fits), all(fit.after <= fit.before for fit in fits)
    (7, True)
    """
    graph, plain = Graph(model), Graph(teacher)
    split_activations(graph)
    split_activations(plain)
    every = [each for each in outputs_of(graph, plain) if not _writes_any(each, moved, plain)]
    flow = _Flow(graph, plain, every, images, seed)
    rng, fits = np.random.default_rng(seed), []
    todo = {id(outputs[0].step): outputs for outputs in every}
    with progress(None, "fitting", len(every), unit="layer", shown=verbose) as bar:
        for step in graph.steps:
            if id(step) in todo:
                fits.append(_fit_layer(todo[id(step)], flow.values, flow.goals, rows, rng))
                bar.set_postfix_str(f"{fits[-1].name}: {1 - fits[-1].after:.0%} explained", refresh=False)
                bar.update()
            flow.advance()
    return fits


def _writes_any(outputs, names, plain):
    """Return whether a layer, or what it is compared behind, writes a map of one of these names."""
    behind = {writer.name for each in outputs if (writer := plain.writer(each.goal)) is not None}
    return bool({plain_name(outputs[0].step.name, names), *behind} & set(names))


def _read(every):
    """List what is read of the model's own values: the inputs of each layer, and the other parts of sums."""
    inputs = [value for outputs in every for value in outputs[0].step.inputs]
    others = [output.behind.other for outputs in every for output in outputs]
    return inputs + [value for value in others if value is not None]


class _Flow:
    """Both networks' values for the images, of which there are more as the maps become smaller."""

    def __init__(self, graph, plain, every, images, seed):
        self._images, self._order = images, spread(len(images[0]), seed)
        self._room = Room([graph, plain], images)
        self._count = self._room.count([0, 0])
        first = self._taken(0, self._count)
        self.values = Values(graph, first, _read(every))
        self.goals = Values(plain, first, [output.goal for outputs in every for output in outputs])

    def advance(self):
        """Compute the next step of the model, and let more images join if there is room for twice as many, or all."""
        self.values.advance()
        count = self._room.count([self.values.done, self.goals.done])
        if self._count < count >= min(2 * self._count, len(self._order)):
            more = self._taken(self._count, count)
            self.values.join(more)
            self.goals.join(more)
            self._count = count

    def _taken(self, start, stop):
        return [array[self._order[start:stop]] for array in self._images]


def _fit_layer(outputs, values, goals, rows, rng):
    step = outputs[0].step
    read = {id(value): values.read(value) for value in step.inputs}
    maps = [args[0] for args, _ in calls_of(step, read)]
    blocks, sums = [], np.zeros(3)
    for output in outputs:
        others = [None] * len(maps) if output.behind.other is None else values.read(output.behind.other)
        drawn = _drawn(output, maps, goals.read(output.goal), others, rows, rng)
        solved, constant, scales = [], output.constant()[0], np.square(output.line()[0], dtype="float64")
        for block, solution in _solved(output, drawn):
            solved.append(block._replace(weights=solution.weights))
            constant[block.filters - output.filters.start] = solution.constant
            scale = scales[block.filters - output.filters.start]
            sums[:2] += [(scale * each).sum() for each in (solution.before, solution.after)]
        sums[2] += np.square(drawn.cut - drawn.cut.mean(0), dtype="float64").sum()
        output.set_constant(constant)
        blocks += solved
    FORMS[step.kind].write(step.operation, blocks)
    return LayerFit(step.name, *(sums[:2] / max(sums[2], 1e-12)).tolist())


def _solved(output, drawn):
    """Yield each block of filters with its `Solution`."""
    scale, offset = output.line()
    constant, is_free = output.constant()
    for block in list(FORMS[output.step.kind].blocks(output.step.operation, output.filters)):
        own = block.filters - output.filters.start
        added = offset[own] + (0 if drawn.added is None else drawn.added[:, own])
        target = _target(drawn.linear[:, own], drawn.cut[:, own], output.behind.bounds, scale[own], added)
        seen = drawn.windows if len(block.rows) == drawn.windows.shape[1] else drawn.windows[:, block.rows]
        is_enough = len(block.rows) <= len(seen)
        yield block, solve(seen, target, block.weights, constant[own], is_free, is_enough=is_enough)


def _target(linear, cut, bounds, scale, added):
    """Return what a layer should have written, given what it writes, as a function.

    Args:
        linear: array (positions, filters), the goal ahead of the activation.
        cut: array (positions, filters), the goal behind it.
        bounds: pair of floats, of the activation.
        scale: array (filters,), what the layer writes is multiplied with.
        added: array (positions, filters) or (filters,), what is added to it then.
    """
    low, high = bounds

    def target(predicted):
        if predicted is None or bounds == FREE:
            return (linear - added) / scale
        reached = scale * predicted + added
        beyond = np.where(cut <= low, np.minimum(reached, low), np.maximum(reached, high))
        return (np.where((cut > low) & (cut < high), cut, beyond) - added) / scale

    return target


def _drawn(output, maps, goals, others, rows, rng):
    """Return the `Rows` of an output at positions drawn from all batches."""
    layer, depth = output.step.operation, DEPTH[output.band]
    alone = not FORMS[output.step.kind].is_mixed
    maps = [bands(x)[output.band] if alone else x for x in maps]
    entries = int(np.prod(layer.kernel_size)) * sum(x.shape[-1] for x in bands(maps[0]).values())
    pooled = [pool(goal[..., output.filters], depth) for goal in goals]
    positions = sum(int(np.prod(x.shape[:3])) for x in pooled)
    share = min(rows, WINDOWS // (4 * entries)) / positions
    parts = []
    for x, goal, linear, other in zip(maps, goals, pooled, others, strict=True):
        at = np.nonzero(rng.random(linear.shape[:3]) < share)
        cut = pool(ops.clip(goal[..., output.filters], *output.behind.bounds), depth)
        seen = windows_of(layer, x, output.band, at, alone)
        arrays = (seen.reshape(len(seen), -1), *(ops.convert_to_numpy(each)[at] for each in (linear, cut)))
        parts.append((*arrays, None if other is None else ops.convert_to_numpy(other)[at]))
    return Rows(*(None if each[0] is None else np.concatenate(each) for each in zip(*parts)))
