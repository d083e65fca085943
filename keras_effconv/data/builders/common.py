"""What the builders have in common: files from outside, which are taken for hostile."""

import re
import tarfile

import tensorflow_datasets as tfds

MOST_BYTES, MOST_FILES = 32 << 30, 200_000  # several times what the largest of these archives unpacks to


def image_info(builder, classes, **config):
    """Make the `DatasetInfo` of images with one of `classes` labels and the name of the file; `config` is its own."""
    features = {
        "image": tfds.features.Image(),
        "label": tfds.features.ClassLabel(num_classes=classes),
        "file_name": tfds.features.Text(),
    }
    features = tfds.features.FeaturesDict(features)
    return tfds.core.DatasetInfo(builder=builder, features=features, supervised_keys=("image", "label"), **config)


def check_archive(path, most_bytes=MOST_BYTES, most_files=MOST_FILES):
    """Refuse an archive that would fill the disk; TFDS' extractor keeps the files inside their folder by itself.

    Args:
        path: `epath.Path` of a tar archive, compressed or not.
        most_bytes: int, the largest sum of the sizes that it declares. Default 32 GiB.
        most_files: int, the largest number of its members. Default 200,000.

    Raises:
        ValueError: it is larger, or no archive.
    """
    size = 0
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for count, member in enumerate(archive, 1):
                size += member.size
                if size > most_bytes or count > most_files:
                    raise ValueError(f"more than {most_bytes:,} bytes or {most_files:,} files")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"`path` must be a tar archive to unpack. Received: path={str(path)!r}: {error}") from error


def folder_or_archive(dl_manager, name, suffix=".tgz", archive=None):
    """Return a folder of the manual directory: as it is, or unpacked from its archive.

    Args:
        dl_manager: download manager of TFDS.
        name: str, of the folder, at the top of the archive.
        suffix: str, of the archive. Default ".tgz".
        archive: str, its name without the suffix. Default: that of the folder.

    Returns:
        `epath.Path` of the folder.

    Raises:
        FileNotFoundError: the manual directory has neither.
    """
    folder, packed = dl_manager.manual_dir / name, dl_manager.manual_dir / f"{archive or name}{suffix}"
    if folder.is_dir():
        return folder
    if not packed.exists():
        raise FileNotFoundError(
            f"The manual directory must have {packed.name}, or the folder {name}. "
            f"Received: {dl_manager.manual_dir} without them"
        )
    check_archive(packed)
    return dl_manager.extract(packed) / name


def image_name(name, source):
    """Return `name` if it is that of a JPEG next to the others, such as "00001.jpg"; `source` says who names it.

    Raises:
        ValueError: it is a path to somewhere else.
    """
    if not re.fullmatch(r"[\w-]+\.jpg", name, re.ASCII):
        raise ValueError(f"{source}: an image must be named as a .jpg file. Received: {name!r}")
    return name


def lines_of(path):
    """Return the lines of a text file that are not empty."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
