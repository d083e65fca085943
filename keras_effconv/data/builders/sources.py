"""What the builders have in common: files from outside, which are taken for hostile."""

import re
import tarfile

import tensorflow_datasets as tfds

MOST_BYTES, MOST_FILES = 32 << 30, 200_000  # several times what the largest of these archives unpacks to


def image_info(builder, classes, **config):
    """The `DatasetInfo` of images with one of `classes` labels and the name of the file; `config` is its own."""
    features = {
        "image": tfds.features.Image(),
        "label": tfds.features.ClassLabel(num_classes=classes),
        "file_name": tfds.features.Text(),
    }
    features = tfds.features.FeaturesDict(features)
    return tfds.core.DatasetInfo(builder=builder, features=features, supervised_keys=("image", "label"), **config)


def check_archive(path, most_bytes=MOST_BYTES, most_files=MOST_FILES):
    """Refuses an archive that would fill the disk; TFDS' extractor keeps the files inside their folder by itself.

    Args:
        path: `epath.Path` of a tar archive, compressed or not.
        most_bytes: Largest sum of the sizes that it declares.
        most_files: Largest number of its members.

    Raises:
        ValueError: It is larger, or no archive.
    """
    size = 0
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for count, member in enumerate(archive, 1):
                size += member.size
                if size > most_bytes or count > most_files:
                    raise ValueError(f"expected at most {most_bytes:,} bytes in {most_files:,} files, received more")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path}: no archive to unpack: {error}") from error


def folder_or_archive(dl_manager, name, suffix=".tgz", archive=None):
    """A folder of the manual directory: there already, or unpacked from its archive.

    Args:
        dl_manager: Of TFDS.
        name: Of the folder, at the top of the archive.
        suffix: Of the archive.
        archive: Its name without the suffix; None: that of the folder.

    Returns:
        `epath.Path` of the folder.

    Raises:
        FileNotFoundError: There is neither.
    """
    folder, packed = dl_manager.manual_dir / name, dl_manager.manual_dir / f"{archive or name}{suffix}"
    if folder.is_dir():
        return folder
    if not packed.exists():
        raise FileNotFoundError(f"expected {packed.name}, or the folder {name}, in {dl_manager.manual_dir}, found none")
    check_archive(packed)
    return dl_manager.extract(packed) / name


def image_name(name, place):
    """`name`, if it is that of a JPEG beside the others, such as "00001.jpg".

    Raises:
        ValueError: It is a path to somewhere else.
    """
    if not re.fullmatch(r"[\w-]+\.jpg", name, re.ASCII):
        raise ValueError(f"{place}: expected the name of a .jpg file, received {name!r}")
    return name


def lines_of(path):
    """The lines of a text file that are not empty."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
