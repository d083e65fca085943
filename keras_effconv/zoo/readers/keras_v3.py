"""Reads the weights of a Keras 3 file: `.weights.h5`, or `.keras`, a zip file around one.

The layout: a group per layer, `layers/conv2d_1`, in which `vars/0`, `vars/1`, ... are its variables and the attribute
`name` of `vars` is the name of the layer. The groups are counted per class, and the variables have numbers only: their
names follow from the class. A layer may add entries with names of their own, like HetConv2D's `form`. `config.json` of
a `.keras` file is read as JSON; no layer is made of it.
"""

import json
import re
import zipfile

import h5py
import numpy as np

from keras_effconv.utils.files import TEXT_LIMIT, open_file
from keras_effconv.zoo.readers.archives import StoredZip
from keras_effconv.zoo.readers.errors import ContentError, reading
from keras_effconv.zoo.readers.hdf5 import Arrays, child, opened, texts
from keras_effconv.zoo.readers.region import Region

WEIGHTS = "model.weights.h5"
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
NOT_WEIGHTS = ("optimizer", "compile_metrics", "metrics", "loss_tracker", "seed_generator")
NAMES = {
    "conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "normalization": ("mean", "variance", "count"),
    "group_conv2d": ("kernel", "bias"),
    "oct_conv2d": ("kernel", "bias"),
    "oct_depthwise_conv2d": ("kernel", "bias"),
}


def read(path):
    """Read the variables of a Keras 3 file.

    Args:
        path: str or path of a file that `model.save("x.keras")` or `model.save_weights("x.weights.h5")` wrote.

    Returns:
        dict of "layer/variable" -> NumPy array; a variable of a layer whose class is not known here has its number
        for a name. So do those of a batch normalization with one of gamma and beta, where no `config.json` says which.
        Layers of a nested model come under their own names.

    Raises:
        FormatError: (a ValueError) when the file is not such a file.

    Example:

    >>> sorted(read("model.keras"))  # doctest: +SKIP
    ['conv/bias', 'conv/kernel']
    """
    with reading(path, "a Keras 3 file of weights"), open_file(path) as file:
        region, config = Region(file), None
        if zipfile.is_zipfile(file):
            archive = StoredZip(file)
            archive.check(WEIGHTS)
            region = archive.region(WEIGHTS)
            config = json.loads(archive.bytes("config.json", TEXT_LIMIT)) if "config.json" in archive.infos else None
        with opened(region) as root:
            return _variables(root, config, Arrays(region))


def _variables(root, config, arrays):
    if not any(name in root for name in CONTAINERS):
        raise ContentError("layers", "one without any")
    return named(
        (names, kind, settings, values_of(group, arrays)) for names, group, kind, settings in layers(root, config)
    )


def values_of(group, arrays):
    """Return the variables of a layer's group: dict of key -> array."""
    variables = child(group, "vars")
    return {key: arrays.read(child(variables, key), f"{group.name}/{key}") for key in variables}


def named(layers):
    """Return the variables of layers by "layer/variable".

    Args:
        layers: iterable of (names from the outermost on, class, settings, dict of key -> array).
    """
    arrays_by_name, seen = {}, set()
    for names, kind, settings, values in layers:
        if not values:
            continue
        keys = sorted(values, key=lambda key: (len(key), key))
        layer = names[-1] if names[-1] not in seen else "/".join(names[-2:])
        if layer in seen:
            raise ContentError("each layer once", f"{layer!r:.80} twice")
        seen.add(layer)
        count = sum(key.isdecimal() for key in keys)  # other entries have names: HetConv2D's `form`
        numbered = keys[:count] == [str(number) for number in range(count)]
        known = variable_names(kind, [values[key] for key in keys[:count]], settings) if numbered and count else None
        names_of_all = [*known, *keys[count:]] if known else keys
        arrays_by_name.update((f"{layer}/{name}", values[key]) for name, key in zip(names_of_all, keys, strict=True))
    if not arrays_by_name:
        raise ContentError("variables", "a file without any")
    return arrays_by_name


def layers(root, config=None):
    """Yield every layer of a file: its names from the outermost on, group, class, settings."""
    return _layers(root, "", config, (), set())


def _layers(group, key, config, names, visited):
    """Yield every layer below a group: its names from the outermost on, group, class, settings."""
    address = h5py.h5o.get_info(group.id).addr
    if address in visited:
        raise ContentError("a tree of layers", f"one that holds {group.name!r:.80} twice")
    visited.add(address)
    kind = re.sub(r"_\d+$", "", key)
    settings = config.get("config") if isinstance(config, dict) else None
    settings = settings if isinstance(settings, dict) else {}
    if "vars" in group:
        own = texts(child(group, "vars"), "name") or [settings.get("name", key)]
        names = (*names, str(own[0]))
        if names[-1] != settings.get("name"):
            settings = {}
        yield names, group, kind, settings
    for part in group:
        inside = child(group, part)
        if part in ("vars", *NOT_WEIGHTS) or not isinstance(inside, h5py.Group):
            continue
        if part in CONTAINERS:
            configs = _configs(settings)
            for name in inside:
                yield from _layers(child(inside, name), name, configs.get(name), names, visited)
        else:
            yield from _layers(inside, part, None, names, visited)


def _configs(settings):
    """Return the layers of a model's configuration by the names of their groups: counted per class, in its order."""
    configs, counts = {}, {}
    layers = settings.get("layers")
    for layer in layers if isinstance(layers, list) else ():
        kind = _snake_case(str(layer.get("class_name"))) if isinstance(layer, dict) else ""
        count = counts[kind] = counts.get(kind, -1) + 1
        configs[f"{kind}_{count}" if count else kind] = layer
    return configs


def _snake_case(name):
    """Return a class's name as Keras names its group.

    >>> _snake_case("DepthwiseConv2D"), _snake_case("BatchNormalization")
    ('depthwise_conv2d', 'batch_normalization')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def variable_names(kind, values, settings):
    """Return the names of a layer's variables, in the order in which Keras numbers them.

    Args:
        kind: str, the class in snake case.
        values: list of its arrays.
        settings: dict, its configuration where the file has one.

    Returns:
        A tuple of names, or `None` where they are not known.

    Example:

    >>> variable_names("batch_normalization", [0.5, 1.5], {})
    ('moving_mean', 'moving_variance')
    """
    if kind == "het_conv2d":  # a layer of one part has no pointwise kernel; parts of unequal sizes lie in a row
        in_a_row = np.ndim(values[0]) == 3
        pointwise = [np.ndim(value) > 1 or (in_a_row and i == 0) for i, value in enumerate(values[1:])]
        names = ("kernel", *("pointwise_kernel" if each else "bias" for each in pointwise))
        return names if len(set(names)) == len(names) else None
    if kind == "batch_normalization":
        trained = {"gamma": settings.get("scale"), "beta": settings.get("center")}
        if len(values) in (2, 4):
            trained = dict.fromkeys(trained, len(values) == 4)
        names = (*(name for name, there in trained.items() if there), "moving_mean", "moving_variance")
        return names if len(names) == len(values) else None
    names = NAMES.get(kind, ())[: len(values)]
    if kind == "separable_conv2d" and len(values) < 2:
        return None
    return names if len(names) == len(values) else None
