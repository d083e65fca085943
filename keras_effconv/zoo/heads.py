"""A file's classifier that is not the model's: by another name, of other classes, or in one of the two only."""

import re

import numpy as np

# Of a normalization in a classifier that somebody built: by Keras' own name, or below the name of a classifier.
NORMS = re.compile(r"(batch|layer|group)_normalization(_\d+)?|\w*(fc|classif|head|predictions|top|dense)\w*[./_].*")
CLASSIFIER = "of another classifier"


def settle_head(state):
    """Decide what becomes of layers of a classifier that the model has by another name, or has not.

    A dense layer of the file, by whatever name, that has the shapes of the model's last layer is that one; where the
    user says which classes of the file are wanted, one that has its rows. If the file has no such layer and the model
    has other classes than the published weights, the model's classifier is new.

    Args:
        state: `Pouring`; changed.
    """
    foreign, last = _foreign(state), state.layers.get(state.architecture.head[-1])
    if last is None:
        _leave(state, foreign)
    elif not state.has(last.name) and not state.skips(f"{last.name}/kernel"):
        alike = [layer for layer in foreign if _same_shapes(state, layer, last)]
        if len(alike) == 1:
            _take(state, alike[0], last)
        elif state.classes is None and last.kernel.shape[-1] != state.architecture.classes:
            _renew(state, foreign)
            _leave(state, foreign)


def check_classes(state, source):
    """Raise a `ValueError` if the user says which classes of the file are wanted, and there is nothing to choose from.

    Args:
        state: `Pouring`.
        source: str, for the message.
    """
    if state.classes is None:
        return
    last = state.layers.get(state.architecture.head[-1])
    given = f"Received: classes={state.classes!r:.60}"
    if last is None or state.skips(f"{last.name}/kernel"):
        raise ValueError(f"`classes` must be None, since no classifier of {state.model.name!r} is loaded. {given}")
    count, indices = last.kernel.shape[-1], np.asarray(state.classes)
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) != count:
        raise ValueError(f"`classes` must be {count} indices, one for each class of {state.model.name!r}. {given}")
    alike = [last.name] if state.has(last.name) else [n for n in _foreign(state) if _same_shapes(state, n, last)]
    if len(alike) != 1:
        there = f"several: {', '.join(alike):.200}" if alike else f"none of {last.kernel.shape[-2]} inputs"
        raise ValueError(f"`classes` must be for a file with one classifier. {given}, and {source} with {there}")
    theirs = {state.dense[f"{alike[0]}/{v.name}"].shape[-1] for v in last.weights if state.has(alike[0], v.name)}
    if indices.min() < 0 or indices.max() >= min(theirs):
        raise ValueError(f"`classes` must be indices of 0 to {min(theirs) - 1}. {given}")


def _leave(state, foreign):
    state.left.update(dict.fromkeys((key for keys in foreign.values() for key in keys), CLASSIFIER))


def _foreign(state):
    """Return the layers of the file that may be of a classifier and are none of the network's: dict of name -> keys."""
    layers = {}
    for key in state.dense:
        layer = key.rpartition("/")[0]
        known = layer in state.layers or layer in state.outer
        if not known and (layer in state.architecture.head or not state.architecture.owns(layer)):
            layers.setdefault(layer, []).append(key)
    flat = {name: keys for name, keys in layers.items() if all(np.ndim(state.dense[key]) <= 2 for key in keys)}
    dense = {name for name, keys in flat.items() if any(np.ndim(state.dense[key]) == 2 for key in keys)}
    return {name: keys for name, keys in flat.items() if name in dense or NORMS.fullmatch(name)}


def _same_shapes(state, name, layer):
    """Return whether a dense layer of the file has the shapes of the model's last layer, but for leading ones.

    Where the user says which classes are wanted, their number in the file may be any.
    """
    values = [state.dense.get(f"{name}/{variable.name}") for variable in layer.weights]
    if any(value is None or value.ndim == 0 for value in values):
        return False
    ends = {value.shape[-1] for value in values}
    columns = ends if state.classes is not None and len(ends) == 1 else {layer.weights[0].shape[-1]}
    return all(
        value.shape == (*tuple(v.shape)[-value.ndim : -1], *columns) and set(v.shape[: -value.ndim]) <= {1}
        for v, value in zip(layer.weights, values)
    )


def _take(state, name, layer):
    for variable in layer.weights:
        value = state.dense.pop(f"{name}/{variable.name}")
        leading = (1,) * (len(variable.shape) - value.ndim)
        state.dense[f"{layer.name}/{variable.name}"] = value.reshape((*leading, *value.shape))
    state.note(layer, f"the file's {name}")


def _renew(state, foreign):
    """Leave the layers of the classifier that the file has not as they are: they are new."""
    kernels = [(n, state.dense[key].shape) for n, keys in foreign.items() for key in keys if state.dense[key].ndim == 2]
    theirs = (
        f"the file's is {', '.join(f'{name} {shape}' for name, shape in kernels)}" if kernels else "the file has none"
    )
    for name in state.architecture.head:
        layer = state.layers[name]
        if not any(key.startswith(f"{name}/") for key in state.dense):
            state.fresh.add(name)
            state.done.add(name)
            state.note(layer, f"new head: {theirs}")
