"""Reads the weights of a Keras HDF5 file of the old layout: groups named by layer, `layer_names`, `weight_names`."""

import json

import numpy as np

from keras_effconv.network_info import FACTS
from keras_effconv.utils.files import TEXT_LIMIT, open_file
from keras_effconv.zoo.readers.errors import ContentError, reading
from keras_effconv.zoo.readers.hdf5 import Arrays, child, opened, texts
from keras_effconv.zoo.readers.region import Region

CLASS = "keras_effconv>NetworkInfo"


def read(path):
    """Read the variables of a legacy Keras file.

    Args:
        path: str or path of a file that `model.save("x.h5")` or an old `save_weights` wrote.

    Returns:
        dict of "layer/variable" -> NumPy array; names of Keras 1 come as they are (`block1_conv1_W_1`). Layers of a
        nested model come under their own names.

    Raises:
        FormatError: (a ValueError) when the file is not such a file.

    Example:

    >>> variables = read("vgg16_weights_tf_dim_ordering_tf_kernels.h5")  # doctest: +SKIP
    >>> variables["block1_conv1_W_1"].shape  # doctest: +SKIP
    (3, 3, 3, 64)
    """
    with reading(path, "a Keras HDF5 file of weights"), open_file(path) as raw:
        region = Region(raw)
        with opened(region) as file:
            return _variables(file, Arrays(region))


def _variables(file, arrays):
    root, variables = child(file, "model_weights") if "model_weights" in file else file, {}
    for layer in _texts(root, "layer_names"):
        group = child(root, layer)
        weights = _texts(group, "weight_names")
        for name, weight in zip(_names(layer, weights), weights):
            if name in variables:
                raise ContentError("each variable once", f"{name!r:.80} twice")
            variables[name] = arrays.read(child(group, weight), weight)
    facts = _facts(file)
    if facts is not None and variables:
        variables[f"network/{FACTS}"] = facts
    if not variables:
        raise ContentError("variables", "a file without any")
    return variables


def _names(layer, weights):
    """Yield a group's variables by our names: "conv/kernel:0", "conv_1/kernel:0", "kernel:0" are all `conv/kernel`.

    A nested model is one group. It shows by variables of several layers, or by its own name before theirs.
    """
    paths = [weight.removesuffix(":0").split("/") for weight in weights]
    parents = {tuple(path[:-1]) for path in paths}
    nested = len(parents) > 1 or any(len(parent) > 1 and parent[0] == layer != parent[-1] for parent in parents)
    for *parent, name in paths:
        if name.startswith(f"{layer}_"):  # Keras 1: "block1_conv1_W_1:0"
            yield name
        else:
            yield f"{parent[-1] if nested and parent else layer}/{name}"


def _facts(file):
    """Return what the configuration of a model says of our network, as its bytes in other formats; else `None`."""
    config = (texts(file, "model_config", TEXT_LIMIT) or [""])[0] if "model_config" in file.attrs else ""
    todo = [json.loads(config)] if CLASS in config else []
    while todo:
        node = todo.pop()
        if isinstance(node, dict) and CLASS in (node.get("registered_name"), node.get("class_name")):
            own = {key: node["config"][key] for key in ("design", "preprocessing")}
            return np.frombuffer(json.dumps(own).encode(), "uint8")
        if isinstance(node, dict | list):
            todo += node.values() if isinstance(node, dict) else node
    return None


def _texts(group, attribute):
    """Read a list of names; a long one is stored in pieces, `layer_names0`, `layer_names1`, ..."""
    pieces = [texts(group, attribute)] if attribute in group.attrs else []
    while f"{attribute}{len(pieces)}" in group.attrs:
        pieces.append(texts(group, f"{attribute}{len(pieces)}"))
    if not pieces:
        raise ContentError(f"the attribute {attribute!r}", "one without it")
    return [name for piece in pieces for name in piece]
