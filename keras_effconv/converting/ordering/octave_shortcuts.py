"""Put the channels of shortcuts that are padded with zeros where an octave network pads them.

`PadChannels` puts half of the zeros on each side of a map. In an octave network it does so in each band: channels that
lie in the middle of the plain map lie in the middle of the high band and of the low one. So that the channels of both
networks have one order, the plain network is laid out likewise: it pads in two parts, too.
"""

import keras
import numpy as np
from keras import layers

from keras_effconv.converting.ordering.channel_rules import rule_of, write
from keras_effconv.converting.ordering.channels import Channels, places
from keras_effconv.converting.ordering.permuting import built
from keras_effconv.inference.rewriting import Graph
from keras_effconv.inference.steps import Step
from keras_effconv.layers import PadChannels
from keras_effconv.layers.octaves import SplitBands


def with_banded_shortcuts(model: keras.Model, student: keras.Model) -> keras.Model:
    """Return a copy of a plain model with its padded shortcuts laid out as in an octave network; it computes the same.

    Each `PadChannels` becomes four layers: a split, a `PadChannels` for either part, and their concatenation, under its
    name. A shortcut whose channels must stay, such as those of a map that is an output, is left as it is.

    Args:
        model: `keras.Model`, plain.
        student: `keras.Model`, the same network with octave convolutions.

    Example:

    >>> import keras_effconv as ke
    >>> model, student = (ke.ResNet20(weights=None, depth=0.3, conv=c) for c in ("Conv()", "OctConv(alpha=0.5)"))
    >>> x = np.ones((1, 32, 32, 3))
    >>> other = with_banded_shortcuts(model, student)
    >>> bool(np.allclose(model(x), other(x), atol=1e-5)), len(other.layers) - len(model.layers)
    (True, 6)
    """
    graph = Graph(model)
    pads = {step: _bands_in(student, step) for step in graph.steps if step.kind is PadChannels}
    while True:  # without a shortcut that cannot be laid out, which keeps the channels that it reads where they are
        channels = Channels(graph, lambda step: write if step in pads else rule_of(step))
        moved, stuck = _laid_out(channels, pads)
        if stuck is None:
            break
        del pads[stuck]
    for step, counts in pads.items():
        if len(counts) > 1:
            graph.replace(step, _padded_in_bands(step, counts))
    return built(graph, lambda value: places(channels.of(value), moved))


def _laid_out(channels, pads):
    """Return which channel takes the place of which, and the first shortcut that cannot be laid out, or `None`."""
    free = [set(group.members.tolist()) for group in channels.groups]
    moved = {}
    for step, counts in pads.items():
        ids = channels.of(step.outputs[0]).tolist()
        order = _layout(step, counts, places(channels.of(step.inputs[0]), moved))
        new = dict(zip(ids, (ids[i] for i in order)))
        rests = all(i == to for i, to in new.items())
        may_move = any(set(ids) <= members for members in free) and len(new) == len(ids)
        if any(moved.get(i, to) != to for i, to in new.items()) or not (rests or may_move):
            return moved, step
        moved.update(new)
    return moved, None


def _bands_in(student, step):
    """Return the channels that each band of a padded shortcut has before and after."""
    named = {layer.name: layer for layer in student.layers}
    bands = {band: named.get(f"{step.name}_{band}") for band in ("high", "low")}
    if None in bands.values():
        return {"high": (step.inputs[0].shape[-1], step.outputs[0].shape[-1])}
    return {band: (layer.input.shape[-1], layer.filters) for band, layer in bands.items()}


def _layout(step, counts, narrow):
    """Return the order of the wide map's channels that puts those that are carried, in an order, where bands pad."""
    wide = step.outputs[0].shape[-1]
    carried = narrow + (wide - len(narrow)) // 2
    first, starts = 0, []
    for before, after in counts.values():
        starts.append(np.arange(before) + first + (after - before) // 2)
        first += after
    order = np.full(wide, -1)
    order[np.concatenate(starts)] = carried
    order[order < 0] = np.setdiff1d(np.arange(wide), carried)
    return order


def _padded_in_bands(step, counts):
    value, dtype = step.inputs[0], step.operation.dtype_policy
    split = SplitBands({band: before for band, (before, _) in counts.items()}, name=f"{step.name}_parts", dtype=dtype)
    parts = [keras.KerasTensor((*value.shape[:-1], before), value.dtype) for before, _ in counts.values()]
    steps, padded = [Step(split, (value,), {}, parts)], []
    for (band, (_, after)), part in zip(counts.items(), parts):
        padded.append(keras.KerasTensor((*part.shape[:-1], after), part.dtype))
        steps.append(Step(PadChannels(after, name=f"{step.name}_{band}", dtype=dtype), (part,), {}, padded[-1:]))
    joined = Step(layers.Concatenate(name=step.name, dtype=dtype), (padded,), {}, step.outputs)
    return [*steps, joined]
