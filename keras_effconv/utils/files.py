"""Files of users, which may be anything, and files of ours, which are either whole or as they were."""

import contextlib
import csv
import dataclasses
import glob
import json
import math
import os
import shutil
import stat
import tempfile
from pathlib import Path

TEXT_LIMIT = 16 << 20  # bytes; a parsed file takes some thirty times as much memory
KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotAFileError(ValueError):
    """A path that leads to something else than a regular file."""


def open_file(path, name="path"):
    """Open a regular file for reading. A pipe would keep whoever opens it waiting, and a device has no end.

    Args:
        path: str or path of the file; links are followed.
        name: str, the argument that the path comes from, for messages. Default `"path"`.

    Returns:
        A binary file, to be closed.

    Raises:
        OSError: nothing can be opened there.
        ValueError: what is there is no regular file.

    Example:

    >>> open_file(os.devnull)
    Traceback (most recent call last):
    keras_effconv.utils.files.NotAFileError: `path` must be a regular file. Received: path='/dev/null', a device
    """
    check_file(path, name)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        _check_mode(os.fstat(descriptor).st_mode, path, name)  # another file may have taken its place
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_file(path, name="path"):
    """Check that there is a regular file; the arguments and errors are those of `open_file`."""
    _check_mode(os.stat(path).st_mode, path, name)


def _check_mode(mode, path, name):
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "something else")
        raise NotAFileError(f"`{name}` must be a regular file. Received: {name}={str(path)!r}, {kind}")


def read_text(path, name="path", limit=TEXT_LIMIT):
    """Read a text file of UTF-8. The mark that editors on Windows write ahead of a text is no part of it.

    Args:
        path: str or path of the file.
        name: str, the argument that the path comes from, for messages. Default `"path"`.
        limit: int, the most bytes. Default 16 MiB.

    Returns:
        str.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, no UTF-8, or too large.
    """
    with open_file(path, name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"`{name}` must be a text of at most {limit:,} bytes. Received: {name}={str(path)!r}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"`{name}` must be a text of UTF-8. Received: {name}={str(path)!r}: {error}") from None


def read_json(path, name="path"):
    """Read a JSON file that holds an object.

    Args:
        path: str or path of the file.
        name: str, the argument that the path comes from, for messages. Default `"path"`.

    Returns:
        dict.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, no JSON, or another value.
    """
    try:
        value = json.loads(read_text(path, name))
    except NotAFileError:
        raise
    except (ValueError, RecursionError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ValueError(f"`{name}` must be a JSON file. Received: {name}={str(path)!r}: {cause}") from None
    if not isinstance(value, dict):
        raise ValueError(f"`{name}` must hold a JSON object. Received: {name}={str(path)!r}, {type(value).__name__}")
    return value


@contextlib.contextmanager
def replacing(path):
    """Yield a temporary path next to `path` that replaces it when the block ends well, and is removed if it does not.

    Works for files and for directories; the suffix is kept, since Keras tells formats by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = folder / path.name
    old = folder / "old"
    try:
        yield temporary
        if path.is_dir():
            os.replace(path, old)
        os.replace(temporary, path)
    except BaseException:
        if old.exists() and not path.exists():
            os.replace(old, path)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(path):
    """Remove what processes that were killed in `replacing` have left next to `path`; no other may be at work."""
    for folder in Path(path).parent.glob(f".{glob.escape(Path(path).name)}.*"):
        shutil.rmtree(folder, ignore_errors=True)


def bytes_in(folder):
    """Return the bytes of all files in a `Path` of a folder and below it: int."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def strict(value):
    """Return a value as JSON can hold it: `None` in the place of nan and infinity, which JSON lacks.

    Example:

    >>> strict({"losses": (0.5, float("nan"), -math.inf)})
    {'losses': [0.5, None, None]}
    """
    if isinstance(value, dict):
        return {key: strict(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path, value):
    """Write a value as JSON that any parser reads, see `strict`."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(strict(value), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_lines(path, lines):
    """Write lines of text."""
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_rows(path, rows):
    """Write dataclasses of one kind, one at least, as CSV: a column per field."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(rows[0])])
        writer.writeheader()
        writer.writerows(map(dataclasses.asdict, rows))
