"""Where the pixels of a data set live: in memory, or in a file mapped into it that the next run finds again."""

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_effconv.utils.files import replacing

MEMORY_LIMIT = 4 << 30  # bytes
KEPT = 2  # files that stay in a cache: the newest, and one more, such as of another size
ABANDONED = 24 * 3600  # seconds without a change, after which an unfinished file is nobody's
YOUNG = 60  # seconds in which a file may not be locked yet
PIXELS, NOTE, LOCK = "pixels.npy", "note.json", "lock"
PREFIX = "images_"


def filled(rows, size, fill, key, memory_limit=MEMORY_LIMIT, cache_dir=None):
    """Make room for `rows` square RGB images, and fill it, unless a file in `cache_dir` has them from an earlier run.

    The file appears when it is whole. It is read as "copy on write": what is changed later stays in memory.

    Args:
        rows: int, images, at least 1.
        size: int, pixels.
        fill: function that writes to uint8 (rows, size, size, 3) and returns a note, fit for JSON.
        key: function without arguments that returns what the pixels depend on, as text.
        memory_limit: int, bytes; more than that goes to an .npy file that is mapped into memory. Default 4 GiB.
        cache_dir: directory of that file, made if need be; the file stays there. Default: a temporary directory that
            is removed when Python exits.

    Returns:
        (uint8 (rows, size, size, 3), an `np.ndarray` or an `np.memmap`; the note).

    Raises:
        OSError: the file would not fit on the disk.

    Example:

    >>> images, note = filled(2, 8, lambda images: images.fill(3), lambda: "threes")
    >>> type(images).__name__, int(images[1, 7, 7, 2]), note
    ('ndarray', 3, None)
    """
    shape = (rows, size, size, 3)
    if rows * size * size * 3 <= memory_limit:
        images = np.empty(shape, np.uint8)
        return images, fill(images)
    if cache_dir is None:
        cache_dir = tempfile.mkdtemp(prefix="keras_effconv_")
        atexit.register(shutil.rmtree, cache_dir, ignore_errors=True)
    digest = hashlib.blake2b(repr((shape, key())).encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()
    folder = Path(cache_dir) / f"{PREFIX}{digest}"
    if (stored := _stored(folder, shape)) is None:
        _write(folder, shape, fill)
        stored = _stored(folder, shape)
    else:
        print(f"pixels of an earlier run: {folder}")
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(folder)
    return stored


def _stored(folder, shape):
    """(images, note) of a file, or `None` if there is none of this shape."""
    try:
        images = np.load(folder / PIXELS, mmap_mode="c")
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return (images, note) if images.shape == shape and images.dtype == np.uint8 else None


def _write(folder, shape, fill):
    """Write pixels and note next to `folder`, and name them so at last."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _tidy(folder.parent, KEPT - 1)
    needed = int(np.prod(shape))
    if needed > shutil.disk_usage(folder.parent).free:
        _tidy(folder.parent, 0)
    free = shutil.disk_usage(folder.parent).free
    if needed > free:  # The file is sparse: a full disk would show as a bus error, while images are written.
        raise OSError(
            f"`cache_dir` must have {needed >> 20} MiB free. "
            f"Received: cache_dir={os.fspath(folder.parent)!r}, which has {free >> 20} MiB"
        )
    with replacing(folder) as temporary, open(temporary.parent / LOCK, "wb") as lock:
        _locked(lock)
        temporary.mkdir()
        images = np.lib.format.open_memmap(temporary / PIXELS, mode="w+", dtype=np.uint8, shape=shape)
        note = fill(images)
        images.flush()
        del images
        (temporary / NOTE).write_text(json.dumps(note), encoding="utf-8")


def _locked(file):
    """Whether this process has an open file for itself now; `None` on systems without such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _tidy(cache_dir, kept):
    """Remove what killed runs have left, and all but the `kept` files that were used last."""
    for unfinished in cache_dir.glob(f".{PREFIX}*"):
        if _age(unfinished) > ABANDONED or (_age(unfinished) > YOUNG and _is_free(unfinished)):
            shutil.rmtree(unfinished, ignore_errors=True)
    for old in sorted(cache_dir.glob(f"{PREFIX}*"), key=_age)[kept:]:
        with contextlib.suppress(OSError):  # open in another process, on Windows
            old.unlink() if old.is_file() else shutil.rmtree(old)


def _is_free(folder):
    """Whether no process holds the lock of an unfinished file."""
    try:
        with open(folder / LOCK, "rb+") as lock:
            return _locked(lock) is True
    except OSError:
        return False


def _age(path):
    """Seconds since the newest change in a file or a folder."""
    times = [0.0]
    for each in (path, *path.glob("**/*")):
        with contextlib.suppress(OSError):
            times.append(each.stat().st_mtime)
    return time.time() - max(times)
