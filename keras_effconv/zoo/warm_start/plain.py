"""Files of other kinds of convolution as what they are of a plain network."""

import re

import numpy as np

from keras_effconv.layers.het_parts import LAYOUTS, dense_from, parts_of

BAND = re.compile(r"(.*)_(high|low)")
MOST_PARTS = 2**16  # of a file, which may say anything: each part takes time


def joined_bands(dense):
    """Return the statistics of an octave network's bands as those of one map, high first.

    Args:
        dense: dict of "layer/variable" -> array.

    Returns:
        dict of "layer/variable" -> (array, names of the parts); empty for a file without bands.

    Example:

    >>> joined_bands({"bn_high/beta": np.zeros(3), "bn_low/beta": np.ones(1)})["bn/beta"][0]
    array([0., 0., 0., 1.])
    """
    parts = {}
    for key in dense:
        layer, _, variable = key.partition("/")
        if match := BAND.fullmatch(layer):
            parts.setdefault(f"{match[1]}/{variable}", {})[match[2]] = key
    names = {key: [bands[b] for b in ("high", "low") if b in bands] for key, bands in parts.items()}
    return {key: (np.concatenate([dense[name] for name in each], -1), each) for key, each in names.items()}


def form_of(name, state):
    """Return the (parts, layout) that a file states of a layer, or `None`."""
    form = state.dense.get(f"{name}/form")
    if form is None:
        return None
    numbers = [int(number) for number in np.ravel(form)[:3]]
    if len(numbers) != 2 or not 1 <= numbers[0] <= MOST_PARTS or numbers[1] not in range(len(LAYOUTS)):
        raise ValueError(f"`{name}/form` must be the parts and the number of a layout. Received: {numbers}")
    return numbers[0], LAYOUTS[numbers[1]]


def plain_kernel(layer, shape, state):
    """Return the kernel of the plain convolution that the file's layers of a name equal.

    Args:
        layer: `keras.layers.Layer` of the model.
        shape: tuple, of the plain kernel: (k, k, M, N).
        state: `Pouring`.

    Returns:
        Array, or `None` if it is missing, which the state then knows.
    """
    if not state.has(layer.name, "pointwise_kernel"):
        state.used.add(f"{layer.name}/form")  # of one part
        return state.take(f"{layer.name}/kernel")
    kernel, pointwise = (state.take(f"{layer.name}/{name}") for name in ("kernel", "pointwise_kernel"))
    form, source = form_of(layer.name, state), "as the file states"
    state.used.add(f"{layer.name}/form")
    if kernel is None or pointwise is None:
        return None
    if form is None:
        possible = parts_of(np.shape(kernel), np.shape(pointwise), *shape[2:])
        form, source = (possible[0], "grouped") if possible else None, "by the shapes; its layout is taken as 'grouped'"
    try:
        dense = form and dense_from(kernel, pointwise, *form, *shape[2:])
    except ValueError:  # of the shapes
        dense = None
    if dense is None:
        state.wrong.append(f"{layer.name}/kernel is no HetConv of {shape[2]} channels and {shape[3]} filters")
        return None
    state.note(layer, f"from HetConv(parts={form[0]}, layout={form[1]!r}), {source}")
    return dense


def refuse_fused(state, source):
    """Raise a `ValueError` if a file has one HetConv for two convolutions that the model has: no warm start."""
    for pair in state.architecture.pairs:
        in_one = state.has(pair.second.conv, "pointwise_kernel") and not state.has(pair.first.conv)
        if in_one and pair.first.conv in state.layers and not state.skips(f"{pair.second.conv}/kernel"):
            raise ValueError(
                f"{source} has no warm start for {state.model.name!r} (nothing was loaded): its {pair.second.conv} is "
                f"one HetConv in place of {pair.first.conv} and {pair.second.conv}, which cannot be taken apart"
            )
