"""A data set from a CSV file of paths and labels."""

import csv
import os
import pathlib

from absl import logging

from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.file_list import FileList, class_of, decode_files, divide
from keras_effconv.data.sources.listing import TRAIN_NAMES, VALIDATION_NAMES
from keras_effconv.data.sources.split import check_choices
from keras_effconv.preprocessing import Resize, as_resize

NEEDED, OPTIONAL = ("path", "label"), ("split",)


def from_csv(
    path: str | os.PathLike,
    resize: Resize | int,
    validation_split: float = 0.2,
    seed: int = 0,
    strict: bool = False,
    limit: int | None = None,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Dataset:
    """Load the images that a CSV file names, each decoded once.

    The first line names the columns: `path`, `label` and perhaps `split`, in any order, among others. Paths count from
    the CSV's folder. Labels are class names, in sorted order. `split` is `train` (or `training`), or `validation` (or
    `val`, `valid`, `test`, `testing`): of several of the latter the first of this list validates, and the others are
    skipped, with a warning. Without the column a part of each class validates.

    Each row that is not like this, and each unreadable file, is skipped with a warning.

    Args:
        path: str or path of the CSV file, UTF-8.
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults.
        validation_split: float, the share of each class for validation, in (0, 1), if the CSV has no split.
            Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        strict: bool, whether a bad row, or a file that cannot be read, is an error. Default `False`.
        limit: int, the most images per class and split, for a quick run. Default: all.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`. Default: a temporary directory,
            removed at exit.
        memory_limit: int, bytes of pixels held in memory; more are mapped from a file. Default 4 GiB.

    Returns:
        `Dataset` with `flip=True`; image names are their paths, bad rows are named "FILE.csv:LINE" in `unreadable`.

    Raises:
        FileNotFoundError: nothing is at `path`.
        ValueError: it is no such table, fewer than two classes, no validation image, an argument out of range, or,
            with `strict`, bad rows or unreadable files.
        OSError: the disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:

        dataset = from_csv("birds/labels.csv", 224)
    """
    resize = as_resize(resize)
    check_choices(validation_split, limit)
    file_list = list_csv(path, validation_split, seed, limit)
    return decode_files(file_list, resize, strict, cache_dir, memory_limit)


def is_csv(path):
    """Whether `path` is named as a CSV file."""
    return path is not None and pathlib.Path(path).suffix.lower() == ".csv"


def list_csv(path, validation_split=0.2, seed=0, limit=None):
    """Return the `FileList` of a CSV file; arguments and errors are those of `from_csv`."""
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be a CSV file of path and label. Received: path={str(path)!r}, no file")
    rows, skipped = _rows(path)
    parts = {part: [(label, file) for label, file, p in rows if p == part] for part in {p for *_, p in rows}}
    train = parts.get(TRAIN_NAMES[0], [])
    classes = sorted(set(class_of(train)))
    validating, *others = [part for part in VALIDATION_NAMES if part in parts] or [None]
    for part in others:
        logging.warning("%s: %d rows of split %s skipped: %s validates", path, len(parts[part]), part, validating)
    train, validation = divide(train, parts.get(validating), validation_split, seed, limit)
    return FileList(
        name=path.stem,
        train=train,
        validation=validation,
        classes=classes,
        train_source=str(path),
        validation_source=str(path) if validating else None,
        skipped=skipped,
    )


def _rows(path):
    """[(label, path of the image, split)], and {"FILE:LINE": cause} of the bad rows."""
    rows, skipped, line_of = [], {}, {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            columns = table.fieldnames = [name.strip() for name in table.fieldnames or ()]
            if missing := [name for name in NEEDED if name not in columns]:
                raise ValueError(f"no {' nor '.join(missing)} among the columns {columns[:5]}")
            for row in table:
                extra, line = row.get(None, []), f"{path.name}:{table.line_num}"
                row = {name: (row[name] or "").strip() for name in NEEDED + OPTIONAL if name in columns}
                if cause := _fault(row, extra, line_of):
                    skipped[line] = cause
                    continue
                line_of[row["path"]] = line
                split = row.get("split", TRAIN_NAMES[0]).lower()
                split = TRAIN_NAMES[0] if split in TRAIN_NAMES else split
                rows.append((row["label"], str(path.parent / row["path"]), split))
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError(
            f"`path` must be a CSV file of path and label. Received: path={str(path)!r}: {error}"
        ) from None
    return rows, skipped


def _fault(row, extra, line_of):
    """What is wrong with a row, or `None`."""
    if extra:
        return f"{len(extra)} more values than columns (a path with a comma needs quotes)"
    if empty := [name for name, value in row.items() if not value]:
        return f"no value for {' nor '.join(empty)}"
    if "\0" in row["path"]:
        return "a zero byte in the path"
    if row["path"] in line_of:
        return f"the same path as in {line_of[row['path']]}"
    known = TRAIN_NAMES + VALIDATION_NAMES
    if row.get("split", known[0]).lower() not in known:
        return f"`split` must be one of {', '.join(known)}. Received: split={row['split']!r}"
    return None
