"""Hashes of files: those that a source publishes, and those recorded when a source publishes none."""

import hashlib
import os
import re
import time

from absl import logging

from keras_effconv.utils.files import open_file, write_lines

_REMEMBERED = {}
_COARSE = 2 * 10**9  # nanoseconds; the coarsest clock of a file system


def normal_hash(hash):
    """Return a hash in lower case, or `None`.

    Raises:
        ValueError: it is neither an md5, nor a sha256 or the first eight digits of one (torch's file names have those).
    """
    if hash is None or re.fullmatch("[0-9a-f]{8}|[0-9a-f]{32}|[0-9a-f]{64}", hash.lower()):
        return hash and hash.lower()
    raise ValueError(
        f"`hash` must be an md5 (32 hex digits), a sha256 (64, or the first 8) or None. Received: hash={hash!r:.80}"
    )


def file_hash(path, like=None):
    """Return the hash of a file, computed once per process while its size and time of change stay.

    Args:
        path: str or path of the file.
        like: str; a hash whose length says which kind is wanted. Default: sha256.

    Returns:
        Hex digits: an md5 where `like` has 32 of them, else a sha256.

    Example:
        >>> file_hash(os.devnull)[:16], file_hash(os.devnull, like="0" * 32)[:16]
        ('e3b0c44298fc1c14', 'd41d8cd98f00b204')
    """
    algorithm = "md5" if like is not None and len(like) == 32 else "sha256"
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        key = (status.st_dev, status.st_ino, algorithm)  # not its name, which changes at the end of a download
        state = (status.st_size, status.st_mtime_ns)
        known, digest = _REMEMBERED.get(key, (None, None))
        if known != state:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
            # A file just written could change again within one tick of the clock, unseen.
            if time.time_ns() - status.st_mtime_ns > _COARSE:
                _REMEMBERED[key] = (state, digest)
    return digest


def check_hash(path, expected):
    """Raise a `ValueError` unless the file has this md5 (32 digits) or sha256 (64, or the first 8)."""
    digest = file_hash(path, expected)
    if not digest.startswith(expected):
        raise ValueError(
            f"`path` must have the hash {expected}. Received: {path} (hash {digest}: a damaged or another file)"
        )


def record_path(path):
    """Return where the hash of a file that has no published one is kept.

    A file of its own, not one list for all: two processes never write the same one for different files.
    """
    return path.with_name(path.name + ".sha256")


def recorded_hash(path):
    """Return the sha256 recorded for a file, or `None`.

    Raises:
        ValueError: the record is no sha256.
    """
    try:
        with open_file(record_path(path)) as file:
            text = file.read(1 << 12).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    words = text.split()
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise ValueError(
            f"the recorded hash must be a sha256. Received: {record_path(path)} ({text[:70]!r}); "
            f"delete it to record it anew"
        )
    return words[0]


def record_hash(path, source, digest):
    """Record the sha256 of a file that came from a source without a published one.

    Written as `sha256sum` writes it, so that `sha256sum --check` reads it.
    """
    try:
        write_lines(record_path(path), [f"{digest}  {path.name}"])
    except OSError as error:  # A cache that can only be read still serves.
        logging.warning("%s has no published hash, and its sha256 %s could not be recorded: %s", source, digest, error)
        return
    logging.warning("%s has no published hash: its sha256 %s is recorded and checked from now on", source, digest)
