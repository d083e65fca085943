"""Readers of published weight files: any format to a dict of raw name -> NumPy array.

Names and layouts are those of the file; what they are in a model of this package is decided elsewhere. No reader runs
anything that a file says, and none takes memory that the file does not back with bytes.
"""

import os
import pickle
import zipfile
from collections.abc import Callable
from typing import NamedTuple

from keras_effconv.utils.files import open_file
from keras_effconv.zoo.readers import (
    hdf5,
    keras_h5,
    keras_v3,
    mxnet,
    safetensors,
    shards,
    tf_checkpoint,
    torch_legacy,
    torch_zip,
)
from keras_effconv.zoo.readers.errors import FormatError, check_names, describe, reading, unreadable
from keras_effconv.zoo.readers.folders import located
from keras_effconv.zoo.readers.region import Region

__all__ = ["FORMATS", "Format", "FormatError", "detect", "exists", "read"]


class Format(NamedTuple):
    """A format of weight files.

    Attributes:
        name: str.
        layout: str, the order of a convolution's kernel: `"HWIO"` or `"OIHW"`.
        read: function of a path that gives a dict of name -> NumPy array.
        entries: bool; whether a file may hold several dicts of tensors, so that `read` takes `choose`.
    """

    name: str
    layout: str
    read: Callable
    entries: bool = False


FORMATS = {
    row.name: row
    for row in (
        Format("torch_legacy", "OIHW", torch_legacy.read, entries=True),
        Format("torch_zip", "OIHW", torch_zip.read, entries=True),
        Format("safetensors", "OIHW", safetensors.read),
        Format("mxnet", "OIHW", mxnet.read),
        Format("keras_h5", "HWIO", keras_h5.read),
        Format("keras_v3", "HWIO", keras_v3.read),
        Format("shards", "OIHW", shards.read),
        Format("keras_shards", "HWIO", shards.read_keras),
        Format("tf_checkpoint", "HWIO", tf_checkpoint.read),
    )
}
TORCH_MAGIC = pickle.dumps(torch_legacy.MAGIC, protocol=2)[2:-1]  # behind the protocol, whichever it is


def exists(path):
    """Return whether there is something to read: the prefix of a TensorFlow checkpoint is no file itself."""
    path = os.path.expanduser(path)
    return os.path.exists(path) or os.path.isfile(f"{path}.index")


def detect(path):
    """Tell the format of a weights file from its content; its name plays no part.

    Args:
        path: str or path of a file; of a folder that holds one; of a TensorFlow checkpoint: its prefix, one of its
            files, its folder; or of sharded weights: their index, or one of the shards.

    Returns:
        A `Format`.

    Raises:
        FileNotFoundError: when there is nothing at `path`.
        FormatError: (a ValueError) when it is none of the formats.

    Example:

    >>> detect("mobilenetv2_100.pth").name  # doctest: +SKIP
    'torch_zip'
    """
    path = os.fspath(located(os.path.expanduser(os.fspath(path))))
    if os.path.isdir(path) or os.path.isfile(f"{path}.index"):
        return FORMATS["tf_checkpoint"]
    if shards.index_of(path) is not None:
        return FORMATS["keras_shards" if shards.is_keras(path) else "shards"]
    name = _name(path)
    if name is None:
        known = ", ".join(FORMATS)
        raise unreadable(path, f"a file of weights ({known})", describe(path))
    return FORMATS[name]


def read(path, choose=None):
    """Read a weights file of any format.

    Args:
        path: str or path, as for `detect`.
        choose: `entries.Choose`, which tensors to read of a checkpoint that may hold several dicts of them.

    Returns:
        A pair: the `Format`, and a dict of name -> NumPy array.

    Raises:
        FileNotFoundError: when there is nothing at `path`.
        FormatError: (a ValueError) when the file is none of the formats, or damaged.

    Example:

    >>> form, arrays = read("mobilenetv2_100.pth")  # doctest: +SKIP
    >>> form.layout, arrays["conv_stem.weight"].shape  # doctest: +SKIP
    ('OIHW', (32, 3, 3, 3))
    """
    path = located(os.path.expanduser(os.fspath(path)))
    form = detect(path)
    arrays = form.read(path, choose) if form.entries else form.read(path)
    with reading(path, "a file of weights"):
        check_names(arrays)
    return form, arrays


def _name(path):
    with open_file(path) as file:
        start = file.read(512)
    if start.startswith(b"PK"):
        return _name_in_zip(path)
    if start.startswith(hdf5.MAGIC):
        return _name_in_hdf5(path)
    if start[257:262] == b"ustar" or start.startswith(mxnet.HEADER.to_bytes(8, "little")):
        return "mxnet"
    if start[:1] == b"\x80" and TORCH_MAGIC in start[:32]:
        return "torch_legacy"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= os.path.getsize(path) - 8:
        return "safetensors"
    if tf_checkpoint.is_table(path) or os.path.isfile(tf_checkpoint.index_of(path)):
        return "tf_checkpoint"
    return None


def _name_in_zip(path):
    with reading(path, "a whole zip file"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if keras_v3.WEIGHTS in names:
        return "keras_v3"
    return "torch_zip" if any(name.split("/")[-1] == "data.pkl" for name in names) else None


def _name_in_hdf5(path):
    with reading(path, "a whole HDF5 file"), open_file(path) as raw, hdf5.opened(Region(raw)) as file:
        if any(name in file for name in keras_v3.CONTAINERS):
            return "keras_v3"
        root = hdf5.child(file, "model_weights") if "model_weights" in file else file
        return "keras_h5" if any(name in root.attrs for name in ("layer_names", "layer_names0")) else None
