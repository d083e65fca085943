"""Groups and datasets of HDF5 files that nobody vouches for."""

import contextlib
import math
import struct
import zlib

import h5py
import numpy as np

from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.tensors import from_bfloat16

MAGIC = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01"
CHUNK = 1 << 20
MAX_NAME = 4096  # characters of the name of a layer or of a variable
MAX_CHUNKS = 200_000
FILTERS = [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32]  # in this order, each or not


@contextlib.contextmanager
def opened(region):
    """Open an HDF5 file in a `Region` for reading, after a look at what the library itself does not check.

    Raises:
        FormatError: when it is not such a file, or one over which the library would never end.
    """
    region.seek(0)
    start = region.read(16)
    sizes = start[13:15] if start[8:9] in (b"\0", b"\1") else start[9:11]
    if not start.startswith(MAGIC) or sizes != b"\x08\x08":
        raise ContentError(None, "one that begins otherwise")
    longest = max((_check_heap(region, position) for position in _heaps(region)), default=0)
    region.seek(0)
    with h5py.File(region, "r") as file:
        for item in _objects(file):
            _check_attributes(item, longest, _most(region.size))
        yield file


def check(region):
    """Check the sizes in a whole file, for another reader than those of this package.

    Args:
        region: `Region` of the file.

    Returns:
        int, how many bytes its datasets take in memory.

    Raises:
        FormatError: when they take memory that the file does not back with bytes.
    """
    with opened(region) as file:
        arrays = Arrays(region)
        for item in _objects(file):
            if isinstance(item, h5py.Dataset):
                arrays.check(item, item.name)
        return arrays.most - arrays.left


def _objects(file):
    """Yield the groups and the datasets of a file once, whatever leads to them; links are not followed."""
    todo, seen = [file], set()
    while todo:
        item = todo.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        yield item
        if isinstance(item, h5py.Group):
            hard = (name for name in item if item.get(name, getclass=True, getlink=True) is h5py.HardLink)
            todo += (each for each in map(item.get, hard) if isinstance(each, (h5py.Group, h5py.Dataset)))


def _check_attributes(item, longest, most):
    """Many texts of an attribute can be one long text of the file's, which is copied for each."""
    for name in item.attrs:
        identity = item.attrs.get_id(name)
        count = math.prod(identity.shape or ())
        kind = identity.get_type()
        many = isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str() and count > 1
        if many and count * longest > most + (64 << 20):
            raise ContentError(f"short texts as the attribute {name!r:.80}", f"{count:,} of up to {longest:,} bytes")


def _most(size):
    """Return how many bytes of memory a file of so many bytes may take; compressed datasets are larger there."""
    return 4 * size + (1 << 20)


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
    """Return the length of a heap's longest object. At one of size 0, the library walks on the spot for ever."""
    region.seek(position + 8)
    (size,) = struct.unpack("<Q", region.take(8))
    at, end, longest = position + 16, position + size, 0
    while end - at >= 16:
        region.seek(at)
        index, length = struct.unpack("<H6xQ", region.take(16))
        step = 16 + (length + 7) // 8 * 8 if index else length
        if step < 16 or at + step > end:
            raise ContentError(f"texts in the heap at {position:,}", "a damaged one")
        at += step
        longest = max(longest, length if index else 0)
    return longest


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


def texts(group, attribute, limit=MAX_NAME):
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
    decoded = [value.decode() if isinstance(value, bytes) else str(value) for value in values.flat]
    if max(map(len, decoded), default=0) > limit:
        raise ContentError(f"texts of at most {limit:,} characters as the attribute {attribute!r}", "a longer one")
    return decoded


class Arrays:
    """Reads datasets, and in all not more than the file can hold.

    Args:
        region: `Region` of the file. Compressed datasets may be larger in memory, up to four times in all.

    Attributes:
        most: int, bytes that all datasets may take in memory.
        left: int, bytes of it that the next ones may take.
    """

    def __init__(self, region):
        self._size = region.size
        self.left = self.most = _most(region.size)

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
        bfloat16 = self.check(dataset, name)
        values = np.asarray(dataset[()])
        if bfloat16:
            return from_bfloat16(values.view("<u2"))
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def check(self, dataset, name):
        """Check a dataset before it is read; the arguments and errors are those of `read`.

        Returns:
            bool, whether it is bfloat16.
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
        if dataset.chunks is not None:
            self._check_chunks(dataset, name)
        return bfloat16

    def _check_chunks(self, dataset, name):
        """The library takes memory for a whole chunk, and inflates what is stored of it to the end, however long."""
        chunk, plan = math.prod(dataset.chunks) * dataset.dtype.itemsize, dataset.id.get_create_plist()
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        count = dataset.id.get_num_chunks()
        if chunk > self.most or count > MAX_CHUNKS or filters != [each for each in FILTERS if each in filters]:
            raise ContentError(f"small chunks, plain or by gzip, under {name!r:.80}", f"{count:,} of {chunk:,} bytes")
        stored = []
        dataset.id.chunk_iter(stored.append)
        for info in stored:
            plain = info.filter_mask or h5py.h5z.FILTER_DEFLATE not in filters
            if info.size > self._size or (plain and info.size > chunk + 4):  # a checksum has 4
                raise ContentError(f"chunks of {chunk:,} bytes under {name!r:.80}", f"one of {info.size:,}")
            if not plain:
                _, content = dataset.id.read_direct_chunk(info.chunk_offset)
                if len(zlib.decompressobj().decompress(content, chunk + 1)) > chunk:
                    raise ContentError(f"chunks of {chunk:,} bytes under {name!r:.80}", "a larger one")
