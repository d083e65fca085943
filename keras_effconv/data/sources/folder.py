"""A data set from image files on disk, one folder per class."""

import os
import pathlib

from absl import logging

from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.file_list import FileList, decode_files, divide, printable
from keras_effconv.data.sources.listing import find_layout, list_classes
from keras_effconv.data.sources.split import check_choices
from keras_effconv.preprocessing import Resize, as_resize


def from_directory(
    data_dir: str | os.PathLike,
    resize: Resize | int,
    validation_split: float = 0.2,
    seed: int = 0,
    strict: bool = False,
    limit: int | None = None,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Dataset:
    """Load a folder of images, each decoded once.

    Either `data_dir/train/CLASS/...` with `data_dir/validation/CLASS/...` (also named val, valid or test), or
    `data_dir/CLASS/...`, which this function splits, every class in the same proportion. Images (.jpg, .jpeg, .png,
    .gif, .bmp, in any case; see `decode` for what can be read) may lie in folders below that of their class. Hidden
    files are skipped; files without an image extension are ignored, with one summary line in the log.

    Each unreadable file is skipped with a warning. So are a class without a readable training image, and a validation
    class that is unknown in training.

    Args:
        data_dir: str or path of the folder.
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults.
        validation_split: float, the share of each class for validation, in (0, 1), if the folder has no split.
            Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        strict: bool, whether a file that cannot be read is an error. Default `False`.
        limit: int, the most images per class and split, for a quick run. Default: all.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`. Default: a temporary directory,
            removed at exit.
        memory_limit: int, bytes of pixels held in memory; more are mapped from a file. Default 4 GiB.

    Returns:
        `Dataset` with `flip=True`; image names are their paths.

    Raises:
        FileNotFoundError: nothing is at `data_dir`.
        NotADirectoryError: `data_dir` is a file.
        ValueError: fewer than two classes, no validation image, an argument out of range, or, with `strict`,
            unreadable files.
        OSError: the disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:

        dataset = from_directory("flowers", 224)
        batches = Batches(dataset.train, batch_size=32, shuffle=True)
        model.fit(batches, shuffle=False, callbacks=[batches.follow_epochs()])
    """
    resize = as_resize(resize)
    check_choices(validation_split, limit)
    file_list = list_directory(data_dir, validation_split, seed, limit)
    return decode_files(file_list, resize, strict, cache_dir, memory_limit)


def list_directory(data_dir, validation_split=0.2, seed=0, limit=None):
    """Return the `FileList` of a folder; arguments and errors are those of `from_directory`."""
    folders = [folder for folder in find_layout(data_dir) if folder]
    listings = [list_classes(folder) for folder in folders]
    if ignored := sum(listing.ignored for listing in listings):
        logging.info("%s: ignored %d files or links that are not images", printable(data_dir), ignored)
    train, *rest = ([(name, p) for name, paths in listing.files.items() for p in paths] for listing in listings)
    train, validation = divide(train, rest[0] if rest else None, validation_split, seed, limit)
    return FileList(
        name=pathlib.Path(data_dir).expanduser().resolve().name,
        train=train,
        validation=validation,
        classes=list(listings[0].files),  # every class folder, also one without images
        train_source=str(folders[0]),
        validation_source=str(folders[1]) if rest else None,
        unit="class folders",
        skipped={path: cause for listing in listings for path, cause in listing.unlisted.items()},
    )
