"""A file's classifier that is not the model's: by another name, of other classes, or in one of the two only."""

import re

import numpy as np

# Of a normalization in a classifier that somebody built: by Keras' own name, or below the name of a classifier.
NORMS = re.compile(r"(batch|layer|group)_normalization(_\d+)?|\w*(fc|classif|head|predictions|top|dense)\w*[./_].*")
CLASSIFIER = "of another classifier"


def settle_head(state):
    """Decide what becomes of layers of a classifier that the model has by another name, or has not.

    A dense layer of the file, by whatever name, that has the shapes of the model's last layer is that one. If the file
    has no such layer and the model has other classes than the published weights, the model's classifier is new.

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
        elif last.kernel.shape[-1] != state.architecture.classes:
            _renew(state, foreign)
            _leave(state, foreign)


def _leave(state, foreign):
    state.left.update(dict.fromkeys((key for keys in foreign.values() for key in keys), CLASSIFIER))


def _foreign(state):
    """Return the layers of the file that may be of a classifier and are none of the network's: dict of name -> keys."""
    layers = {}
    for key in state.dense:
        layer = key.rpartition("/")[0]
        if layer not in state.layers and not (state.architecture.owns(layer) and layer not in state.architecture.head):
            layers.setdefault(layer, []).append(key)
    flat = {name: keys for name, keys in layers.items() if all(np.ndim(state.dense[key]) <= 2 for key in keys)}
    dense = {name for name, keys in flat.items() if any(np.ndim(state.dense[key]) == 2 for key in keys)}
    return {name: keys for name, keys in flat.items() if name in dense or NORMS.fullmatch(name)}


def _same_shapes(state, name, layer):
    """Return whether a dense layer of the file has the shapes of the model's last layer, but for leading ones."""
    keys = {variable.name: state.dense.get(f"{name}/{variable.name}") for variable in layer.weights}
    return all(
        value is not None and value.shape == tuple(v.shape)[-value.ndim :] and set(v.shape[: -value.ndim]) <= {1}
        for v, value in zip(layer.weights, keys.values())
    )


def _take(state, name, layer):
    for variable in layer.weights:
        value = state.dense.pop(f"{name}/{variable.name}")
        state.dense[f"{layer.name}/{variable.name}"] = value.reshape(variable.shape)
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
