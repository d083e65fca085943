"""A published archive of a TensorFlow checkpoint, unpacked once beside it."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from keras_effconv.utils.files import replacing
from keras_effconv.zoo.readers.errors import unreadable

LIMIT = 8 << 30  # bytes; the largest published checkpoint has 1.6 GB
NAMES = ("checkpoint", ".index", ".meta")


def unpacked(path):
    """Unpack the checkpoint of a `.tar.gz` file, and return its folder.

    Only the files of a checkpoint are written, by the last part of their names, and no more than 8 GiB: where an
    archive says that its files belong plays no part.

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
    try:
        with tarfile.open(path, "r:gz") as archive, replacing(folder) as temporary:
            _write(archive, temporary)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise unreadable(path, "an archive of a TensorFlow checkpoint", str(error) or "another file") from None
    return folder


def _write(archive, folder):
    folder.mkdir()
    left = LIMIT
    for member in archive:
        name = PurePosixPath(member.name).name
        if not member.isreg() or not (name.endswith(NAMES) or ".data-" in name):
            continue
        left -= member.size
        if left < 0:
            raise tarfile.TarError(f"more than {LIMIT >> 30} GiB")
        with archive.extractfile(member) as source, open(folder / name, "wb") as target:
            shutil.copyfileobj(source, target)
    if not any(folder.glob("*.index")):
        raise tarfile.TarError("no .index file in it")
