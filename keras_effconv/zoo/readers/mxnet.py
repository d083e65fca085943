"""Reads MXNet's lists of arrays, `.params`, and the `.tar` files in which a list comes beside its graph.

The format, little-endian: 0x112, a reserved word, how many arrays, the arrays, how many names, the names. An array is
a magic number, the storage type (from version 2 on), the shape, the device, the type, the values. In the oldest files
the magic number is missing, and the number of dimensions is in its place.
"""

import os
import struct
import tarfile

import numpy as np

from keras_effconv.utils.files import open_file
from keras_effconv.zoo.readers.archives import opened_tar
from keras_effconv.zoo.readers.errors import ContentError, reading
from keras_effconv.zoo.readers.region import Region

HEADER = 0x112
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
DTYPES = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8")
MAX_DIMENSIONS = 32
OTHERS = (".pth", ".pt", ".th", ".bin", ".safetensors", ".h5", ".keras", ".index")  # files of weights of other formats


def read(path):
    """Read the arrays of a `.params` file, of Gluon or of Symbol, or of a `.tar` file around one.

    Args:
        path: str or path of the file.

    Returns:
        dict of name -> NumPy array; the prefixes `arg:` and `aux:` of Symbol are dropped.

    Raises:
        FormatError: (a ValueError) when the file is not such a file.

    Example:

    >>> arrays = read("octresnet-50.params")  # doctest: +SKIP
    >>> arrays["conv1.0.weight"].shape  # doctest: +SKIP
    (64, 3, 7, 7)
    """
    with reading(path, "an MXNet file of parameters"), open_file(path) as file:
        if file.read(8) == struct.pack("<Q", HEADER):
            return _arrays(Region(file))
        return _arrays(_member(file))


def _member(file):
    """Return the one `.params` member of a tar file, where it lies: nothing is unpacked."""
    file.seek(0)
    try:
        with opened_tar(file) as (_, each):
            members = list(each)
    except tarfile.TarError:
        raise ContentError(None, "one that begins otherwise") from None
    files = [m for m in members if m.name.endswith(".params") and not os.path.basename(m.name).startswith("._")]
    if len(files) != 1 or not files[0].isreg() or files[0].issparse():
        others = ", ".join(os.path.basename(m.name) for m in members if m.name.endswith(OTHERS))
        beside = f", and with {others:.100}: unpack it and pass the path of that file" if others and not files else ""
        raise ContentError("one .params file", f"a tar file with {len(files)}{beside}")
    return Region(file, files[0].offset_data, files[0].size)


def _arrays(region):
    header, _, count = _numbers(region, "QQQ")
    if header != HEADER:
        raise ContentError(None, "one that begins otherwise")
    if count > region.left // 8:
        raise ContentError(f"{count:,} arrays", f"{region.left:,} bytes: a file cut short or damaged")
    values = [_array(region) for _ in range(count)]
    names = [region.take(*_numbers(region, "Q")).decode() for _ in range(min(*_numbers(region, "Q"), count + 1))]
    if len(names) != count or not count or region.left:
        raise ContentError(f"{count:,} arrays and their names", f"{len(names):,} names or more bytes")
    names = [name.removeprefix("arg:").removeprefix("aux:") for name in names]
    if len(set(names)) < count:
        raise ContentError(f"{count:,} names", "some of them twice")
    return dict(zip(names, values))


def _array(region):
    (magic,) = _numbers(region, "I")
    if magic in (V2, V3):
        (storage,) = _numbers(region, "i")
        if storage not in (-1, 0):
            raise ContentError("dense arrays", f"storage type {storage}")
    dimensions, size = (magic, "I") if magic not in (V1, V2, V3) else (*_numbers(region, "i"), "q")
    if not 0 <= dimensions <= MAX_DIMENSIONS or (dimensions == 0 and magic != V3):
        raise ContentError("an array with values", f"one of {dimensions} dimensions")
    shape = _numbers(region, size * dimensions)
    _, _, kind = _numbers(region, "iii")
    if not 0 <= kind < len(DTYPES):
        raise ContentError(f"a type of 0 to {len(DTYPES) - 1}", str(kind))
    return region.array(np.dtype(DTYPES[kind]), shape)


def _numbers(region, kinds):
    layout = f"<{kinds}"
    return struct.unpack(layout, region.take(struct.calcsize(layout)))
