"""Which columns of a table are the paths, the labels and the splits."""

import dataclasses
import re

from keras_effconv.data.images.header import IMAGE_EXTENSIONS
from keras_effconv.data.sources.class_names import normalized
from keras_effconv.data.sources.csv_splits import NO, YES, are_splits, flag_of

# In order of preference, as `_plain` writes them.
PATHS = (
    "path filepath filename imagepath imgpath imagefilename imagefile imgfile imagename imgname fname file image img "
    "picture photo url imageurl fileurl imageid imgid photoid fileid id name"
)
LABELS = (
    "label class classname labelname category categoryname target targetname species speciesname breed diagnosis "
    "groundtruth y labelid classid categoryid targetid"
)
SPLITS = "split set subset partition phase usage dataset datasplit traintest"
NAMES = {"path": PATHS.split(), "label": LABELS.split(), "split": SPLITS.split()}
# What no name of a column has: a class may be called "name" or "y", too, but next to it is the path of an image.
IMAGE = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(IMAGE_EXTENSIONS)))})(?!\w)|://", re.IGNORECASE)
SAMPLE = 200  # rows whose values tell what a column is


@dataclasses.dataclass
class Columns:
    """Numbers of columns.

    Args:
        path: int.
        label: int; `None` if the labels are one-hot.
        split: int, or `None`.
        one_hot: `{number: class name}` of one-hot columns, or empty.
        names: str each, those of all columns.
    """

    path: int
    label: int | None
    split: int | None
    one_hot: dict
    names: list

    @property
    def unused(self):
        """Return the names of the columns that are none of these."""
        used = {self.path, self.label, self.split, *self.one_hot}
        return [name for i, name in enumerate(self.names) if i not in used]

    def __str__(self):
        if self.one_hot:
            several = "columns" if len(self.one_hot) > 1 else "column"
            label = f"labels in {len(self.one_hot)} {several} of 0 and 1"
        else:
            label = f"label {self.names[self.label]!r}"
        split = f", split {self.names[self.split]!r}" if self.split is not None else ""
        return f"path {self.names[self.path]!r}, {label}{split}"


def named(cells, what):
    """Return the number of the column whose name means "path", "label" or "split"; `None` if there is none."""
    plain = [_plain(cell) for cell in cells]
    for name in NAMES[what]:
        for i, each in enumerate(plain):
            if each in (name, f"{name}s", f"{name}es") or (name.endswith("y") and each == f"{name[:-1]}ies"):
                return i
    return None


def is_header(cells):
    """Whether cells name a column of paths or of labels, and none is the file of an image."""
    if any(map(IMAGE.search, cells)):
        return False
    return named(cells, "path") is not None or named(cells, "label") is not None


def choose_columns(rows, header, is_image, path_column=None, label_column=None, multi_label=False):
    """Choose the columns of a table: those that are asked for, else by their names, else by their values.

    Args:
        rows: list of lists of cells, without the header.
        header: list of names, or `None`.
        is_image: function from a cell to bool, whether it is the path of an image.
        path_column: str, a name, or a number from 1. Default: found.
        label_column: likewise.
        multi_label: bool, whether an image may have several labels: a single column of 0 and 1 is a class then. Default
            `False`.

    Returns:
        `Columns`.

    Raises:
        ValueError: a column is not there, or cannot be told from others.
    """
    names = header or [str(i + 1) for i in range(max(map(len, rows), default=0))]
    sample = [cells for cells in rows[:SAMPLE] if len(cells) == len(names)]
    path = _asked("path_column", path_column, names)
    if path is None and header:
        path = named(names, "path")
    if path is None:
        path = _by_values(sample, len(names), is_image)
    label = _asked("label_column", label_column, names)
    if path is not None and path == label:
        raise ValueError(f"`label_column` must be another column than that of paths. Received: {names[label]!r}")
    split = find_split(sample, names, header, (path, label))
    if label is None and header:
        label = named([name if i not in (path, split) else "" for i, name in enumerate(names)], "label")
    one_hot, rest = {}, [i for i in range(len(names)) if i not in (path, split)]
    single = [label] if label is not None else rest
    if multi_label and header and path is not None and len(single) == 1 and label_column in (None, ""):
        one_hot = _one_hot(sample, single, names, least=1)
    if one_hot:
        label = None
    elif label is None and path is not None and len(rest) == 1:
        label = rest[0]
    elif label is None and path is not None and len(rest) > 1 and header:
        one_hot = _one_hot(sample, rest, names)
    if missing := [w for w, n in (("path", path), ("label", label)) if n is None and not (w == "label" and one_hot)]:
        flags = " and ".join(f"{what}_column (--csv_{what}_column)" for what in missing)
        raise ValueError(f"no {' nor '.join(missing)} among the columns {names[:8]!s:.200}; say which by {flags}")
    return Columns(path, label, split, one_hot, names)


def find_split(sample, names, header, others):
    """Return the number of the column of splits: by its name, or, without names, by its values; `None` without one.

    Args:
        sample: list of lists of cells.
        names: list of str, those of the columns.
        header: whether these names are of the file.
        others: numbers of columns that are something else.
    """
    free = [i for i in range(len(names)) if i not in others]
    if header:
        usual = named([name if i in free else "" for i, name in enumerate(names)], "split")
        return usual if usual is not None else next((i for i in free if flag_of(names[i])), None)
    by_value = [i for i in free if sample and are_splits(cells[i] for cells in sample)]
    return by_value[0] if by_value and len(names) > 2 else None


def _plain(name):
    return re.sub(r"[\W_]+", "", name.casefold())


def _asked(argument, column, names):
    """Return the number of a column that a user names or counts from 1; `None` if none is asked for."""
    if column is None or column == "":
        return None
    plain = [_plain(name) for name in names]
    if str(column) in names:
        return names.index(str(column))
    if _plain(str(column)) in plain:
        return plain.index(_plain(str(column)))
    if str(column).isdecimal() and 0 < int(column) <= len(names):
        return int(column) - 1
    raise ValueError(f"`{argument}` must be a name or a number of the columns {names[:8]}. Received: {column!r}")


def _by_values(sample, count, is_image):
    """Return the column that has the most paths of images, if they are half of it."""
    shares = [sum(is_image(cells[i]) for cells in sample) for i in range(count)]
    return shares.index(max(shares)) if sample and max(shares) >= len(sample) / 2 else None


def _one_hot(sample, columns, names, least=2):
    """`{column: class name}` (NFC) of those with 0 and 1, or false and true, only; at least so many."""
    binary = [i for i in columns if sample and all(cells[i].lower() in YES + NO for cells in sample)]
    return {i: normalized(names[i]) for i in binary} if len(binary) >= least else {}
