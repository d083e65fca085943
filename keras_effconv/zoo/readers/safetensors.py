"""Reads safetensors files, through the package of that name."""

import numpy as np

from keras_effconv.network_info import FACTS
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import open_file
from keras_effconv.zoo.readers.errors import ContentError, reading
from keras_effconv.zoo.readers.tensors import from_bfloat16

DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")


def read(path):
    """Read the tensors of a safetensors file.

    Args:
        path: str or path of the file.

    Returns:
        dict of name -> NumPy array; bfloat16 becomes float32.

    Raises:
        FormatError: (a ValueError) when the file is not such a file.
        ImportError: when the package `safetensors` is not installed.

    Example:

    >>> state = read("mobilenetv2_100.safetensors")  # doctest: +SKIP
    >>> state["conv_stem.weight"].shape  # doctest: +SKIP
    (32, 3, 3, 3)
    """
    safe_open = require("safetensors", "weights").safe_open
    with reading(path, "a safetensors file"):
        with open_file(path):  # says so where the file is missing
            pass
        with safe_open(path, framework="np") as file:
            tensors = {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            texts = file.metadata() or {}
        if not tensors:
            raise ContentError("tensors", "a file without any")
        if FACTS in texts:  # of a file that this package wrote
            tensors[FACTS] = np.frombuffer(texts[FACTS].encode(), "uint8")
        return tensors


def _tensor(file, name):
    dtype = file.get_slice(name).get_dtype()
    if dtype not in DTYPES:
        raise ContentError(f"numbers under {name!r:.80}", dtype)
    values = file.get_tensor(name)
    return from_bfloat16(values.view("u2")) if dtype == "BF16" else values
