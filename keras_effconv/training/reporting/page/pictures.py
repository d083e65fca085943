"""Small pictures inside a page, as data URIs."""

import base64
import io

import numpy as np

from keras_effconv.utils.extras import require

SIDE = 192  # pixels at most
QUALITY = 82  # of JPEG


def picture(image: np.ndarray) -> str:
    """Return an image as a data URI of JPEG, at most 192 pixels wide.

    Args:
        image: uint8 (h, w, 3), RGB.

    Example:

    >>> picture(np.zeros((8, 8, 3), "uint8"))[:23]
    'data:image/jpeg;base64,'
    """
    pixels = require("PIL.Image").fromarray(np.asarray(image))  # Pillow is what matplotlib writes pictures by
    pixels.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    pixels.save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def overlaid(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a heat map over an image in grey.

    Args:
        image: uint8 (h, w, 3), RGB.
        heat: (h, w), 0 to 1.

    Returns:
        uint8 (h, w, 3).

    Example:

    >>> overlaid(np.full((2, 2, 3), 100, "uint8"), np.zeros((2, 2))).shape
    (2, 2, 3)
    """
    colours = require("matplotlib").colormaps["turbo"](np.asarray(heat))[..., :3] * 255
    grey = np.asarray(image, "float64").mean(2, keepdims=True)
    return (0.5 * grey + 0.5 * colours).clip(0, 255).astype("uint8")
