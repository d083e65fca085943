"""Which files of a folder are images, and of which class."""

import dataclasses
import os
import pathlib

IMAGE_EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp"})
TRAIN_NAMES = ("train", "training")
VALIDATION_NAMES = ("validation", "val", "valid", "test", "testing")


@dataclasses.dataclass
class Listing:
    """The content of a folder that has one sub-directory per class.

    Args:
        files: `{class name: sorted paths}`, classes sorted.
        ignored: int, the number of files without an image extension, and of linked directories inside a class.
        unlisted: `{directory: cause}` of those that could not be listed.
    """

    files: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    ignored: int = 0
    unlisted: dict[str, str] = dataclasses.field(default_factory=dict)


def find_layout(data_dir):
    """Tell a folder that is split into training and validation from a folder of classes.

    Args:
        data_dir: str or path of the folder.

    Returns:
        (folder of the training classes, folder of the validation classes or None); the first is `data_dir` itself
        when it has no "train" folder with sub-directories.

    Raises:
        FileNotFoundError: `data_dir` does not exist.
        NotADirectoryError: it is not a directory.
        ValueError: "train" and "validation" exist, but "train" has no sub-directories.
    """
    root = pathlib.Path(data_dir).expanduser()
    problem = f"`data_dir` must be a folder of images. Received: data_dir={str(root)!r}"
    if not root.exists():
        raise FileNotFoundError(f"{problem}, which does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"{problem}, which is a file")
    folders = {folder.name.lower(): folder for folder in sub_directories(root)}
    train = next((folders[name] for name in TRAIN_NAMES if name in folders), None)
    validation = next((folders[name] for name in VALIDATION_NAMES if name in folders), None)
    if train is None:
        return root, None
    if sub_directories(train):
        return train, validation
    if validation is None:
        return root, None  # A class that is called "train", among others.
    raise ValueError(f"`data_dir` must have a sub-directory per class. Received: {str(train)!r} without any")


def sub_directories(root):
    """Return the sorted directories in `root`, without hidden ones and without links to `root` or above."""
    real_root = os.path.realpath(root)

    def contains_root(folder):
        return os.path.commonpath([real_root, os.path.realpath(folder)]) == os.path.realpath(folder)

    children = (child for child in sorted(pathlib.Path(root).iterdir()) if not child.name.startswith("."))
    return [child for child in children if child.is_dir() and not contains_root(child)]


def list_classes(root):
    """List the images under each sub-directory of `root`, nested ones included.

    Hidden files and directories are skipped. Linked directories inside a class are not followed, since they may lead
    into another class or in circles; a class folder may itself be a link.

    Args:
        root: str or path of a folder with one sub-directory per class.

    Returns:
        `Listing`.
    """
    listing = Listing()
    for folder in sub_directories(root):
        listing.files[folder.name] = _list_images(folder, listing)
    return listing


def _list_images(folder, listing):
    """Return the sorted image paths under `folder`; note in `listing` what is passed over."""
    paths = []

    def note(error):
        listing.unlisted[error.filename] = error.strerror

    for directory, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        listing.ignored += sum(os.path.islink(os.path.join(directory, name)) for name in folders)
        for name in files:
            if name.startswith("."):
                continue
            if os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS:
                paths.append(os.path.join(directory, name))
            else:
                listing.ignored += 1
    return sorted(paths)
