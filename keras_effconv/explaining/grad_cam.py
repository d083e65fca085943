"""Grad-CAM: which parts of an image speak for a class (arXiv:1610.02391), on maps of one band and of two."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_effconv.explaining.gradients import gradients
from keras_effconv.explaining.maps import band_names, bands_of, check_images, find_maps
from keras_effconv.graph import check_functional, last_operation, walk, with_structure
from keras_effconv.inference.precision import in_float32

PROBABILITIES = ("softmax", "sigmoid")


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    layer: str | keras.layers.Layer | None = None,
    class_index: int | Sequence[int] | None = None,
) -> np.ndarray:
    """Draw where a classifier sees what speaks for a class.

    The channels of a feature map are added up, each weighted by the mean gradient of the score of the class with
    respect to it; what is negative is 0. The score is the one before the softmax or sigmoid. A low band counts as the
    map of the high band's resolution that it is when each pixel is repeated.

    Args:
        model: `keras.Model`, functional or sequential: images -> (n, classes). Networks of this package with any kind
            of convolution, and others; also in half precision, nested, loaded or deployed.
        images: array (n, h, w, c), as the model reads them: `preprocessing_for(model)(photos)`.
        layer: the layer whose map is looked at, or its name; the name of a two-band map, such as
            `"conv4_block1_out"`, stands for its two layers. Default: the last map of more than one position.
        class_index: int, or one for each image. Default: the class with the highest score.

    Returns:
        array (n, h, w), float32: 0 to 1, with 1 at the most important place of each image, and all 0 if nothing speaks
        for the class.

    Raises:
        ValueError: for another model, images of another shape, a layer that writes no map or that the scores do not
            depend on, or a class that there is not.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None, conv="OctConv(alpha=0.5)")
    >>> grad_cam(model, np.ones((1, 32, 32, 3))).shape
    (1, 32, 32)
    """
    _, maps, slopes, size = _maps_and_slopes(model, images, layer, class_index)
    return _scaled(_upsampled(np.maximum(sum(_weighted(maps, slopes)), 0), size))


def grad_cam_by_band(
    model: keras.Model,
    images: np.ndarray,
    layer: str | keras.layers.Layer | None = None,
    class_index: int | Sequence[int] | None = None,
) -> dict[str, np.ndarray]:
    """Draw where each band of a feature map holds what speaks for a class.

    Before what is negative becomes 0, the bands add up to the heat of `grad_cam`.

    Args:
        model: see `grad_cam`.
        images: see `grad_cam`.
        layer: see `grad_cam`.
        class_index: see `grad_cam`.

    Returns:
        dict of arrays (n, h, w), float32, by band: `"high"`, and `"low"` if the map has two bands. The bands of an
        image have one scale, with 1 at the most important place of both.

    Raises:
        ValueError: see `grad_cam`.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None, conv="OctConv(alpha=0.5)")
    >>> heat = grad_cam_by_band(model, np.ones((1, 32, 32, 3)), "conv2_block1_out")
    >>> {band: each.shape for band, each in heat.items()}
    {'high': (1, 32, 32), 'low': (1, 32, 32)}
    """
    names, maps, slopes, size = _maps_and_slopes(model, images, layer, class_index)
    heats = [_upsampled(np.maximum(each, 0), size) for each in _weighted(maps, slopes)]
    both = _scaled(np.concatenate(heats, axis=1))
    return dict(zip(names, np.split(both, len(heats), axis=1)))


def _maps_and_slopes(model, images, layer, class_index):
    """Return lists of bands, of their maps and of the gradients of the score with respect to them; the images' size."""
    model = in_float32(_checked(model))
    images = check_images(model, images)
    shown = find_maps(model, layer)
    _, (maps, scores) = _score(model, images, shown, [None] * len(shown), None)
    index = _classes(class_index, np.asarray(ops.convert_to_numpy(scores)))
    zeros = [np.zeros(each.shape, "float32") for each in maps]
    slopes, _ = gradients(lambda changes: _score(model, images, shown, changes, index), zeros)
    if any(slope is None for slope in slopes):
        raise ValueError(f"`layer` must be ahead of the scores. Received: layer={getattr(layer, 'name', layer)!r}")
    maps, slopes = ([np.asarray(ops.convert_to_numpy(x), "float64") for x in each] for each in (maps, slopes))
    return band_names(shown), maps, slopes, images.shape[1:3]


def _checked(model):
    check_functional(model)
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or len(model.inputs) != 1:
        raise ValueError(f"`model` must give (n, classes) of one input. Received: output of shape {shape}")
    return model


def _classes(class_index, scores):
    """Return an index for each image."""
    count, classes = scores.shape
    if class_index is None:
        return scores.argmax(1)
    index = np.asarray(class_index)
    if index.dtype.kind not in "iu" or index.shape not in ((), (count,)) or np.any((index < 0) | (index >= classes)):
        raise ValueError(
            f"`class_index` must be 0 to {classes - 1}, one or {count} of them. Received: class_index={class_index!r}"
        )
    return np.broadcast_to(index, (count,))


def _score(model, images, shown, changes, index):
    """Run a model with something added to some of its maps.

    Args:
        model: `keras.Model`.
        images: tensor.
        shown: list of `Shown`, the maps.
        changes: list of tensors of the maps' shapes, or `None`.
        index: array (n,), the classes; or `None`.

    Returns:
        A pair: the sum of the scores of these classes; and a pair of the list of maps and the scores (n, classes).
    """
    last, maps, calls = last_operation(model), [None] * len(shown), [0] * len(shown)

    def visit(name, operation, args, kwargs):
        outputs = _logits(operation, args, kwargs) if operation is last else operation(*args, **kwargs)
        for i, each in enumerate(shown):
            calls[i] += operation is each.layer
            if operation is each.layer and calls[i] == each.call:
                maps[i] = bands_of(outputs)[each.band]
                if changes[i] is not None:
                    outputs = _changed(outputs, each.band, maps[i] + changes[i])
        return outputs

    scores = keras.tree.flatten(walk(model, with_structure(model, [images]), visit))[0]
    total = 0.0 if index is None else ops.sum(ops.take_along_axis(scores, index[:, None].astype("int32"), axis=1))
    return total, (maps, scores)


def _changed(outputs, band, value):
    return {**outputs, band: value} if isinstance(outputs, dict) else value


def _logits(operation, args, kwargs):
    """Compute what an operation gives before its softmax or sigmoid."""
    if type(operation).__name__ in ("Softmax", "Sigmoid"):
        return args[0]
    activation = getattr(operation, "activation", None)
    if activation not in [keras.activations.get(name) for name in PROBABILITIES]:
        return operation(*args, **kwargs)
    if isinstance(operation, keras.layers.Activation):
        return args[0]
    operation.activation = keras.activations.get("linear")
    try:
        return operation(*args, **kwargs)
    finally:
        operation.activation = activation


def _weighted(maps, slopes):
    """Weigh and add up the channels of maps (n, h, w, c): a list of arrays (n, h, w) of the highest resolution."""
    height, width = (max(each.shape[axis] for each in maps) for axis in (1, 2))
    weighted = []
    for each, slope in zip(maps, slopes):
        weights = slope.sum((1, 2), keepdims=True) / (height * width)
        times = [-(-size // part) for size, part in zip((height, width), each.shape[1:3])]
        weighted.append((each * weights).sum(-1).repeat(times[0], 1).repeat(times[1], 2)[:, :height, :width])
    return weighted


def _upsampled(heat, size):
    heat = ops.image.resize(heat[..., None].astype("float32"), size, "bilinear", data_format="channels_last")
    return np.maximum(ops.convert_to_numpy(heat)[..., 0], 0)


def _scaled(heat):
    """Divide each image by its largest value."""
    return heat / np.maximum(heat.max((1, 2), keepdims=True), np.finfo("float32").tiny)
