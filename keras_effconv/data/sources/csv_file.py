"""A data set from a CSV file of paths and labels."""

import collections
import csv
import functools
import os
import pathlib
from typing import NamedTuple

from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.csv_columns import choose_columns, is_header
from keras_effconv.data.sources.csv_labels import MULTI, labels_of_one
from keras_effconv.data.sources.csv_several import NO_FLAG, labels_of_several
from keras_effconv.data.sources.csv_splits import splits_of
from keras_effconv.data.sources.file_list import FileList, class_of, decode_files, divided
from keras_effconv.data.sources.image_paths import ImagePaths
from keras_effconv.data.sources.labelling import OneLabel, SeveralLabels
from keras_effconv.data.sources.messages import printable
from keras_effconv.data.sources.remote import fetch_file
from keras_effconv.data.sources.split import check_choices
from keras_effconv.data.sources.split_names import SPLITS, TRAIN
from keras_effconv.data.sources.table import read_table
from keras_effconv.preprocessing import Resize, as_resize

EXTENSIONS = (".csv", ".tsv", ".txt")
SAME_PATH, OTHER_LABEL = "the same path as in an earlier row", "the same path as in an earlier row, with another label"
OTHER_SPLIT = "the same path as in an earlier row, in another split"
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
    multi_label: bool = False,
    label_separator: str | None = None,
) -> Dataset:
    """Load the images that a CSV file names, each decoded once.

    The file may have commas, semicolons, tabs, bars or a space between path and label, and be UTF-8, UTF-16 or Latin-1.
    The first line names the columns, such as `path` or `image_id`, `label` or `class`, and perhaps `split`, in any
    order, among others; without such names, columns are told by their values. What was understood is printed.

    Paths count from the CSV's folder. A path that is not there is looked for by its end, with an extension or without,
    among the images below that folder; one with a scheme, such as "https://", is copied first. Labels are class names,
    in sorted order; columns of 0 and 1 with one 1 per row are labels, too. `split` is train, validation or test, by any
    of their names; without validation, a part of each class validates.

    With `multi_label`, an image may have several labels, or none: an empty cell. They are in one cell, with a bar or a
    semicolon between them (or `label_separator`) or as a list in brackets; in several rows of the same path; or in
    columns of 0 and 1, one for each class.

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
        multi_label: bool, whether an image may have several labels, or none. Default `False`.
        label_separator: str, what is between the labels of a cell. Default: a bar or a semicolon, whichever there is.

    Returns:
        `Dataset` with `flip=True`; image names are their paths, bad rows are named "FILE.csv:LINE" in `unreadable`.

    Raises:
        FileNotFoundError: nothing is at `path`.
        ValueError: it is no such table, several labels per image without `multi_label`, fewer than two classes (with
            it, none), no validation image, an argument out of range, or, with `strict`, bad rows or unreadable files.
        OSError: the disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:

        dataset = from_csv("birds/labels.csv", 224)
    """
    resize = as_resize(resize)
    check_choices(validation_split, limit)
    if label_separator is not None and not multi_label:
        raise ValueError(f"`label_separator` must be with `multi_label`. Received: {label_separator!r} without")
    columns = path_column, label_column
    file_list = list_csv(path, validation_split, seed, limit, *columns, multi_label, label_separator)
    return decode_files(file_list, resize, strict, cache_dir, memory_limit)


def is_csv(path):
    """Whether `path` is named as a CSV file, or as another table of text."""
    return path is not None and str(path).lower().endswith(EXTENSIONS) and not os.path.isdir(path)


def list_csv(
    path,
    validation_split=0.2,
    seed=0,
    limit=None,
    path_column=None,
    label_column=None,
    multi_label=False,
    label_separator=None,
):
    """Return the `FileList` of a CSV file; arguments and errors are those of `from_csv`."""
    path, labelling = pathlib.Path(path).expanduser(), SeveralLabels() if multi_label else OneLabel()
    if not path.exists():
        raise FileNotFoundError(f"`path` must be a CSV file of path and label. Received: path={str(path)!r}, no file")
    try:
        read = _read(path, labelling, path_column, label_column, label_separator)
    except (csv.Error, UnicodeError, ValueError) as error:
        raise ValueError(
            f"`path` must be a CSV file of path and label. Received: path={str(path)!r}: {error}"
        ) from None
    parts = {part: [(label, file) for label, file, p in read.rows if p == part] for part in SPLITS}
    parts = {part: files for part, files in parts.items() if files or part == TRAIN}
    file_list = FileList(
        name=path.stem,
        parts=parts,
        classes=sorted({*class_of(parts[TRAIN]), *read.classes}),
        sources=dict.fromkeys(parts, str(path)),
        skipped=read.skipped,
        labelling=labelling,
    )
    return divided(file_list, validation_split, seed, limit, read.split)


class _Read(NamedTuple):
    """What a file says.

    Attributes:
        rows: [(label, path of the image, split)].
        skipped: {"FILE:LINE": cause} of the bad rows.
        split: bool, whether the rows are of splits.
        classes: list of str, names that columns have, also without an image.
    """

    rows: list
    skipped: dict
    split: bool
    classes: list


def _read(path, labelling, path_column, label_column, separator):
    table = read_table(path, is_header)
    paths = ImagePaths(path.parent, fetch_file)
    first = table.rows[0][1] if table.rows else []
    named = is_header(first) or not any(map(paths.looks_like_image, first))
    body, several = table.rows[named:], isinstance(labelling, SeveralLabels)
    asked = path_column, label_column, several
    columns = choose_columns([cells for _, cells in body], first if named else None, paths.looks_like_image, *asked)
    skipped, rows = {}, []
    for line, cells in body:
        if extra := len(cells) - len(columns.names):
            cells = (cells + [""] * -extra)[: len(columns.names) if not any(cells[len(columns.names) :]) else None]
        if len(cells) > len(columns.names):
            skipped[f"{path.name}:{line}"] = "more values than columns (a path with a comma needs quotes)"
        else:
            rows.append((f"{path.name}:{line}", cells))
    read = labels_of_several if several else labels_of_one
    labels, said = read([cells for _, cells in rows], columns, path.name, separator)
    splits = None
    if columns.split is not None:
        splits = splits_of(columns.names[columns.split], [cells[columns.split] for _, cells in rows], path.name)
        columns.split = columns.split if splits else None
    images = [cells[columns.path] for _, cells in rows]
    found, bad = _found([name for name, _ in rows], images, labels, splits, paths, labelling)
    _say(path, table, f"{columns}{said}", paths)
    bad |= skipped
    in_order = (f"{path.name}:{line}" for line, _ in body)
    bad = {row: bad[row] for row in in_order if row in bad}
    return _Read(found, bad, bool(splits), list(columns.one_hot.values()) if several else [])


def _say(path, table, columns, paths):
    """Print what was understood, on one line."""
    text = f"{printable(path)}: {columns}"
    text += "" if table.encoding.startswith("utf-8") else f", read as {table.encoding}"
    text += ", since it is no UTF-8: save it as UTF-8 if its names are not Western" * (table.encoding in GUESSED)
    print(text + (f"; {paths.by_name} images found by name below it" if paths.by_name else ""))


def _found(names, images, labels, splits, paths, labelling):
    """[(label, path, split)] of the good rows, and {row: cause} of the bad ones."""
    found, bad, seen = [], {}, {}
    find = functools.cache(paths.find)
    for i, (name, image, label) in enumerate(zip(names, images, labels)):
        if empty := [what for what, value in (("path", image), ("label", label)) if value == ""]:
            bad[name] = f"no value for {' nor '.join(empty)}"
            continue
        if label is None:
            bad[name] = NO_FLAG
            continue
        if splits and splits[i] is None:
            bad[name] = f"`split` must mean one of {', '.join(SPLITS)}"
            continue
        path, cause = find(image)
        row = label, path, splits[i] if splits else TRAIN
        if cause:
            bad[name] = cause
        elif path not in seen:
            seen[path] = len(found)
            found.append(row)
        else:
            bad |= _again(name, row, seen[path], found, labelling)
    others = collections.Counter(bad.values())[OTHER_LABEL]
    if others > SEVERAL * len(names) and others > 1:
        raise ValueError(f"{MULTI}. Received: {others} rows with the path of an earlier row, and another label")
    return found, bad


def _again(name, row, earlier, found, labelling):
    """Join a row with the earlier one of the same path; return {row: cause} if that is not possible."""
    label, path, split = found[earlier]
    joined = labelling.joined(label, row[0])
    if joined is None:
        return {name: SAME_PATH if label == row[0] else OTHER_LABEL}
    if split != row[2]:
        return {name: OTHER_SPLIT}
    found[earlier] = joined, path, split
    return {}
