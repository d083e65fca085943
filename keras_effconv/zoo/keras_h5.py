"""Reads the weights of a Keras HDF5 file of the old layout: groups named by layer, `layer_names`, `weight_names`."""

import h5py
import numpy as np

from keras_effconv.zoo.torch_legacy import FormatError


def read(path):
    """The variables of a legacy Keras file.

    Args:
        path: of a file that `model.save("x.h5")` or an old `save_weights` wrote.

    Returns:
        dict of "layer/variable" -> NumPy array; names of Keras 1 come as they are (`block1_conv1_W_1`).

    Raises:
        FormatError: (a ValueError) when the file is not such a file.
    """
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            return {name: values for layer in _texts(root, "layer_names") for name, values in _layer(root, layer)}
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise FormatError(
            f"{path}: expected a Keras HDF5 file of weights, received another or damaged one ({error})"
        ) from None


def _layer(root, layer):
    for name in _texts(root[layer], "weight_names"):
        short = name.split("/")[-1].removesuffix(":0")
        old = short.startswith(layer)
        yield (short if old else f"{layer}/{short}"), np.asarray(root[layer][name])


def _texts(group, attribute):
    """A list of names; a long one is stored in pieces, `layer_names0`, `layer_names1`, ..."""
    pieces = [group.attrs[attribute]] if attribute in group.attrs else []
    while f"{attribute}{len(pieces)}" in group.attrs:
        pieces.append(group.attrs[f"{attribute}{len(pieces)}"])
    if not pieces:
        raise KeyError(attribute)
    return [n.decode() if isinstance(n, bytes) else str(n) for piece in pieces for n in piece]
