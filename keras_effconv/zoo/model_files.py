"""Whole models in files that nobody vouches for: `.keras`, and the HDF5 files of older versions of Keras.

A file states sizes in three places: the archive says how large its members are, the weights how large their arrays
are, and the configuration how large the layers are. Keras takes memory for what it reads first. Here each is compared
with the bytes of the file before memory is taken.
"""

import contextlib
import io
import json
import math
import os
import warnings
import zipfile
from pathlib import PurePosixPath

import keras

from keras_effconv.graph import functional_of, layers_of, outputs_of
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.stateless import without_variables
from keras_effconv.utils.files import TEXT_LIMIT, open_file
from keras_effconv.zoo.model_config import cause_of, check_config
from keras_effconv.zoo.readers import hdf5
from keras_effconv.zoo.readers.errors import ContentError, describe
from keras_effconv.zoo.readers.keras_v3 import WEIGHTS
from keras_effconv.zoo.readers.region import Region

CONFIG = "config.json"
LEGACY = (".h5", ".hdf5")
RATIO, SMALL = 4, 64 << 20  # bytes unpacked: so many times those of the archive, and so many more
MAX_MEMBERS = 10_000
SIZE_LIMIT = 4096
MAP_LIMIT = 1 << 27  # values of a map of one image; EfficientNet-L2 at 800 pixels has 100 million


def load_model(path: str | os.PathLike, name: str = "model") -> keras.Model:
    """Load a whole model that `model.save` wrote, compiled or not, as one that is not compiled.

    The file may come from anybody. No code in it is executed, and one that takes more memory than its bytes account
    for is refused: a layer has the size that its weights in the file have.

    Args:
        path: str or path of a `.keras` file, or of an `.h5` file of an older version of Keras; `~` is the home
            directory.
        name: str, the argument that the path comes from, for messages. Default `"model"`.

    Returns:
        `keras.Model`.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no such file, is damaged, or has a layer that Keras and this package do not know.

    Example:

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.keras")
    ...     load_model(f"{folder}/model.keras").output_shape
    (None, 2)
    """
    path = os.path.expanduser(os.fspath(path))
    with open_file(path, name) as file:
        try:
            _check(file, path)
            return _load(path)
        except Exception as error:  # each of the libraries has its own for a damaged file
            raise ValueError(
                f"`{name}` must be a .keras file of a whole model. Received: {name}={path!r}: {cause_of(error)[:300]}"
            ) from None


def load_classifier(path: str | os.PathLike, name: str = "model") -> keras.Model:
    """Load a whole model of images (n, height, width, 3) -> (n, classes); see `load_model`.

    Args:
        path: str or path, as in `load_model`.
        name: str, as in `load_model`.

    Returns:
        `keras.Model`.

    Raises:
        OSError: the file cannot be opened.
        ValueError: as `load_model`, and for another model.
    """
    model = load_model(path, name)
    graph = functional_of(model)
    shapes = (graph.input_shape, graph.output_shape) if graph is not None else (None, None)
    if [isinstance(shape, tuple) and len(shape) for shape in shapes] == [4, 2]:
        (*_, channels), (_, classes) = shapes
        if channels == 3 and isinstance(classes, int):
            return model
    raise ValueError(
        f"`{name}` must be a classifier, images (n, height, width, 3) -> (n, classes). "
        f"Received: {name}={os.fspath(path)!r}, {shapes[0]!s:.80} -> {shapes[1]!s:.80}"
    )


def _check(file, path):
    """Check a file as far as it can be without a model."""
    if path.endswith(".keras"):  # Keras tells formats by the name, too
        if not zipfile.is_zipfile(file):
            raise ContentError("a whole archive", describe(path))
        with contextlib.closing(zipfile.ZipFile(file)) as archive:
            _check_archive(archive, Region(file).size)
    elif path.endswith(LEGACY):
        region = Region(file)
        hdf5.check(region)
        with hdf5.opened(region) as opened:
            if "model_config" not in opened.attrs:
                raise ContentError("the configuration of a model", "weights alone")
            config = json.loads((hdf5.texts(opened, "model_config", TEXT_LIMIT) or [""])[0])
            _check_object(config, "model_config")
    elif path.lower().endswith((".keras", *LEGACY)):
        raise ContentError("a name that ends in .keras, .h5 or .hdf5, in small letters", os.path.basename(path))
    else:
        raise ContentError(None, describe(path))


def _check_archive(archive, size):
    infos = archive.infolist()
    names = {info.filename for info in infos}
    if len(names) < len(infos) or len(infos) > MAX_MEMBERS or any(map(_leads_out, names)):
        raise ContentError("each member once, and below its folder", "others")
    if missing := {CONFIG, WEIGHTS} - names:
        raise ContentError(f"the member {min(missing)}", "an archive without it")
    unpacked, most = sum(info.file_size for info in infos), RATIO * size + SMALL
    if unpacked > most or archive.getinfo(CONFIG).file_size > TEXT_LIMIT:
        raise ContentError(f"at most {most:,} bytes when unpacked", f"{unpacked:,}")
    _check_object(json.loads(archive.read(CONFIG)), CONFIG)
    hdf5.check(Region(io.BytesIO(archive.read(WEIGHTS))))


def _check_object(config, where):
    if not isinstance(config, dict):
        raise ContentError(f"an object in {where}", "another value")
    check_config(config)


def _leads_out(name):
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name


def _load(path):
    """Load a model whose variables take memory when all of them have the shapes of their arrays in the file."""
    with without_variables() as scope, warnings.catch_warnings(record=True) as noted:
        model = keras.models.load_model(path, compile=False)
        _check_model(model)
    for warning in noted:  # of a file that is refused, the error says more
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    for variable in model.variables:
        value = scope.get_current_value(variable)
        if value is not None:
            variable.assign(value)
    return model


def _check_model(model):
    """Check the sizes that no weight in the file accounts for."""
    if not isinstance(model, keras.Model):
        raise ContentError("a model", type(model).__name__)
    for name, shape in outputs_of(model):
        if math.prod(side or 1 for side in shape) > MAP_LIMIT:
            raise ContentError(f"maps of at most {MAP_LIMIT:,} values", f"{name!r:.80} of shape {shape}")
    for layer in layers_of(model):
        view = getattr(layer, "preprocessing", None)
        if isinstance(view, Preprocessing) and view.size > SIZE_LIMIT:
            raise ContentError(f"images of at most {SIZE_LIMIT:,} pixels a side", f"{view.size:,}")
