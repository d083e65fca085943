"""NumPy archives that nobody vouches for."""

import contextlib
import math
import os
import struct
import zipfile
import zlib

import numpy as np

from keras_effconv.utils.files import open_file

RATIO, SMALL = 50, 64 << 20  # bytes unpacked: so many times those of the file, and so many more
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
KINDS = "biufUSV"  # V is what NumPy does not know, such as bfloat16

# What the libraries below raise for a damaged archive.
DAMAGE = (
    *(KeyError, TypeError, ValueError, OSError, EOFError, RecursionError, MemoryError, SyntaxError),
    *(NotImplementedError, OverflowError, zipfile.BadZipFile, zlib.error, struct.error),
)


class ArchiveError(ValueError):
    """What is wrong with an archive, in a few words."""


@contextlib.contextmanager
def open_npz(path, name="path"):
    """Open an `.npz` file, after a look at what its members say of themselves.

    Args:
        path: str or path of the file.
        name: str, the argument that the path comes from, for messages. Default `"path"`.

    Yields:
        `np.lib.npyio.NpzFile`; nothing in it is unpickled.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no such file, or states more values than it holds. A damaged file can end in other errors.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", x=np.ones(3))
    ...     with open_npz(f"{folder}/a.npz") as archive:
    ...         print(archive["x"])
    [1. 1. 1.]
    """
    with open_file(path, name) as file:
        if not zipfile.is_zipfile(file):
            raise ArchiveError("no .npz file")
        with contextlib.closing(zipfile.ZipFile(file)) as archive:
            _check(archive, os.fstat(file.fileno()).st_size)
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays


def _check(archive, size):
    infos = archive.infolist()
    if len({info.filename for info in infos}) < len(infos):
        raise ArchiveError("a member twice")
    unpacked, most = sum(info.file_size for info in infos), RATIO * size + SMALL
    if unpacked > most:
        raise ArchiveError(f"{unpacked:,} bytes when unpacked, more than {most:,}")
    for info in infos:
        if info.filename.endswith(".npy"):
            _check_array(archive, info)


def _check_array(archive, info):
    """Compare the shape of an array with the length of its member: NumPy takes memory for the shape."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise ArchiveError(f"{info.filename!r:.80} of an unknown compression")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in READERS:
            raise ArchiveError(f"{info.filename!r:.80} of version {version}")
        shape, _, dtype = READERS[version](member)
        stated, there = math.prod(shape) * dtype.itemsize, info.file_size - member.tell()
    if dtype.hasobject or dtype.names or dtype.kind not in KINDS:
        raise ArchiveError(f"{info.filename!r:.80} of {dtype!s:.80}")
    if min(shape, default=0) < 0 or stated != there:
        raise ArchiveError(f"{info.filename!r:.80} of shape {shape!s:.80} in {there:,} bytes")
