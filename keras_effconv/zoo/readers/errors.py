"""What a reader says of a file that it cannot read: one line, with the path, what was expected, what was received."""

import contextlib
import os


class FormatError(ValueError):
    """A file that is not what its reader expects."""


@contextlib.contextmanager
def reading(path, expected):
    """Inside, anything that goes wrong with the content of `path` becomes one `FormatError`.

    Args:
        path: of the file.
        expected: str, what it should be: "a TensorFlow checkpoint".

    Raises:
        FormatError: for anything but a file that cannot be opened at all, which stays the `OSError` it is.

    Example:

    >>> try:
    ...     with reading("a.bin", "a number"):
    ...         int("seven")
    ... except FormatError as error:
    ...     print(str(error)[:46])
    a.bin: expected a number, received a damaged o
    """
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # a damaged file can end in almost any exception of the libraries below
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FormatError(f"{path}: expected {expected}, received a damaged or another file ({reason})") from None


def describe(path):
    """What a file seems to be, from its first bytes, for a message.

    Returns:
        str, such as "an empty file" or "an HTML page".
    """
    if os.path.isdir(path):
        return "a directory without one"
    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        return "an empty file"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "an HTML page (was the download refused?)"
    return f"{os.path.getsize(path):,} bytes that begin with {start[:8]!r}"
