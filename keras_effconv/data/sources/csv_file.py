"""A data set from a CSV file of paths and labels."""

import csv
import pathlib

from absl import logging

from keras_effconv.data.images.decode import check_resize
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.file_list import Selection, class_of, decoded, divided
from keras_effconv.data.sources.listing import TRAIN_NAMES, VALIDATION_NAMES
from keras_effconv.data.sources.split import check_choices

NEEDED, OPTIONAL = ("path", "label"), ("split",)


def from_csv(
    path,
    size,
    crop=0.875,
    interpolation="bicubic",
    validation_split=0.2,
    seed=0,
    strict=False,
    limit=None,
    cache_dir=None,
    memory_limit=MEMORY_LIMIT,
):
    """Loads the images that a CSV file names, each decoded once.

    The first line names the columns: `path`, `label` and perhaps `split`, in any order, among others. Paths count from
    the CSV's folder. Labels are class names, in sorted order. `split` is `train` (or `training`), or `validation` (or
    `val`, `valid`, `test`, `testing`): of several of the latter the first of this list validates, and the others are
    left out, with a warning. Without the column a part of each class validates.

    A row that is not like this, and a file that cannot be read, is named in a warning and left out.

    Args:
        path: CSV file, UTF-8.
        size: Height and width of the images, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side, in (0, 1]; None: all, squeezed.
        interpolation: "bicubic", "bilinear" or another of `decode`'s.
        validation_split: Share of each class for validation, in (0, 1), where the CSV has no split.
        seed: Of the split, and of the choice that `limit` makes.
        strict: Whether a bad row, or a file that cannot be read, is an error.
        limit: Most images per class and split, for a quick run; None for all.
        cache_dir: Where the pixels go if they exceed `memory_limit`; None: a temporary directory, removed at exit.
        memory_limit: Bytes of pixels held in memory, 4 GiB; more are mapped from a file.

    Returns:
        `Dataset` with `flip=True`; image names are their paths, bad rows are named "FILE.csv:LINE" in `unreadable`.

    Raises:
        FileNotFoundError: There is nothing at `path`.
        ValueError: It is no such table, fewer than two classes, no validation image, an argument out of range, or,
            with `strict`, bad rows or unreadable files.
        OSError: The disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:
        dataset = from_csv("birds/labels.csv", size=224)
    """
    check_resize(size, crop, interpolation)
    check_choices(validation_split, limit)
    selection = select_csv(path, validation_split, seed, limit)
    return decoded(selection, size, crop, interpolation, strict, cache_dir, memory_limit)


def is_csv(path):
    """Whether `path` is named as a CSV file."""
    return path is not None and pathlib.Path(path).suffix.lower() == ".csv"


def select_csv(path, validation_split=0.2, seed=0, limit=None):
    """The `Selection` of a CSV file; arguments and errors are those of `from_csv`."""
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"expected a CSV file of path and label, found none at {str(path)!r}")
    rows, refused = _rows(path)
    parts = {part: [(label, where) for label, where, p in rows if p == part] for part in {p for *_, p in rows}}
    train = parts.get(TRAIN_NAMES[0], [])
    classes = sorted(set(class_of(train)))
    held = [part for part in VALIDATION_NAMES if part in parts]
    for part in held[1:]:
        logging.warning("%s: %d rows of split %s left out: %s validates", path, len(parts[part]), part, held[0])
    train, validation = divided(train, parts[held[0]] if held else None, validation_split, seed, limit)
    return Selection(
        name=path.stem,
        train=train,
        validation=validation,
        classes=classes,
        place=str(path),
        validation_place=str(path) if held else None,
        refused=refused,
    )


def _rows(path):
    """[(label, path of the image, split)], and {row: cause} of what is none."""
    rows, refused, seen = [], {}, {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            columns = table.fieldnames = [name.strip() for name in table.fieldnames or ()]
            if missing := [name for name in NEEDED if name not in columns]:
                raise ValueError(f"expected columns path and label, found no {' nor '.join(missing)}: {columns[:5]}")
            for row in table:
                extra, place = row.get(None, []), f"{path.name}:{table.line_num}"
                row = {name: (row[name] or "").strip() for name in NEEDED + OPTIONAL if name in columns}
                if cause := _wrong(row, extra, seen):
                    refused[place] = cause
                    continue
                seen[row["path"]] = place
                split = row.get("split", TRAIN_NAMES[0]).lower()
                split = TRAIN_NAMES[0] if split in TRAIN_NAMES else split
                rows.append((row["label"], str(path.parent / row["path"]), split))
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return rows, refused


def _wrong(row, extra, seen):
    """What is wrong with a row, or None."""
    if extra:
        return f"expected a value for each column, received {len(extra)} more (a comma in a path wants quotes)"
    if empty := [name for name, value in row.items() if not value]:
        return f"expected a value for each column, received no {' nor '.join(empty)}"
    if "\0" in row["path"]:
        return "expected the path of a file, received one with a zero byte"
    if row["path"] in seen:
        return f"expected each path once, received it in {seen[row['path']]} before"
    known = TRAIN_NAMES + VALIDATION_NAMES
    if row.get("split", known[0]).lower() not in known:
        return f"expected a split of {', '.join(known)}, received {row['split']!r}"
    return None
