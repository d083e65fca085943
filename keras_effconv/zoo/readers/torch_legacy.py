"""Reads the tensors of a torch file in the legacy format (before torch 1.6), without torch.

The format: five pickles (magic number, protocol, system, the object, the storage keys), then the raw storages, each
behind eight bytes of length.
"""

import struct

from keras_effconv.utils.files import open_file
from keras_effconv.zoo.readers.entries import entries, select
from keras_effconv.zoo.readers.errors import ContentError, FormatError, reading
from keras_effconv.zoo.readers.foreign import Foreign
from keras_effconv.zoo.readers.region import Region
from keras_effconv.zoo.readers.unpickling import unpickle

__all__ = ["MAGIC", "PROTOCOL", "FormatError", "read"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def read(path, choose=None):
    """Read the tensors of a legacy torch file: a state dict, or a checkpoint that holds one.

    Args:
        path: str or path of the file. What stands beside the tensors is passed over: counters, arguments, optimizers.
        choose: `entries.Choose`, which tensors to read. Default: all of the one dict that has some.

    Returns:
        dict of name -> NumPy array. Tensors that share memory in the file share it here, read-only.

    Raises:
        FormatError: (a ValueError) when the file is not such a file, is cut short, or refers to anything but tensors.

    Example:

    >>> state = read("resnet20.th")  # doctest: +SKIP
    >>> state["conv1.weight"].shape  # doctest: +SKIP
    (16, 3, 3, 3)
    """
    with reading(path, "a legacy torch file"), open_file(path) as file:
        region = Region(file)
        if _plain(region) != MAGIC:
            raise ContentError(None, "one without its magic number")
        if _plain(region) != PROTOCOL:
            raise ContentError(f"protocol {PROTOCOL} of the legacy torch format", "another one")
        if not _plain(region).get("little_endian", True):
            raise ContentError("little-endian values", "a big-endian one")
        content, storages = unpickle(region)
        tensors = select(entries(content), choose)
        _fill(region, _plain(region), storages)
        return {name: tensor.read() for name, tensor in tensors.items()}


def _plain(region):
    """Read a pickle of the format itself, which holds no objects."""
    content, _ = unpickle(region)
    if isinstance(content, Foreign):
        raise ContentError("plain pickles ahead of the tensors", content.reference())
    return content


def _fill(region, keys, storages):
    """Give the storages that tensors use their values; others, as those of an optimizer, are passed over."""
    for key in keys:
        if key not in storages:
            raise ContentError("storages that tensors use", f"the unknown key {str(key)[:40]!r}")
        storage = storages[key]
        (size,) = struct.unpack("<q", region.take(8))
        if size != storage.size or storage.stored_bytes > region.left:
            raise ContentError(f"{storage.size} values", "a file cut short or damaged")
        if storage.users:
            storage.fill(region)
        else:
            region.seek(region.tell() + storage.stored_bytes)
    if any(storage.users and storage.values is None for storage in storages.values()):
        raise ContentError("the values of every tensor", "a file without some of them")
