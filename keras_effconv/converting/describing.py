"""What each convolution of a network has become: its kind, what it costs, and why it stays."""

import keras

from keras_effconv.converting.selecting.runtimes import ANY_SIDE
from keras_effconv.converting.selecting.timing import DENSE, Candidate
from keras_effconv.counting import count
from keras_effconv.counting.papers import CONVOLUTIONS
from keras_effconv.graph import layers_of
from keras_effconv.layers import GroupConv2D, HetConv2D, OctConv2D, OctDepthwiseConv2D


def kinds_in(model: keras.Model, dense: keras.Model) -> dict[str, str]:
    """Return what the convolutions of a dense network are in another, as text; `"dense"` for one that is the same.

    Args:
        model: `keras.Model`, the converted one.
        dense: `keras.Model`, the dense one. Layers correspond by name.

    Example:

    >>> import keras_effconv as ke
    >>> dense, other = (ke.ResNet20(weights=None, depth=0.3, conv=conv) for conv in (None, "HetConv(parts=2)"))
    >>> list(kinds_in(other, dense).values())[:2]
    ['dense', 'HetConv(parts=2)']
    """
    named = {layer.name: layer for layer in layers_of(model)}
    found = {}
    for layer in layers_of(dense):
        if isinstance(layer, CONVOLUTIONS):
            found[layer.name] = _described(named.get(layer.name), layer, named)
    return found


def _described(layer, dense, named):
    if layer is None:
        parts = [name for name in named if name.startswith(f"{dense.name}_")]
        return "two convolutions" if parts else "part of the next"
    if isinstance(layer, HetConv2D):
        return f"HetConv(parts={layer.parts})"
    if isinstance(layer, OctConv2D | OctDepthwiseConv2D):
        return f"OctConv({_share(layer.read)} -> {_share(layer._written(layer.read))})"
    if isinstance(layer, GroupConv2D) and not isinstance(dense, GroupConv2D) and dense.groups == 1:
        return f"groups={layer.groups}"
    return "dense"


def _share(bands):
    """Return the low band's share of the channels, as text."""
    return f"{bands.get('low', 0) / sum(bands.values()):.2g}"


def candidate_in(model: keras.Model, name: str) -> Candidate | None:
    """Return what the layer of a name is as a candidate to measure; `None` without one convolution of that name.

    Args:
        model: `keras.Model`.
        name: str.
    """
    layer = next((layer for layer in layers_of(model) if layer.name == name), None)
    if isinstance(layer, HetConv2D):
        return Candidate(f"HetConv(parts={layer.parts})")
    if isinstance(layer, OctConv2D | OctDepthwiseConv2D):
        read, written = (_exact_share(bands) for bands in (layer.read, layer._written(layer.read)))
        return Candidate(f"OctConv(alpha={written})", read, written)
    return DENSE if isinstance(layer, CONVOLUTIONS) else None


def _exact_share(bands):
    """Return a share of which `split_channels` makes these bands."""
    total, low = sum(bands.values()), bands.get("low", 0)
    return low / total if int(low / total * total) == low else (low + 0.5) / total


def macs_in(model: keras.Model) -> dict[str, int]:
    """Return the multiply-accumulates of each layer of a model for one image; what has a name of its own alone.

    Example:

    >>> macs_in(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")]))
    {'dense': 8}
    """
    sizes = [ANY_SIDE if side is None else side for side in model.inputs[0].shape[1:-1]]
    is_image = len(model.inputs) == 1 and len(model.inputs[0].shape) == 4
    shape = (*sizes, model.inputs[0].shape[-1]) if is_image else None
    total = {}
    for row in count(model, shape).layers:
        name = row.name.rpartition("/")[2]
        total[name] = total.get(name, 0) + (row.macs or 0)
    return total
