"""One entry to every loader, for scripts: `load` into memory, or `scan` for what stays on disk."""

import os

from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.csv_file import from_csv, is_csv, list_csv
from keras_effconv.data.sources.digits import digits
from keras_effconv.data.sources.encoded import scan_files, scan_tfds
from keras_effconv.data.sources.folder import from_directory, list_directory
from keras_effconv.data.sources.npz import archives_in, from_archives
from keras_effconv.data.sources.remote import is_url, localized
from keras_effconv.data.sources.split import check_choices
from keras_effconv.data.sources.tfds import from_tfds
from keras_effconv.preprocessing import Resize, as_resize


def load(
    dataset: str = "digits",
    data_dir: str | os.PathLike | None = None,
    resize: Resize | int = 224,
    validation_split: float = 0.2,
    seed: int = 0,
    limit: int | None = None,
    strict: bool = False,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
    csv_path_column: str | int | None = None,
    csv_label_column: str | int | None = None,
    multi_label: bool = False,
    csv_label_separator: str | None = None,
) -> Dataset:
    """Load a folder of images or of archives, a CSV file, the digits, or a data set by name.

    Args:
        dataset: str, "digits", a name or alias of `data.list()`, or any other name for `from_tfds`; not used with
            `data_dir`. Default "digits".
        data_dir: str or path, a folder for `from_directory`, a folder of archives for `from_archives`, or a file
            `.csv`, `.tsv` or `.txt` for `from_csv`; or an address of one, such as "s3://bucket/photos", which is copied
            first. Default: a data set by name. (TFDS itself looks in `TFDS_DATA_DIR`.)
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults; of the digits only the
            size counts. Default 224.
        validation_split: float, the share of each class for validation, in (0, 1), if the data has no split.
            Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split, for a quick run. Default: all.
        strict: bool, whether a file that cannot be read, a bad row, or the same image in two splits is an error; for
            files and archives. Default `False`.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`; not for the digits. Default: a
            temporary directory.
        memory_limit: int, bytes of pixels held in memory; not for the digits. Default 4 GiB.
        csv_path_column: str, of a CSV file: the name of the column of paths, or its number from 1. Default: found.
        csv_label_column: str, likewise of the labels. Default: found.
        multi_label: bool, of a CSV file: whether an image may have several labels, or none. Default `False`.
        csv_label_separator: str, with `multi_label`: what is between the labels of a cell. Default: a bar or a
            semicolon, whichever there is.

    Returns:
        `Dataset`.

    Raises:
        ValueError, OSError, RuntimeError, ImportError: as `from_directory`, `from_csv`, `digits`, `from_tfds` do.

    Example:

    >>> load("digits", resize=8, limit=1).train
    Split(10 images of 8 x 8)
    """
    resize = as_resize(resize)
    storage = {"cache_dir": cache_dir, "memory_limit": memory_limit}
    if data_dir is not None:
        data_dir = _local(data_dir)
        check_labels(data_dir, multi_label, csv_label_separator)
        if archives_in(data_dir):
            return from_archives(data_dir, resize, seed, limit, strict, **storage)
        if is_csv(data_dir):
            storage |= {"path_column": csv_path_column, "label_column": csv_label_column}
            storage |= {"multi_label": multi_label, "label_separator": csv_label_separator}
        from_files = from_csv if is_csv(data_dir) else from_directory
        return from_files(data_dir, resize, validation_split, seed, strict, limit, **storage)
    check_labels(data_dir, multi_label, csv_label_separator)
    if dataset == "digits":
        return digits(resize, validation_split, seed, limit)
    return from_tfds(dataset, resize, seed, limit, validation_split=validation_split, **storage)


def scan(
    dataset: str = "",
    data_dir: str | os.PathLike | None = None,
    validation_split: float = 0.2,
    seed: int = 0,
    limit: int | None = None,
    strict: bool = False,
    csv_path_column: str | int | None = None,
    csv_label_column: str | int | None = None,
    multi_label: bool = False,
    csv_label_separator: str | None = None,
) -> Dataset:
    """List the images of a folder, a CSV file or a TFDS data set, and decode none: for `Stream`.

    Args:
        dataset: str, a name for `from_tfds`; not used with `data_dir`.
        data_dir: str or path, a folder for `from_directory`, or a file for `from_csv`; or an address, as in `load`.
            Default: a data set by name.
        validation_split: float, the share for validation, in (0, 1), if the data has no split: of each class of files;
            of TFDS records, whose order is random, the last ones. Default 0.2.
        seed: int, of the split of files, and of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split of files. Default: all.
        strict: bool, whether a bad row, a path without a file, or the same image in two splits is an error. Default
            `False`.
        csv_path_column: str, of a CSV file: the name of the column of paths, or its number from 1. Default: found.
        csv_label_column: str, likewise of the labels. Default: found.
        multi_label: bool, of a CSV file: whether an image may have several labels, or none. Default `False`.
        csv_label_separator: str, with `multi_label`: what is between the labels of a cell. Default: a bar or a
            semicolon, whichever there is.

    Returns:
        `Dataset` whose `train`, `validation` and perhaps `test` are `Files` or `TfdsSplit`.

    Raises:
        ValueError, OSError, RuntimeError, ImportError: as `from_directory`, `from_csv` and `from_tfds` do.

    Example:

        dataset = scan("imagenet")
        len(dataset.train)  # 1281167
    """
    check_choices(validation_split, limit)
    if data_dir is None:
        if dataset in ("", "digits"):
            raise ValueError(
                "Without `data_dir`, `dataset` must be the name of a TensorFlow data set. "
                f"Received: dataset={dataset!r}"
            )
        check_labels(data_dir, multi_label, csv_label_separator)
        return scan_tfds(dataset, validation_split)
    columns = csv_path_column, csv_label_column, multi_label, csv_label_separator
    return scan_files(list_files(data_dir, validation_split, seed, limit, *columns), strict)


def list_files(
    data_dir,
    validation_split=0.2,
    seed=0,
    limit=None,
    csv_path_column=None,
    csv_label_column=None,
    multi_label=False,
    csv_label_separator=None,
):
    """Return the `FileList` of a folder or a CSV file, also at an address; arguments and errors are those of `scan`."""
    check_choices(validation_split, limit)
    data_dir = _local(data_dir)
    check_labels(data_dir, multi_label, csv_label_separator)
    if archives_in(data_dir):
        raise ValueError(
            "`data_dir` must have image files, or be a CSV file. "
            f"Received: data_dir={str(data_dir)!r} with archives, which data.load reads"
        )
    if is_csv(data_dir):
        columns = csv_path_column, csv_label_column, multi_label, csv_label_separator
        return list_csv(data_dir, validation_split, seed, limit, *columns)
    return list_directory(data_dir, validation_split, seed, limit)


def check_labels(data_dir, multi_label, csv_label_separator):
    """Raise a ValueError if several labels are asked of what has one label an image."""
    if csv_label_separator is not None and not multi_label:
        raise ValueError(f"`csv_label_separator` must be with `multi_label`. Received: {csv_label_separator!r} without")
    if multi_label and not is_csv(data_dir):
        source = f"data_dir={str(data_dir)!r}" if data_dir is not None else "a data set by name"
        raise ValueError(f"`multi_label` must be with a CSV file as `data_dir`. Received: multi_label=True, {source}")


def _local(data_dir):
    """Return `data_dir`; of an address, the path of a copy."""
    return localized(os.fspath(data_dir)) if is_url(data_dir) else data_dir
