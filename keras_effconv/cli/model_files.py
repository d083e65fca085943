"""What --model is when it is no model that a command takes: one line that says what it is, and what to do."""

import os
from pathlib import Path

from keras_effconv.utils.files import open_file
from keras_effconv.utils.suggestions import did_you_mean

WANTED = "`model` must be a .keras file that exists, or a network's name. Received: model="
HDF5, HDF5_NAMES = b"\x89HDF\r\n\x1a\n", (".h5", ".hdf5")
EXPORTS = {
    ".tflite": "a LiteRT file",
    ".lite": "a LiteRT file",
    ".onnx": "an ONNX file",
    ".xml": "an OpenVINO file",
    ".pb": "a TensorFlow graph",
    ".mlmodel": "a Core ML file",
    ".mlpackage": "a Core ML file",
    ".engine": "a TensorRT file",
}
WEIGHTS = (".pth", ".pt", ".tar", ".bin", ".ckpt", ".safetensors", ".npz", ".npy", ".params", ".index", ".pkl")
ARCHITECTURES = (".json", ".yaml", ".yml", ".py")


def check(model):
    """Check that --model may be a file of a whole model, a repository or the name of a network.

    Args:
        model: str.

    Raises:
        ValueError: for a file that is missing or of another kind, and for the folder of an export.

    Example:

    >>> check("EfficientNetLite0")
    """
    path = Path(model).expanduser()
    if "://" in model or (path.suffix == ".keras" and path.exists()):
        return
    if path.is_dir():
        cause = _folder(path)
    elif path.is_file():
        cause = _file(path)
    elif os.sep in model or path.suffix:
        raise ValueError(f"{WANTED}{model!r}{_similar(path)}")
    else:
        return
    if cause:
        raise ValueError(f"{WANTED}{model!r}, {cause}")


def is_export(model):
    """Return whether --model is the folder of an export of this package, or of its versions."""
    path = Path(model).expanduser()
    folders = (path, *(each for each in path.iterdir() if each.name.isdecimal())) if path.is_dir() else ()
    return any((folder / "export.json").is_file() for folder in folders)


def _similar(path):
    """Return the end of a line about a missing file: files in its folder with a name like it."""
    try:
        names = [each.name for each in os.scandir(path.parent)]
    except OSError:
        return ""
    return did_you_mean(path.name, names)


def _folder(path):
    if is_export(path):
        return _exported("the folder of an export")
    if (path / "saved_model.pb").is_file():
        return _exported("a TensorFlow SavedModel")
    import keras_effconv

    files = sorted(str(file) for file in path.glob("*.keras"))
    known = hasattr(keras_effconv, str(path)) or (path / "config.json").is_file()  # a network, a copy of a repository
    if files and not known:
        return f"a folder: give the file in it, --model={files[0]}"
    return None


def _exported(what):
    takers = "`predict`, `evaluate` and `serve`"
    return f"{what}: give the .keras file that it was made of; {takers} take what `export` has written"


def _file(path):
    suffix = path.suffix.lower()
    if suffix in EXPORTS:
        return _exported(EXPORTS[suffix])
    if suffix in ARCHITECTURES:
        return "which has no weights: build the network, load its weights, and save both as a .keras file"
    with open_file(path, "model") as file:
        hdf5 = file.read(len(HDF5)) == HDF5
    if hdf5 and _is_whole(path):
        if path.suffix in HDF5_NAMES:  # as Keras has it, in lower case
            return None
        return f"a whole model in Keras' older format (HDF5), whose name must end in {' or '.join(HDF5_NAMES)}"
    if hdf5 or suffix in (".h5", ".hdf5", *WEIGHTS):
        return f"a file of weights without a network: name the network too, --model=NETWORK --weights={path}"
    return None


def _is_whole(path):
    from keras_effconv.zoo.readers import FormatError, hdf5, reading
    from keras_effconv.zoo.readers.region import Region

    try:
        with reading(path, "an HDF5 file"), open_file(path, "model") as raw, hdf5.opened(Region(raw)) as file:
            return "model_config" in file.attrs
    except FormatError:
        return False
