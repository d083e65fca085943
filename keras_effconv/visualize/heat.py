"""Where a network looks: the heat of Grad-CAM over a photo."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_effconv.explaining import grad_cam, grad_cam_by_band
from keras_effconv.network_info import preprocessing_for
from keras_effconv.utils.arguments import one_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import axes_or_new, figure_of
from keras_effconv.zoo import decode_predictions

COLOURS = "YlOrRd"  # from light to dark: also in print, and for the colour-blind, unlike the grey below
STRONGEST = 0.65  # share of the colour at a heat of 1


def overlaid(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a heat map over an image in grey: the hotter, the more colour.

    Args:
        image: uint8 (h, w, 3), RGB.
        heat: (h, w), 0 to 1.

    Returns:
        uint8 (h, w, 3).

    Example:

    >>> overlaid(np.full((2, 2, 3), 100, "uint8"), np.zeros((2, 2))).tolist()[0]
    [[100, 100, 100], [100, 100, 100]]
    """
    heat = np.asarray(heat, "float64")
    colours = require("matplotlib").colormaps[COLOURS](0.25 + 0.75 * heat)[..., :3] * 255
    grey, share = np.asarray(image, "float64").mean(2, keepdims=True), STRONGEST * heat[..., None] ** 0.75
    return ((1 - share) * grey + share * colours).round().clip(0, 255).astype("uint8")


def plot_grad_cam(
    model: keras.Model,
    photo: np.ndarray,
    layer: str | keras.layers.Layer | None = None,
    class_index: int | None = None,
    names=None,
    band: str | None = None,
    ax=None,
):
    """Draw what of a photo speaks for a class, by Grad-CAM, over the part of the photo that the model sees.

    Args:
        model: `keras.Model` of this package, or one that `finetune` made: `preprocessing_for` must know its images.
        photo: array (h, w, 3), RGB, 0 to 255.
        layer: the layer whose map is looked at, or its name, see `grad_cam`. Default: the last map of more than one
            position.
        class_index: int. Default: the class with the highest score.
        names: sequence of str, the name of each class. Default: ImageNet's for 1000 classes, else numbers.
        band: str, `"high"` or `"low"`: what this band of the map holds alone. Default: the whole map.
        ax: `matplotlib.axes.Axes` to draw in. Default: those of a new figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: for another model, a photo of another shape, a layer without a map, or a band that it lacks.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> type(plot_grad_cam(model, np.zeros((40, 50, 3), "uint8"))).__name__
    'Figure'
    """
    pixels, inputs = _views(model, photo)
    scores = ops.convert_to_numpy(model(inputs))[0]
    index = int(scores.argmax()) if class_index is None else class_index
    if band is None:
        heat = grad_cam(model, inputs, layer, index)[0]
    else:
        by_band = grad_cam_by_band(model, inputs, layer, index)
        heat = by_band[one_of("band", band, tuple(by_band))][0]
    ax = axes_or_new(ax, (3.4, 3.6))
    ax.imshow(overlaid(pixels, heat))
    ax.set_axis_off()
    ax.set_title(_title(scores, index, names, band), fontsize=10, parse_math=False)
    return figure_of(ax)


def _views(model, photo):
    """Return the photo as the model sees it: in pixels, uint8 (h, w, 3), and as the input, (1, h, w, c)."""
    photo = np.asarray(photo)
    if photo.ndim != 3 or photo.shape[-1] != 3:
        raise ValueError(f"`photo` must be (h, w, 3), RGB, 0 to 255. Received: shape {photo.shape}")
    layer = preprocessing_for(model)
    pixels = dataclasses.replace(layer.preprocessing, inside=True, mean=(0.0,) * 3, std=(1.0,) * 3).layer()
    return np.asarray(ops.convert_to_numpy(pixels(photo[None])))[0].astype("uint8"), layer(photo[None])


def _title(scores, index, names, band):
    if names is not None:
        name = names[index]
    elif len(scores) == 1000:
        name = decode_predictions(np.eye(1000, dtype="float32")[[index]], top=1)[0][0][1].replace("_", " ")
    else:
        name = f"class {index}"
    part = f", the {band} band" if band else ""
    return f"{name} {100 * scores[index]:.0f} %{part}"
