"""The rules of layers that read several maps: sums, products with gates, concatenations."""

import collections

import keras
import numpy as np
from keras import layers

from keras_effconv.converting.rewriting.maps import Map, in_order, ordered, rebanded, split_like
from keras_effconv.feature_maps import bands


def join(state, step):
    """Apply a sum, a product or another operation of several maps to each band.

    Maps of other bands are merged and split. A gate (n, 1, 1, c) is split; a number, or one for all, goes into each.
    """
    shape = tuple(step.outputs[0].shape)
    whole = [value for value in step.inputs if tuple(value.shape) == shape]
    others = [value for value in step.inputs if tuple(value.shape) != shape]
    if not whole or any(not _is_gate(value.shape, shape) for value in others) or _constants(step):
        return None
    maps = {id(value): state.map(value) for value in whole}
    if not state.is_wanted(step) and not all(x.is_like(maps[id(whole[0])]) for x in maps.values()):
        maps = {id(value): state.merged(value) for value in whole}
    like, name = _most_common(maps, state.survey.latest), state.namer(step)
    maps = {key: rebanded(x, like, name) for key, x in maps.items()}
    for value in others:
        gate = state.merged(value)
        if value.shape[-1] != 1:
            gate = split_like(gate, like, name) if like.in_bands else in_order(gate, like.order, name)
        maps[id(value)] = gate
    return ordered(state.by_band(step, maps), like.order)


def _is_gate(shape, whole):
    """Return whether a tensor can be multiplied with each band: one position, of all channels or of one."""
    return len(shape) == len(whole) == 4 and tuple(shape[1:3]) == (1, 1) and shape[-1] in (1, whole[-1])


def _constants(step):
    """Return whether a step reads an array, which would have to be split too."""
    flat = keras.tree.flatten((step.args, step.kwargs))
    return any(not isinstance(x, keras.KerasTensor) and x is not None and np.ndim(x) for x in flat)


def _most_common(maps, latest):
    """Return the map whose bands most of the maps have; of as many, that of the latest convolution.

    So the branch of a residual block has its way, not what goes past it.
    """
    counts = {key: sum(x.is_like(other) for other in maps.values()) for key, x in maps.items()}
    return maps[max(maps, key=lambda key: (counts[key], latest[key]))]


def concatenates(step):
    """Return whether a step concatenates channels."""
    return step.config["axis"] in (-1, len(step.outputs[0].shape) - 1)


def concatenate(state, step):
    """Concatenate the channels of each band, high channels of all maps first."""
    if not concatenates(step):
        return None
    maps, first = [], 0
    in_bands = state.is_wanted(step)
    for value in step.inputs:
        x = state.map(value) if in_bands else state.merged(value)
        maps.append((x, x.numbers() + first))
        first += value.shape[-1]
    if not any(x.in_bands for x, _ in maps):
        value = state.by_band(step, {id(old): x for old, (x, _) in zip(step.inputs, maps)})
        return ordered(value, np.concatenate([numbers for _, numbers in maps]))
    tensors, order = collections.defaultdict(list), collections.defaultdict(list)
    for x, numbers in maps:
        by_band = Map(x.value, numbers).numbers_by_band()
        for band, tensor in bands(x.value).items():
            tensors[band].append(tensor)
            order[band].append(by_band[band])
    present = [band for band in ("high", "low") if band in tensors]
    value = {band: _concatenated(state, step, tensors[band], band) for band in present}
    return ordered(value, np.concatenate([each for band in present for each in order[band]]))


def _concatenated(state, step, tensors, band):
    if len(tensors) == 1:
        return tensors[0]
    name = state.free(f"{step.name}_{band}")
    return layers.Concatenate(name=name, dtype=step.operation.dtype_policy)(tensors)
