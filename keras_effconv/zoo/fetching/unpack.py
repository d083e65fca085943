"""A published archive of a TensorFlow checkpoint, unpacked once beside it."""

import gzip
import shutil
from pathlib import Path, PurePosixPath

from keras_effconv.utils.files import open_file, replacing
from keras_effconv.zoo.readers.archives import opened_tar
from keras_effconv.zoo.readers.errors import ContentError, reading

LIMIT = 8 << 30  # bytes; the largest published checkpoint has 1.6 GB
RATIO = 20  # of bytes unpacked to bytes packed; weights are noise, and take nearly as much
NAMES = ("checkpoint", ".index", ".meta")


def unpacked(path):
    """Unpack the checkpoint of a `.tar.gz` file, and return its folder.

    Only the files of a checkpoint are written, by the last part of their names, and no more than 8 GiB and
    some twenty times the archive: where an archive says that its files belong plays no part.

    Args:
        path: str or path of the archive, whose hash was checked.

    Returns:
        A `Path`: a folder beside the archive, named as it is without `.tar.gz`.

    Raises:
        FormatError: (a ValueError) when it is no such archive.
    """
    path = Path(path)
    folder = path.with_name(path.name.removesuffix(".tar.gz"))
    if folder.is_dir() and folder.stat().st_mtime >= path.stat().st_mtime:
        return folder
    with (
        reading(path, "an archive of a TensorFlow checkpoint"),
        open_file(path) as packed,
        gzip.open(packed) as file,
        opened_tar(file) as (archive, members),
        replacing(folder) as temporary,
    ):
        _write(archive, members, temporary, min(LIMIT, (64 << 20) + RATIO * path.stat().st_size))
    return folder


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
