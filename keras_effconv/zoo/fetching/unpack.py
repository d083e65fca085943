"""A published archive of a TensorFlow checkpoint, unpacked once into the cache."""

import atexit
import errno
import gzip
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from keras_effconv.utils.files import check_file, open_file, replacing
from keras_effconv.zoo.fetching.download import cache_folder
from keras_effconv.zoo.fetching.hashes import file_hash
from keras_effconv.zoo.readers.archives import opened_tar
from keras_effconv.zoo.readers.errors import ContentError, reading

LIMIT = 8 << 30  # bytes; the largest published checkpoint has 1.6 GB
RATIO = 20  # of bytes unpacked to bytes packed; weights are noise, and take nearly as much
NAMES = ("checkpoint", ".index", ".meta")
MARKER = "archive.sha256"  # in a folder: of which archive it is
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_TEMPORARY = {}  # hash of an archive -> folder of this process


def unpacked(path):
    """Unpack the checkpoint of a `.tar.gz` file, and return its folder.

    Only the files of a checkpoint are written, by the last part of their names, and no more than 8 GiB and
    some twenty times the archive: where an archive says that its files belong plays no part.

    Args:
        path: str or path of the archive, whose hash was checked.

    Returns:
        A `Path`: a folder in the cache, named as the archive is without `.tar.gz`; the one beside the archive if it is
        unpacked there; a temporary one if the cache can only be read.

    Raises:
        FormatError: (a ValueError) when it is no such archive.
        OSError: when it cannot be read, or the disk is full.
    """
    check_file(path)  # of a pipe, the hash would wait for ever
    path, digest = Path(path), file_hash(path)
    name = path.name.removesuffix(".tar.gz")
    places = [cache_folder() / name, path.with_name(name), *filter(None, [_TEMPORARY.get(digest)])]
    there = next((folder for folder in places if _is_of(folder, digest)), None)
    if there is not None:
        return there
    try:
        return _unpack(path, places[0], digest)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
    temporary = Path(tempfile.mkdtemp(prefix="keras_effconv."))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    _TEMPORARY[digest] = _unpack(path, temporary / name, digest)
    return _TEMPORARY[digest]


def _is_of(folder, digest):
    """Return whether a folder is of an archive; copies keep neither the order of times nor the times."""
    try:
        return (folder / MARKER).read_text(encoding="ascii").strip() == digest
    except (OSError, ValueError):
        return False


def _unpack(path, folder, digest):
    """Unpack an archive to a folder, which appears when it is whole; that of another process will do as well."""
    try:
        _write_all(path, folder, digest)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not _is_of(folder, digest):
            raise
    return folder


def _write_all(path, folder, digest):
    with (
        reading(path, "an archive of a TensorFlow checkpoint"),
        open_file(path) as packed,
        gzip.open(packed) as file,
        opened_tar(file) as (archive, members),
        replacing(folder) as temporary,
    ):
        _write(archive, members, temporary, min(LIMIT, (64 << 20) + RATIO * path.stat().st_size))
        (temporary / MARKER).write_text(f"{digest}\n", encoding="ascii")


def _write(archive, members, folder, most):
    folder.mkdir()
    left = most
    for member in members:
        left -= member.size
        if left < 0:
            raise ContentError(f"at most {most:,} bytes", "one with more")
        name = PurePosixPath(member.name).name
        if not member.isreg() or not (name.endswith(NAMES) or ".data-" in name):
            continue
        with archive.extractfile(member) as source, open(folder / name, "wb") as target:
            shutil.copyfileobj(source, target)
    if not any(folder.glob("*.index")):
        raise ContentError("an .index file", "one without")
