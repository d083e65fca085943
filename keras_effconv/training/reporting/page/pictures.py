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


def drawing(figure) -> str:
    """Return a matplotlib figure as a data URI of PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
