"""What a reader says of a file that it cannot read, in one line: what the file must be, its path, what it is."""

import contextlib
import errno
import os

from keras_effconv.utils.files import NotAFileError, open_file

MAX_CAUSE = 200  # characters of what a file holds
OF_CONTENT = (errno.EINVAL, errno.EOVERFLOW, errno.EFBIG, errno.ENAMETOOLONG)  # what a place or a name in a file causes
MAX_NAME = 1024  # characters of the name of a variable


class FormatError(ValueError):
    """A file that is not what its reader expects."""


class ContentError(FormatError):
    """A part of a file that is not as it must be; `reading` adds the kind of the file and its path.

    Args:
        content: str, what the file must have, or `None` if it is of another kind.
        received: str, what it has.

    Example:

    >>> print(ContentError("each layer once", "'conv' twice"))
    the file must have each layer once. Received: 'conv' twice
    """

    def __init__(self, content, received):
        super().__init__(content, received)
        self.content, self.received = content, received

    def __str__(self):
        content = f"have {self.content}" if self.content else "be of another format"
        return f"the file must {content}. Received: {_line(self.received)}"


def check_names(names):
    """Raise a `ContentError` for a name of a variable that nobody has: looking for what it means takes its time."""
    longest = max(names, key=len, default="")
    if len(longest) > MAX_NAME:
        raise ContentError(f"names of at most {MAX_NAME:,} characters", f"one of {len(longest):,}: {longest:.40}...")


def unreadable(path, what, cause):
    """Return the error of a file.

    Args:
        path: str or path of the file.
        what: str, what it must be: "a TensorFlow checkpoint".
        cause: str, what it is; line breaks become spaces, and what exceeds 200 characters is dropped.

    Returns:
        A `FormatError`.

    Example:

    >>> print(unreadable("a.bin", "a TensorFlow checkpoint", "an empty file"))
    `path` must be a TensorFlow checkpoint. Received: a.bin (an empty file)
    """
    return FormatError(f"`path` must be {what}. Received: {path} ({_line(cause)})")


@contextlib.contextmanager
def reading(path, what):
    """Turn whatever goes wrong with the content of `path` inside the block into one `FormatError`.

    Args:
        path: str or path of the file.
        what: str, what it must be: "a TensorFlow checkpoint".

    Raises:
        FormatError: for anything but what goes wrong with the machine, such as a file that cannot be opened or a disk
            that is full, which stays the error it is.

    Example:

    >>> try:
    ...     with reading("a.bin", "a list of layers"):
    ...         raise ContentError("each layer once", "'conv' twice")
    ... except FormatError as error:
    ...     print(error)
    `path` must be a list of layers with each layer once. Received: a.bin ('conv' twice)
    """
    try:
        yield
    except ContentError as error:
        content = f" with {_line(error.content)}" if error.content else ""
        raise unreadable(path, f"{what}{content}", error.received) from None
    except (FormatError, NotAFileError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, *OF_CONTENT):  # a full disk, say
            raise
        # A damaged file can end in almost any exception of the libraries below.
        reason = f"a damaged or another file: {str(error).strip() or type(error).__name__}"
        raise unreadable(path, what, _kind(path) or reason) from None


def _line(text):
    return " ".join(text.split())[:MAX_CAUSE]


def describe(path):
    """Say what a file seems to be, from its first bytes, for a message.

    Returns:
        str, such as "an empty file" or "an HTML page".
    """
    if os.path.isdir(path):
        return "a directory without one"
    if kind := _kind(path):
        return kind
    with open_file(path) as file:
        return f"{os.path.getsize(path):,} bytes that begin with {file.read(8)!r}"


def _kind(path):
    """Return what stands in the place of a file that was to be fetched; `None` for something else."""
    if not os.path.isfile(path):
        return None
    with open_file(path) as file:
        start = file.read(64)
    if not start:
        return "an empty file"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "an HTML page: was the download refused?"
    if text.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS to a file that is not here: call `git lfs pull`"
    return None
