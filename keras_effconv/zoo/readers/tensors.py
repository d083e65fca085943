"""What the pickle of a torch file describes: storages, and tensors that are views of them."""

import math

import numpy as np

from keras_effconv.zoo.readers.errors import ContentError

MAX_DIMENSIONS = 32
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "<c8",
    "ComplexDoubleStorage": "<c16",
    "QInt8Storage": "i1",
    "QUInt8Storage": "u1",
    "QInt32Storage": "<i4",
    "UntypedStorage": "u1",
}


class Storage:
    """A run of numbers in the file: known by key while unpickling, filled afterwards.

    Args:
        kind: str, a NumPy dtype, or `"bfloat16"`, which NumPy has not: its values become float32; `None` if the file
            names a type that is not known, whose values cannot be read.
        size: int, how many values.
    """

    def __init__(self, kind, size):
        self.kind, self.size, self.values, self.users = kind, size, None, 0
        self.dtype = np.dtype("<f4" if kind in ("bfloat16", None) else kind)
        self.stored_dtype = np.dtype("<u2" if kind == "bfloat16" else kind or "V")

    @property
    def stored_bytes(self):
        if self.kind is None:
            raise ContentError("storages of known types", "another one")
        return self.size * self.stored_dtype.itemsize

    def fill(self, region, check=None):
        """Read the values from a `Region`, straight to a buffer of their own; `check` sees them as they are stored."""
        values = region.array(self.stored_dtype, (self.size,))
        if check:
            check(values)
        self.values = from_bfloat16(values) if self.kind == "bfloat16" else values


class Tensor:
    """A view of a storage, still to be filled."""

    def __init__(self, storage, offset, shape, strides):
        if not isinstance(storage, Storage):
            raise ContentError("a tensor over a storage", f"one over {type(storage).__name__}")
        counted = len(shape) == len(strides) <= MAX_DIMENSIONS
        if not counted or not all(type(number) is int for number in (offset, *shape, *strides)):
            raise ContentError("as many strides as sizes", f"{len(shape)} sizes, {len(strides)} strides")
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)

    def check(self):
        """Raise a `FormatError` for a view that leaves its storage, or that is larger."""
        if self.offset < 0 or min(self.strides, default=0) < 0 or min(self.shape, default=1) < 0:
            raise ContentError("a view with sizes of 0 and more", f"shape {self.shape}")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if 0 not in self.shape and (last >= self.storage.size or math.prod(self.shape) > self.storage.size):
            raise ContentError(f"a view inside {self.storage.size} values", f"one up to {last}")

    def read(self):
        """Return the tensor as a view of its storage's values, without a copy; one that others share is locked."""
        if 0 in self.shape:
            return np.zeros(self.shape, self.storage.dtype)
        strides = [s * self.storage.dtype.itemsize for s in self.strides]
        view = np.ndarray(self.shape, self.storage.dtype, self.storage.values[self.offset :], 0, strides)
        view.flags.writeable = self.storage.users == 1
        return view


class OddTensor(Tensor):
    """A tensor that cannot be read.

    Args:
        what: str, what it is, for a message.
    """

    def __init__(self, what):
        self.what = what

    def check(self):
        """Raise a `FormatError`."""
        raise ContentError("tensors of floating-point numbers", self.what)


def from_bfloat16(bits):
    """Return bfloat16 as float32, of which it is the upper half.

    >>> from_bfloat16(np.array([0x3FC0, 0xC000], "u2"))
    array([ 1.5, -2. ], dtype=float32)
    """
    wide = bits.astype("<u4")
    wide <<= 16
    return wide.view("<f4")
