"""The feature maps of a model, by the layers that write them."""

from typing import NamedTuple

import keras

from keras_effconv.feature_maps import bands
from keras_effconv.graph import layers_of, walk, with_structure
from keras_effconv.utils.suggestions import did_you_mean


class Shown(NamedTuple):
    """A feature map.

    Attributes:
        layer: `keras.layers.Layer` that writes it.
        band: str, of what the layer writes: `"high"` if that is one map.
        call: int, the number of the layer's call, from 1; a shared layer is looked at in its last one.
    """

    layer: keras.layers.Layer
    band: str
    call: int


def bands_of(outputs):
    """Return what a layer writes as a dict of its maps by band: empty if it writes none."""
    if not isinstance(outputs, dict) and not hasattr(outputs, "shape"):
        return {}
    return {band: x for band, x in bands(outputs).items() if len(x.shape) == 4}


def find_maps(model, layer=None):
    """Find feature maps in a model.

    Args:
        model: `keras.Model` with a functional graph.
        layer: a layer, the name of one, or the name of a two-band map. Default: the last map of more than one position.

    Returns:
        list of `Shown`, one for each map.

    Raises:
        ValueError: there is no such layer, or it writes no map.
    """
    written, calls = _written(model)
    if layer is None:
        wide = [own for own, maps in written.items() if any(set(x.shape[1:3]) - {1} for x in maps.values())]
        if not wide:
            raise ValueError(f"`model` must have a feature map of more than one position. Received: {model.name!r}")
        found = wide[-1:]
    else:
        found = _named(model, layer) if isinstance(layer, str) else [layer]
    maps = [Shown(own, band, calls[own]) for own in found for band in written.get(own, {})]
    if not maps:
        raise ValueError(
            "`layer` must be a layer of the model that writes a feature map (n, h, w, c). "
            f"Received: layer={getattr(layer, 'name', layer)!r}"
        )
    return maps


def _written(model):
    """Return dicts of each layer, in order: the symbolic maps that it writes in its last call, by band; its calls."""
    written, calls = {}, {}

    def visit(name, operation, args, kwargs):
        outputs = operation.compute_output_spec(*args, **kwargs)
        maps = bands_of(outputs)
        if maps and isinstance(operation, keras.layers.Layer):
            calls[operation] = calls.get(operation, 0) + 1
            written.pop(operation, None)
            written[operation] = maps
        return outputs

    walk(model, with_structure(model, list(model.inputs)), visit)
    return written, calls


def _named(model, name):
    by_name = {layer.name: layer for layer in layers_of(model)}
    pair = [by_name[f"{name}_{band}"] for band in ("high", "low") if f"{name}_{band}" in by_name]
    if name not in by_name and not pair:
        raise ValueError(
            f"`layer` must be a layer of the model. Received: layer={name!r}{did_you_mean(name, list(by_name))}"
        )
    return [by_name[name]] if name in by_name else pair
