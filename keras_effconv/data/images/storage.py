"""Where the pixels of a data set live: in memory, or in a file mapped into it."""

import atexit
import os
import shutil
import tempfile

import numpy as np

MEMORY_LIMIT = 4 << 30  # bytes


def allocate(rows, size, memory_limit=MEMORY_LIMIT, cache_dir=None):
    """Make room for `rows` square RGB images.

    Args:
        rows: int, images, at least 1.
        size: int, pixels.
        memory_limit: int, bytes; more than that goes to an .npy file that is mapped into memory. Default 4 GiB.
        cache_dir: directory of that file, made if need be; the file stays there. Default: a temporary directory that
            is removed when Python exits.

    Returns:
        uint8 (rows, size, size, 3), an `np.ndarray` or an `np.memmap`.

    Raises:
        OSError: the file would not fit on the disk.

    Example:

    >>> type(allocate(2, size=8)).__name__, type(allocate(2, size=8, memory_limit=100)).__name__
    ('ndarray', 'memmap')
    """
    shape = (rows, size, size, 3)
    needed = rows * size * size * 3
    if needed <= memory_limit:
        return np.empty(shape, np.uint8)
    if cache_dir is None:
        cache_dir = tempfile.mkdtemp(prefix="keras_effconv_")
        atexit.register(shutil.rmtree, cache_dir, ignore_errors=True)
    os.makedirs(cache_dir, exist_ok=True)
    free = shutil.disk_usage(cache_dir).free
    if needed > free:  # The file is sparse: a full disk would show as a bus error, while images are written.
        raise OSError(
            f"`cache_dir` must have {needed >> 20} MiB free. "
            f"Received: cache_dir={os.fspath(cache_dir)!r}, which has {free >> 20} MiB"
        )
    handle, path = tempfile.mkstemp(prefix="images_", suffix=".npy", dir=cache_dir)
    os.close(handle)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
