"""Reads the tensors of a torch file in the legacy format (before torch 1.6), without torch.

The format: five pickles (magic number, protocol, system, the object, the storage keys), then the raw storages. Pickles
are programs. This reader knows the handful of names that a state dict needs and refuses every other one, so that a
file can neither import nor call anything.
"""

import collections
import math
import os
import pickle
import struct

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class FormatError(ValueError):
    """A file that is not what its reader expects."""


class Storage:
    """A run of numbers in the file: known by key while unpickling, filled afterwards."""

    def __init__(self, dtype, size):
        self.dtype, self.size, self.values = dtype, size, None


class Tensor:
    """A view of a storage."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)

    def read(self):
        """The tensor as an array of its own; a view that leaves its storage is an error."""
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if self.offset < 0 or min(self.strides, default=0) < 0 or min(self.shape, default=1) < 0:
            raise FormatError(f"expected a view with sizes of 0 and more, received shape {self.shape}")
        if 0 in self.shape:
            return np.zeros(self.shape, self.storage.dtype)
        if last >= self.storage.size or math.prod(self.shape) > self.storage.size:
            raise FormatError(f"expected a view inside {self.storage.size} values, received one up to {last}")
        strides = [s * self.storage.dtype.itemsize for s in self.strides]
        view = np.lib.stride_tricks.as_strided(self.storage.values[self.offset :], self.shape, strides)
        return np.ascontiguousarray(view).reshape(self.shape)


def _rebuild_tensor(storage, offset, shape, strides, *_):
    if not isinstance(storage, Storage):
        raise FormatError(f"expected a tensor over a storage, received one over {type(storage).__name__}")
    return Tensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor, *_):
    return tensor


KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    **{("torch", name): dtype for name, dtype in DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Knows the names of a state dict, and storages by key."""

    def __init__(self, file):
        super().__init__(file, encoding="latin-1")
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) not in KNOWN:
            raise FormatError(f"expected tensors only, received a reference to {module}.{name} (nothing was executed)")
        return KNOWN[module, name]

    def persistent_load(self, saved):
        if not isinstance(saved, tuple) or len(saved) != 6 or saved[0] != "storage":
            raise FormatError(f"expected the description of a storage, received {saved!r:.80}")
        _, dtype, key, _, size, view = saved
        if not isinstance(dtype, np.dtype) or not isinstance(size, int) or view is not None:
            raise FormatError(f"expected a storage of numbers with a size, received {saved!r:.80}")
        return self.storages.setdefault(key, Storage(dtype, size))


def read(path):
    """The tensors of a legacy torch file: a state dict, or a checkpoint that holds one.

    Args:
        path: of the file. A dict with a `state_dict` (or `model`) entry is a checkpoint; a common prefix
            `module.`, from data-parallel training, is dropped.

    Returns:
        dict of name -> NumPy array.

    Raises:
        FormatError: (a ValueError) when the file is not such a file, is cut short, or refers to anything but tensors.
    """
    try:
        with open(path, "rb") as file:
            return {name: tensor.read() for name, tensor in _state_dict(_load(file)).items()}
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can end in almost any exception
        raise FormatError(f"{path}: expected a legacy torch file, received a damaged one ({error})") from None


def _load(file):
    if _plain(file) != MAGIC:
        raise FormatError("expected a legacy torch file, received one without its magic number")
    if _plain(file) != PROTOCOL:
        raise FormatError(f"expected protocol {PROTOCOL} of the legacy torch format, received another one")
    if not _plain(file).get("little_endian", True):
        raise FormatError("expected a little-endian file, received a big-endian one")
    unpickler = _Unpickler(file)
    content = unpickler.load()
    for key in _plain(file):
        if key not in unpickler.storages:
            raise FormatError(f"expected storages that tensors use, received the unknown key {key!r}")
        _fill(file, unpickler.storages[key])
    if any(storage.values is None for storage in unpickler.storages.values()):
        raise FormatError("expected the values of every tensor, received a file without some of them")
    return content


def _plain(file):
    return _Unpickler(file).load()


def _fill(file, storage):
    """Eight bytes of length, then the values. The size is checked against the file before memory is taken."""
    (size,) = struct.unpack("<q", file.read(8)) if _left(file) >= 8 else (-1,)
    if size != storage.size or size * storage.dtype.itemsize > _left(file):
        raise FormatError(f"expected {storage.size} values, received a file cut short or damaged")
    storage.values = np.frombuffer(file.read(size * storage.dtype.itemsize), storage.dtype)


def _left(file):
    return os.fstat(file.fileno()).st_size - file.tell()


def _state_dict(content):
    for entry in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(entry), dict):
            content = content[entry]
    if not isinstance(content, dict) or not content:
        raise FormatError(f"expected a dict of tensors, received {type(content).__name__}")
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if len(tensors) < len(content) or not all(isinstance(name, str) for name in tensors):
        odd = next(repr(name) for name, value in content.items() if not isinstance(value, Tensor))
        raise FormatError(f"expected tensors only, received something else under {odd}")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
