"""Reads the tensors of a torch file as torch 1.6 and later write it, a zip file, without torch.

The format: `<prefix>/data.pkl` is the object, `<prefix>/data/<key>` a storage, `<prefix>/byteorder` its byte order.
"""

import io

from keras_effconv.utils.files import open_file
from keras_effconv.zoo.readers.archives import StoredZip
from keras_effconv.zoo.readers.entries import entries, select
from keras_effconv.zoo.readers.errors import ContentError, reading
from keras_effconv.zoo.readers.unpickling import unpickle


def read(path, choose=None):
    """Read the tensors of a torch zip file: a state dict, or a checkpoint that holds one.

    Args:
        path: str or path of the file; what it may hold is what `torch_legacy.read` accepts.
        choose: `entries.Choose`, which tensors to read. Default: all of the one dict that has some.

    Returns:
        dict of name -> NumPy array; bfloat16 becomes float32. Tensors that share memory in the file share it here,
        read-only.

    Raises:
        FormatError: (a ValueError) when the file is not such a file, is cut short, or refers to anything but tensors.

    Example:

    >>> state = read("mobilenetv2_100.pth")  # doctest: +SKIP
    >>> state["conv_stem.weight"].shape  # doctest: +SKIP
    (32, 3, 3, 3)
    """
    with reading(path, "a torch zip file"), open_file(path) as file:
        archive = StoredZip(file)
        pickles = [name for name in archive.infos if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise ContentError("one data.pkl", f"one with {len(pickles)}")
        prefix = pickles[0].removesuffix("data.pkl")
        order = archive.bytes(f"{prefix}byteorder") if f"{prefix}byteorder" in archive.infos else b"little"
        if order != b"little":
            raise ContentError("little-endian values", f"byte order {order[:20]!r}")
        content, storages = unpickle(io.BytesIO(archive.bytes(pickles[0])))
        tensors = select(entries(content), choose)
        for key, storage in storages.items():
            if storage.users:
                _fill(archive, f"{prefix}data/{key}", storage)
        return {name: tensor.read() for name, tensor in tensors.items()}


def _fill(archive, name, storage):
    region = archive.region(name)
    if region.size != storage.stored_bytes:
        raise ContentError(f"{storage.stored_bytes:,} bytes in {name!r:.80}", f"{region.size:,}")
    storage.fill(region, lambda values: archive.check(name, values))
