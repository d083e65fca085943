"""One entry to every loader, for scripts: `load` into memory, or `scan` for what stays on disk."""

from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.csv_file import from_csv, is_csv, select_csv
from keras_effconv.data.sources.digits import digits
from keras_effconv.data.sources.encoded import scanned, shards_of
from keras_effconv.data.sources.folder import from_directory, select_directory
from keras_effconv.data.sources.npz import archives_in, from_archives
from keras_effconv.data.sources.split import check_choices
from keras_effconv.data.sources.tfds import from_tfds


def load(
    dataset="digits",
    data_dir=None,
    size=224,
    crop=0.875,
    interpolation="bicubic",
    validation_split=0.2,
    seed=0,
    limit=None,
    strict=False,
    cache_dir=None,
    memory_limit=MEMORY_LIMIT,
):
    """Loads a folder of images or of archives, a CSV file, the digits, or a data set by name.

    Args:
        dataset: "digits", a name or alias of `data.list()`, or any other name for `from_tfds`; of no account with
            `data_dir`.
        data_dir: Folder for `from_directory`, or of archives for `from_archives`, or a file `.csv` for `from_csv`; None
            for a data set by name. (TFDS itself looks in `TFDS_DATA_DIR`.)
        size: Height and width of the images, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side, in (0, 1]; None for all of the
            image, squeezed to a square; not for the digits.
        interpolation: "bicubic", "bilinear" or another of `decode`'s; not for the digits.
        validation_split: Share of each class for validation, in (0, 1), where the data has no split.
        seed: Of the split, and of the choice that `limit` makes.
        limit: Most images per class and split, for a quick run; None for all.
        strict: Whether a file that cannot be read, or a bad row, is an error; for folders and CSV files.
        cache_dir: Where the pixels go if they exceed `memory_limit`; None: a temporary directory; not for the digits.
        memory_limit: Bytes of pixels held in memory, 4 GiB; not for the digits.

    Returns:
        `Dataset`.

    Raises:
        ValueError, OSError, RuntimeError, ImportError: As `from_directory`, `from_csv`, `digits`, `from_tfds` do.

    Example:
        >>> load("digits", size=8, limit=1).train
        Split(10 images of 8 x 8)
    """
    if data_dir is not None and any(archives_in(data_dir)):
        return from_archives(data_dir, size, crop, interpolation, seed, limit)
    if data_dir is not None:
        from_files = from_csv if is_csv(data_dir) else from_directory
        return from_files(
            data_dir, size, crop, interpolation, validation_split, seed, strict, limit, cache_dir, memory_limit
        )
    if dataset == "digits":
        return digits(size, validation_split, seed, limit)
    return from_tfds(
        dataset,
        size,
        crop,
        interpolation,
        seed,
        limit,
        validation_split=validation_split,
        cache_dir=cache_dir,
        memory_limit=memory_limit,
    )


def scan(dataset="", data_dir=None, validation_split=0.2, seed=0, limit=None, strict=False):
    """Lists the images of a folder, a CSV file or a TFDS data set, and decodes none: for `Stream`.

    Args:
        dataset: Name for `from_tfds`; of no account with `data_dir`.
        data_dir: Folder for `from_directory`, or a file `.csv` for `from_csv`; None for a data set by name.
        validation_split: Share for validation, in (0, 1), where the data has no split: of each class of files; of TFDS
            records, whose order is random, the last ones.
        seed: Of the split of files, and of the choice that `limit` makes.
        limit: Most images per class and split of files; None for all.
        strict: Whether a bad row, or a path without a file, is an error.

    Returns:
        `Dataset` whose `train` and `validation` are `Files` or `Shards`.

    Raises:
        ValueError, OSError, RuntimeError, ImportError: As `from_directory`, `from_csv` and `from_tfds` do.

    Example:
        dataset = scan("imagenet")
        len(dataset.train)  # 1281167
    """
    check_choices(validation_split, limit)
    if data_dir is None:
        if dataset in ("", "digits"):
            raise ValueError(f"expected data_dir, or the name of a TensorFlow data set, received {dataset!r}")
        return shards_of(dataset, validation_split)
    if any(archives_in(data_dir)):
        raise ValueError(f"expected image files in {str(data_dir)!r}, received archives: data.load reads them")
    select = select_csv if is_csv(data_dir) else select_directory
    return scanned(select(data_dir, validation_split, seed, limit), strict)
