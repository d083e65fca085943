"""A data set from a CSV file of paths and labels."""

import collections
import csv
import functools
import os
import pathlib

from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.csv_columns import choose_columns, is_header
from keras_effconv.data.sources.csv_labels import MULTI, clean_labels, from_one_hot
from keras_effconv.data.sources.csv_splits import splits_of
from keras_effconv.data.sources.file_list import FileList, class_of, decode_files, divided
from keras_effconv.data.sources.image_paths import ImagePaths
from keras_effconv.data.sources.messages import printable
from keras_effconv.data.sources.remote import fetch_file
from keras_effconv.data.sources.split import check_choices
from keras_effconv.data.sources.split_names import SPLITS, TRAIN
from keras_effconv.data.sources.table import read_table
from keras_effconv.preprocessing import Resize, as_resize

EXTENSIONS = (".csv", ".tsv", ".txt")
SAME_PATH, OTHER_LABEL = "the same path as in an earlier row", "the same path as in an earlier row, with another label"
GUESSED = ("cp1252", "latin-1")  # what any bytes can be
SEVERAL = 0.1  # the share of rows with the path of an earlier row and another label that makes them several labels


def from_csv(
    path: str | os.PathLike,
    resize: Resize | int,
    validation_split: float = 0.2,
    seed: int = 0,
    strict: bool = False,
    limit: int | None = None,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
    path_column: str | int | None = None,
    label_column: str | int | None = None,
) -> Dataset:
    """Load the images that a CSV file names, each decoded once.

    The file may have commas, semicolons, tabs, bars or a space between path and label, and be UTF-8, UTF-16 or Latin-1.
    The first line names the columns, such as `path` or `image_id`, `label` or `class`, and perhaps `split`, in any
    order, among others; without such names, columns are told by their values. What was understood is printed.

    Paths count from the CSV's folder. A path that is not there is looked for by its end, with an extension or without,
    among the images below that folder; one with a scheme, such as "https://", is copied first. Labels are class names,
    in sorted order; columns of 0 and 1 with one 1 per row are labels, too. `split` is train, validation or test, by any
    of their names; without validation, a part of each class validates.

    Rows that are not like this, and unreadable files, are skipped with one warning for each cause.

    Args:
        path: str or path of the CSV file.
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults.
        validation_split: float, the share of each class for validation, in (0, 1), if the CSV has no split.
            Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        strict: bool, whether a bad row, or a file that cannot be read, is an error. Default `False`.
        limit: int, the most images per class and split, for a quick run. Default: all.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`; used again while the files are the
            same. Default: a temporary directory, removed at exit.
        memory_limit: int, bytes of pixels held in memory; more are mapped from a file. Default 4 GiB.
        path_column: str, the name of the column of paths, or its number from 1. Default: found.
        label_column: str, likewise of the labels. Default: found.

    Returns:
        `Dataset` with `flip=True`; image names are their paths, bad rows are named "FILE.csv:LINE" in `unreadable`.

    Raises:
        FileNotFoundError: nothing is at `path`.
        ValueError: it is no such table, several labels per image, fewer than two classes, no validation image, an
            argument out of range, or, with `strict`, bad rows or unreadable files.
        OSError: the disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:

        dataset = from_csv("birds/labels.csv", 224)
    """
    resize = as_resize(resize)
    check_choices(validation_split, limit)
    file_list = list_csv(path, validation_split, seed, limit, path_column, label_column)
    return decode_files(file_list, resize, strict, cache_dir, memory_limit)


def is_csv(path):
    """Whether `path` is named as a CSV file, or as another table of text."""
    return path is not None and str(path).lower().endswith(EXTENSIONS) and not os.path.isdir(path)


def list_csv(path, validation_split=0.2, seed=0, limit=None, path_column=None, label_column=None):
    """Return the `FileList` of a CSV file; arguments and errors are those of `from_csv`."""
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"`path` must be a CSV file of path and label. Received: path={str(path)!r}, no file")
    try:
        rows, skipped, split = _read(path, path_column, label_column)
    except (csv.Error, UnicodeError, ValueError) as error:
        raise ValueError(
            f"`path` must be a CSV file of path and label. Received: path={str(path)!r}: {error}"
        ) from None
    parts = {part: [(label, file) for label, file, p in rows if p == part] for part in SPLITS}
    parts = {part: files for part, files in parts.items() if files or part == TRAIN}
    file_list = FileList(
        name=path.stem,
        parts=parts,
        classes=sorted(set(class_of(parts[TRAIN]))),
        sources=dict.fromkeys(parts, str(path)),
        skipped=skipped,
    )
    return divided(file_list, validation_split, seed, limit, split)


def _read(path, path_column, label_column):
    """[(label, path of the image, split)], {"FILE:LINE": cause} of the bad rows, and whether there is a split."""
    table = read_table(path, is_header)
    paths = ImagePaths(path.parent, fetch_file)
    first = table.rows[0][1] if table.rows else []
    named = is_header(first) or not any(map(paths.looks_like_image, first))
    body = table.rows[named:]
    columns = choose_columns(
        [cells for _, cells in body], first if named else None, paths.looks_like_image, path_column, label_column
    )
    skipped, rows = {}, []
    for line, cells in body:
        if extra := len(cells) - len(columns.names):
            cells = (cells + [""] * -extra)[: len(columns.names) if not any(cells[len(columns.names) :]) else None]
        if len(cells) > len(columns.names):
            skipped[f"{path.name}:{line}"] = "more values than columns (a path with a comma needs quotes)"
        else:
            rows.append((f"{path.name}:{line}", cells))
    if columns.one_hot:
        labels = from_one_hot([cells for _, cells in rows], columns.one_hot, path.name)
    else:
        labels = clean_labels([cells[columns.label] for _, cells in rows], path.name)
    splits = None
    if columns.split is not None:
        splits = splits_of(columns.names[columns.split], [cells[columns.split] for _, cells in rows], path.name)
        columns.split = columns.split if splits else None
    images = [cells[columns.path] for _, cells in rows]
    found, bad = _found([name for name, _ in rows], images, labels, splits, paths)
    text = f"{printable(path)}: {columns}"
    text += "" if table.encoding.startswith("utf-8") else f", read as {table.encoding}"
    text += ", since it is no UTF-8: save it as UTF-8 if its names are not Western" * (table.encoding in GUESSED)
    print(text + (f"; {paths.by_name} images found by name below it" if paths.by_name else ""))
    bad |= skipped
    in_order = (f"{path.name}:{line}" for line, _ in body)
    return found, {row: bad[row] for row in in_order if row in bad}, bool(splits)


def _found(names, images, labels, splits, paths):
    """[(label, path, split)] of the good rows, and {row: cause} of the bad ones."""
    found, bad, seen = [], {}, {}
    find = functools.cache(paths.find)
    for i, (name, image, label) in enumerate(zip(names, images, labels)):
        if empty := [what for what, value in (("path", image), ("label", label)) if not value]:
            bad[name] = f"no value for {' nor '.join(empty)}"
            continue
        if splits and splits[i] is None:
            bad[name] = f"`split` must mean one of {', '.join(SPLITS)}"
            continue
        path, cause = find(image)
        if cause:
            bad[name] = cause
        elif path in seen:
            bad[name] = SAME_PATH if seen[path] == label else OTHER_LABEL
        else:
            seen[path] = label
            found.append((label, path, splits[i] if splits else TRAIN))
    others = collections.Counter(bad.values())[OTHER_LABEL]
    if others > SEVERAL * len(names) and others > 1:
        raise ValueError(f"{MULTI}. Received: {others} rows with the path of an earlier row, and another label")
    return found, bad
