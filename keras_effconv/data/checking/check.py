"""Look at every image of a data set, and report what is there and what is wrong."""

import collections
import dataclasses
import os

import numpy as np

from keras_effconv.data.checking import findings
from keras_effconv.data.checking.contact_sheet import samples_of
from keras_effconv.data.checking.findings import Finding
from keras_effconv.data.checking.near import MOST_PAIRS, near_pairs
from keras_effconv.data.checking.picture import full_decoder, picture_of
from keras_effconv.data.checking.report import CheckReport
from keras_effconv.data.checking.summary import summary_of
from keras_effconv.data.images.levels import find_white
from keras_effconv.data.images.reading import UnreadableImageError, each_file
from keras_effconv.data.loading import list_files
from keras_effconv.data.sources.checks import LIMIT
from keras_effconv.data.sources.csv_file import is_csv
from keras_effconv.data.sources.file_list import check_classes
from keras_effconv.data.sources.messages import collected
from keras_effconv.data.sources.split_names import SPLITS, TRAIN


def check(
    data_dir: str | os.PathLike,
    validation_split: float = 0.2,
    seed: int = 0,
    limit: int | None = None,
    csv_path_column: str | int | None = None,
    csv_label_column: str | int | None = None,
    multi_label: bool = False,
    csv_label_separator: str | None = None,
) -> CheckReport:
    """Read every image of a folder or a CSV file, and report what is there and what would harm training.

    The images are those that `load` and `scan` take with the same arguments, in the same splits. They are decoded as
    for training, one at a time in each of several threads, and only a few hundred bytes of each are kept.

    Args:
        data_dir: str or path of a folder, or of a CSV file; or an address of one, as in `load`.
        validation_split: float, the share of each class for validation, in (0, 1), if the data has no split.
            Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split. Default: all.
        csv_path_column: str, of a CSV file: the name of the column of paths, or its number from 1. Default: found.
        csv_label_column: str, likewise of the labels. Default: found.
        multi_label: bool, of a CSV file: whether an image may have several labels, or none. Default `False`.
        csv_label_separator: str, with `multi_label`: what is between the labels of a cell, as in `load`.

    Returns:
        `CheckReport`.

    Raises:
        ValueError, OSError, ImportError: as `scan` does. What is wrong with single files is in the report.

    Example:

        report = check("flowers")
        print(report)
        report.save("outputs/check")
        assert not report.problems
    """
    with collected() as warnings:
        columns = csv_path_column, csv_label_column, multi_label, csv_label_separator
        file_list = list_files(data_dir, validation_split, seed, limit, *columns)
        check_classes(file_list.parts[TRAIN], file_list)
        white = find_white([path for _, path in file_list.parts[TRAIN]])
    pictures, causes = _looked_at(file_list, white)
    parts = {
        split: [file for file in file_list.parts[split] if file[1] in pictures]
        for split in SPLITS
        if split in file_list.parts
    }
    readable = dataclasses.replace(file_list, parts=parts)
    found = [
        *findings.unreadable(causes),
        *findings.skipped(file_list.skipped, "row" if is_csv(data_dir) else "folder"),
        *_duplicates(readable, pictures),
        *findings.classes(readable),
        *findings.sizes(pictures),
        *(Finding("listing", False, warning) for warning in warnings),
    ]
    return CheckReport(
        name=file_list.name,
        splits={split: summary_of(file_list.parts[split], pictures) for split in parts},
        findings=tuple(sorted(found, key=lambda finding: not finding.harmful)),
        left_out=dict(file_list.left_out.extensions),
        samples=samples_of(parts[TRAIN]),
        white=white,
    )


def _looked_at(file_list, white):
    """Return `{path: Picture}` and `{path: cause}` of the files that cannot be read."""
    paths = list(dict.fromkeys(path for files in file_list.parts.values() for _, path in files))
    decoder, pictures, causes = full_decoder(white), {}, {}
    results = each_file(paths, lambda path: picture_of(path, decoder), f"images of {file_list.name}")
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, UnreadableImageError):
            causes[path] = str(result)
        else:
            pictures[path] = result
    return pictures, causes


def _duplicates(file_list, pictures):
    """Yield findings of images that are the same, and of images that look the same."""
    groups = collections.defaultdict(list)
    for path, picture in pictures.items():
        groups[picture.digest].append(path)
    yield from findings.same(file_list, [paths for paths in groups.values() if len(paths) > 1])
    paths = _different(file_list, pictures)
    if len(paths) > LIMIT:
        yield Finding("incomplete", False, f"not searched for near duplicates, of more than {LIMIT:,} images")
        return
    pairs = near_pairs(np.stack([pictures[path].thumbnail for path in paths])) if paths else ()
    near = [
        (paths[one], paths[other])
        for one, other in pairs
        if pictures[paths[one]].digest != pictures[paths[other]].digest
    ]
    yield from findings.near(file_list, near, complete=len(pairs) < MOST_PAIRS)


def _different(file_list, pictures):
    """Return the paths of images with any contrast: of the same pixels, one for each split and class."""
    kept = {}
    for split, files in file_list.parts.items():
        for name, path in files:
            if not pictures[path].blank:
                kept.setdefault((split, name, pictures[path].digest), path)
    return list(kept.values())
