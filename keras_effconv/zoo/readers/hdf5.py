"""Groups and datasets of HDF5 files that nobody vouches for."""

import contextlib
import math
import struct

import h5py
import numpy as np

from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.tensors import from_bfloat16

MAGIC = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01"
CHUNK = 1 << 20


@contextlib.contextmanager
def opened(region):
    """Open an HDF5 file in a `Region` for reading, after a look at what the library itself does not check.

    Raises:
        FormatError: when it is not such a file, or one over which the library would never end.
    """
    start = region.read(16)
    sizes = start[13:15] if start[8:9] in (b"\0", b"\1") else start[9:11]
    if not start.startswith(MAGIC) or sizes != b"\x08\x08":
        raise ContentError(None, "one that begins otherwise")
    for position in _heaps(region):
        _check_heap(region, position)
    region.seek(0)
    with h5py.File(region, "r") as file:
        yield file


def _heaps(region):
    """Yield where the file's heaps of texts are."""
    for start in range(0, region.size, CHUNK):
        region.seek(start)
        piece = region.read(CHUNK + len(HEAP) - 1)
        place = piece.find(HEAP)
        while place >= 0:
            yield start + place
            place = piece.find(HEAP, place + 1)


def _check_heap(region, position):
    """Walk the objects of a heap. At one of size 0, the library walks on the spot for ever."""
    region.seek(position + 8)
    (size,) = struct.unpack("<Q", region.take(8))
    at, end = position + 16, position + size
    while end - at >= 16:
        region.seek(at)
        index, length = struct.unpack("<H6xQ", region.take(16))
        step = 16 + (length + 7) // 8 * 8 if index else length
        if step < 16 or at + step > end:
            raise ContentError(f"texts in the heap at {position:,}", "a damaged one")
        at += step


def child(group, name):
    """Return what a group holds under a name, which may be a path.

    Only what lies in the file itself is followed: a link can lead to any other file of the machine.

    Raises:
        FormatError: when there is nothing, or a link.
    """
    for part in filter(None, name.split("/")):
        if not isinstance(group, h5py.Group) or part not in group:
            raise ContentError(f"{name!r:.80} in the file", "one without it")
        if group.get(part, getclass=True, getlink=True) is not h5py.HardLink:
            raise ContentError(f"{name!r:.80} in the file itself", "a link")
        group = group[part]
    return group


def texts(group, attribute):
    """Read the texts of an attribute; its type is looked at first: the library can crash over a damaged one.

    Returns:
        A list of str, or `None` when there is no such attribute.

    Raises:
        FormatError: when it holds something else.
    """
    if attribute not in group.attrs:
        return None
    identity = group.attrs.get_id(attribute)
    if identity.shape is None or 0 in identity.shape:  # an empty list has no type
        return []
    if not isinstance(identity.get_type(), h5py.h5t.TypeStringID):
        raise ContentError(f"texts as the attribute {attribute!r}", "something else")
    values = np.atleast_1d(group.attrs[attribute])
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


class Arrays:
    """Reads datasets, and in all not more than the file can hold.

    Args:
        size: int, bytes of the file. Compressed datasets may be larger in memory, up to four times in all.
    """

    def __init__(self, size):
        self.left = 4 * size + (1 << 20)

    def read(self, dataset, name):
        """Read a dataset as an array of its own; bfloat16 becomes float32.

        Args:
            dataset: `h5py.Dataset`, as `child` returns it.
            name: str, for messages.

        Returns:
            A NumPy array in the machine's byte order.

        Raises:
            FormatError: when it is no dataset of numbers, or states more values than the file holds.
        """
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise ContentError(f"numbers under {name!r:.80}", "something else")
        bfloat16 = dataset.dtype == np.dtype("V2") and texts(dataset, "dtype") == ["bfloat16"]
        if not bfloat16 and (dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8):
            raise ContentError(f"numbers under {name!r:.80}", str(dataset.dtype))
        size = math.prod(dataset.shape) * dataset.dtype.itemsize
        self.left -= size
        if self.left < 0 or (dataset.chunks is None and size > dataset.id.get_storage_size()):
            raise ContentError(f"{size:,} bytes under {name!r:.80}", "a file without them")
        values = np.asarray(dataset[()])
        if bfloat16:
            return from_bfloat16(values.view("<u2"))
        return values.astype(values.dtype.newbyteorder("="), copy=False)
