"""A model's weights in other formats."""

import json
import os

import numpy as np
from keras import ops

from keras_effconv.graph import layers_of
from keras_effconv.network_info import FACTS, info_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing

SUFFIXES = (".weights.h5", ".keras", ".safetensors")


def check(path):
    """Raise a `ValueError` unless the name ends in a format that `write` knows."""
    if not os.fspath(path).endswith(SUFFIXES):
        raise ValueError(
            f"`path` must be a file that ends in {', '.join(SUFFIXES)}. Received: path={os.fspath(path)!r}"
        )


def write(model, path):
    """Write the weights of a model. An old file stays whole until the new one is.

    Args:
        model: `keras.Model`; the names of its layers and variables are those of the file.
        path: path that ends in `.weights.h5`, `.keras` (the whole model) or `.safetensors` ("layer/variable", kernels
            as Keras has them; needs the extra `weights`).

    Raises:
        ValueError: for another suffix.
        ImportError: for `.safetensors` without its package.
    """
    path = os.path.expanduser(os.fspath(path))
    check(path)
    with replacing(path) as temporary:
        if temporary.name.endswith(".weights.h5"):
            model.save_weights(temporary)
        elif temporary.name.endswith(".keras"):
            model.save(temporary)
        else:
            arrays = {
                f"{layer.name}/{v.name}": ops.convert_to_numpy(v) for layer in layers_of(model) for v in layer.weights
            }
            arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
            require("safetensors.numpy", "weights").save_file(arrays, temporary, _told(model))


def _told(model):
    """Return the texts of a safetensors file: its layout, and which network it is of."""
    info = info_of(model, required=False)
    return {"format": "keras", **({FACTS: json.dumps(info.facts())} if info else {})}
