"""The feature maps of a model, by the layers that write them."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_effconv.feature_maps import bands
from keras_effconv.graph import check_functional, layers_of, walk, with_structure
from keras_effconv.utils.suggestions import did_you_mean

BANDS = ("high", "low")


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


def feature_map(
    model: keras.Model, images: np.ndarray, layer: str | keras.layers.Layer | None = None
) -> dict[str, np.ndarray]:
    """Compute the feature map that a layer of a model writes.

    Args:
        model: `keras.Model`, functional or sequential.
        images: array (n, h, w, c), as the model reads them: `preprocessing_for(model)(photos)`.
        layer: the layer, or its name; the name of a two-band map, such as `"conv4_block1_out"`, stands for its two
            layers. Default: the last map of more than one position.

    Returns:
        dict of arrays (n, h, w, c) by band: `"high"`, and `"low"` if the map has two bands.

    Raises:
        ValueError: for another model, images of another shape, or a layer that writes no map.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None, conv="OctConv(alpha=0.5)")
    >>> maps = feature_map(model, np.ones((1, 32, 32, 3)), "conv2_block1_out")
    >>> {band: each.shape for band, each in maps.items()}
    {'high': (1, 32, 32, 8), 'low': (1, 16, 16, 8)}
    """
    check_functional(model)
    images = check_images(model, images)
    shown, maps = find_maps(model, layer), {}

    def visit(name, operation, args, kwargs):
        outputs = operation(*args, **kwargs)
        for each, band in zip(shown, band_names(shown)):
            if operation is each.layer:
                maps[band] = ops.convert_to_numpy(bands_of(outputs)[each.band])
        return outputs

    walk(model, with_structure(model, [images]), visit)
    return {band: maps[band] for band in band_names(shown)}


def band_names(shown):
    """Return the band of each of some `Shown`: two layers of a two-band map have one map each, the high one first."""
    names = [each.band for each in shown]
    return names if len(set(names)) == len(names) else list(BANDS)


def check_images(model, images):
    """Return images as a tensor that a model of one input reads.

    Raises:
        ValueError: they are of another shape.
    """
    images, shape = np.asarray(ops.convert_to_numpy(images)), tuple(model.inputs[0].shape)
    fits = images.ndim == 4 and len(images) and all(a in (None, b) for a, b in zip(shape[1:], images.shape[1:]))
    if not fits:
        raise ValueError(f"`images` must be (n, {', '.join(map(str, shape[1:]))}). Received: shape {images.shape}")
    return ops.convert_to_tensor(images, model.inputs[0].dtype)


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
