"""Which files of a folder are images, which folders hold some, and what is left out."""

import collections
import dataclasses
import os
import pathlib

from keras_effconv.data.images.header import CONVERTED, FORMATS, IMAGE_EXTENSIONS, LENGTH
from keras_effconv.data.images.reading import not_a_file
from keras_effconv.data.sources.messages import some
from keras_effconv.utils.files import open_file
from keras_effconv.utils.paths import contains

PILLOW_EXTENSIONS = frozenset(end for row in CONVERTED for end in row.extensions)
# Files that are no image, whatever they begin with, so that nobody opens them: data, text, films, archives.
OTHERS = (
    ".csv .tsv .txt .json .jsonl .xml .yaml .yml .md .html .pdf .py .ipynb .mat .npy .npz .pkl .h5 .tfrecord .db .ini "
    ".log .mp4 .mov .avi .mkv .webm .mp3 .wav .zip .tar .gz .tgz .rar .7z .doc .docx .xls .xlsx"
)
OTHER_EXTENSIONS = frozenset(OTHERS.split())
JUNK_FOLDERS = frozenset(
    {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
)
JUNK_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
# What commands of this package write, one of them each.
RUN_FILES = frozenset(
    {"run.json", "report.json", "checkpoint.npz", "evaluation.json", "runs.csv", "report.md", "check.json"}
)


@dataclasses.dataclass
class LeftOut:
    """What a listing passes over.

    Args:
        extensions: `Counter` of the files that are no images, by extension.
        links: int, the number of linked folders inside a class, which are not followed.
        outputs: paths of folders that runs have written.
        unlisted: `{folder: cause}` of those that could not be listed.
    """

    extensions: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    links: int = 0
    outputs: list = dataclasses.field(default_factory=list)
    unlisted: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        counts = [f"{extension or 'no extension'}: {n}" for extension, n in self.extensions.most_common(8)]
        if more := sum(self.extensions.values()) - sum(n for _, n in self.extensions.most_common(8)):
            counts.append(f"others: {more}")
        if self.links:
            counts.append(f"links to folders: {self.links}")
        return f"left out {sum(self.extensions.values()) + self.links} files that are no images ({', '.join(counts)})"


def is_image(path):
    """Whether a file is an image: by its extension, or, if that says nothing, by its first bytes."""
    extension = os.path.splitext(path)[1].lower()
    if extension in IMAGE_EXTENSIONS:
        return True
    if extension in OTHER_EXTENSIONS or not_a_file(path):
        return False
    try:
        with open_file(path) as file:
            head = file.read(LENGTH)
    except (OSError, ValueError):
        return False
    return any(row.fits(head) for row in FORMATS)


def is_junk(name):
    """Whether an operating system or a tool has put a file or folder of this name among the data."""
    return name.startswith(".") or name.lower() in JUNK_FILES or name.lower() in JUNK_FOLDERS


def is_output(folder):
    """Whether a folder is what a run has written, or holds nothing but such folders."""
    if any(os.path.isfile(os.path.join(folder, name)) for name in RUN_FILES):
        return True
    inner = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_junk(entry.name):
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    return False
                inner.append(entry.path)
    except OSError:
        return False
    return bool(inner) and all(map(is_output, inner))


def sub_directories(root, left_out=None):
    """Return the sorted directories in `root`.

    Hidden ones, junk, links to `root` or above, and outputs of runs are no part of it.

    Args:
        root: str or path of a folder.
        left_out: `LeftOut`, which takes down outputs of runs, and `root` if it cannot be listed. Default: none.
    """
    left_out = left_out if left_out is not None else LeftOut()
    real_root = os.path.realpath(root)

    def contains_root(folder):
        return contains(os.path.realpath(folder), real_root)

    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry in entries if not is_junk(entry.name) and _is_folder(entry))
    except OSError as error:
        left_out.unlisted[str(root)] = error.strerror
        return []
    folders = [pathlib.Path(root, name) for name in names]
    folders = [folder for folder in folders if not contains_root(folder)]
    outputs = [folder for folder in folders if is_output(folder)]
    left_out.outputs += [path for path in map(str, outputs) if path not in left_out.outputs]
    return [folder for folder in folders if folder not in outputs]


def _is_folder(entry):
    """Whether an entry is a folder or leads to one; a link to itself does not."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def has_own_images(folder):
    """Whether an image lies in a folder itself; `False` if it cannot be listed."""
    return next(_own_images(folder), None) is not None


def images_in(folder):
    """Return the number of images that lie in a folder itself, not below it; 0 if it cannot be listed."""
    return sum(1 for _ in _own_images(folder))


def _own_images(folder):
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_junk(entry.name) and not _is_folder(entry) and is_image(entry.path):
                    yield entry.path
    except OSError:
        return


def classes_in(folder):
    """Return the folders in a folder that hold images."""
    return [child for child in sub_directories(folder) if holds_images(child)]


def has_classes(folder):
    """Whether a folder has folders that hold images."""
    return any(map(holds_images, sub_directories(folder)))


def names_of(folders):
    """Return up to four sorted names, and how many more there are."""
    return some(sorted(getattr(folder, "name", folder) for folder in folders), 4)


def refuse(what, received):
    """Raise the error of a folder that cannot be understood."""
    raise ValueError(f"`data_dir` must {what}. Received: {received}")


def holds_images(folder):
    """Whether there is an image in a folder or below it; linked folders are not followed."""
    for directory, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_junk(name))
        if any(not is_junk(name) and is_image(os.path.join(directory, name)) for name in files):
            return True
    return False


def list_images(folder, left_out):
    """Return the sorted image paths under a folder; note in `left_out` what is passed over.

    Linked directories are not followed, since they may lead into another class or in circles.
    """
    paths = []

    def note(error):
        left_out.unlisted[error.filename] = error.strerror

    for directory, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not is_junk(name)]
        left_out.links += sum(os.path.islink(os.path.join(directory, name)) for name in folders)
        if RUN_FILES & set(files) and directory != folder:
            left_out.outputs.append(directory)
            folders[:] = []
            continue
        for name in files:
            if is_junk(name):
                continue
            path = os.path.join(directory, name)
            if is_image(path):
                paths.append(path)
            else:
                left_out.extensions[os.path.splitext(name)[1].lower()] += 1
    return sorted(paths)
