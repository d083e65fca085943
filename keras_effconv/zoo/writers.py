"""A model's weights in other formats, and the proof that nothing was lost."""

import os
import zipfile

import numpy as np
from keras import ops

from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing

SUFFIXES = (".weights.h5", ".keras", ".safetensors")


def check(path):
    """Raise a `ValueError` unless the name ends in a format that `write` knows."""
    if not os.fspath(path).endswith(SUFFIXES):
        raise ValueError(f"expected a file that ends in {', '.join(SUFFIXES)}, received {os.fspath(path)!r}")


def write(model, path):
    """Write the weights of a model; an old file stays whole until the new one is.

    Args:
        model: a Keras model; the names of its layers and variables are those of the file.
        path: ends in `.weights.h5`, `.keras` (the whole model) or `.safetensors` ("layer/variable", kernels as Keras
            has them; extra `weights`).

    Raises:
        ValueError: for another suffix.
        ImportError: for `.safetensors` without its package.
    """
    check(path)
    with replacing(path) as temporary:
        if temporary.name.endswith(".weights.h5"):
            model.save_weights(temporary)
        elif temporary.name.endswith(".keras"):
            model.save(temporary)
        else:
            arrays = {
                f"{layer.name}/{v.name}": ops.convert_to_numpy(v) for layer in model.layers for v in layer.weights
            }
            arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
            require("safetensors.numpy", "weights").save_file(arrays, temporary, {"format": "keras"})


def difference(one, other, count=2, seed=0):
    """The largest difference of two models' outputs on random images, over the largest output."""
    shape = tuple(side or 64 for side in one.input_shape[1:])
    images = np.random.default_rng(seed).uniform(0, 255, (count, *shape)).astype("float32")
    return _relative(other(images), one(images))


def difference_from(model, path):
    """The largest difference of a model's outputs from recorded ones, over the largest output.

    Args:
        model: a Keras model.
        path: of an `.npz` of `images` (n, h, w, c), as the model reads them, and `outputs`.

    Raises:
        ValueError: when it is no such file, or its shapes are not the model's.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            images, outputs = archive["images"], archive["outputs"]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected an .npz of images and outputs, received another ({error})") from None
    found = model(images.astype("float32"))
    if tuple(found.shape) != outputs.shape:
        raise ValueError(f"{path}: expected outputs of shape {tuple(found.shape)}, received {outputs.shape}")
    return _relative(found, outputs)


def _relative(found, expected):
    found, expected = ops.convert_to_numpy(found), ops.convert_to_numpy(expected)
    return float(np.abs(found - expected).max() / np.abs(expected).max())
