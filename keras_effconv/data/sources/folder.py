"""A data set from image files on disk, one folder per class."""

import pathlib

from absl import logging

from keras_effconv.data.images.decode import check_resize
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.file_list import Selection, decoded, divided, printable
from keras_effconv.data.sources.listing import find_layout, list_classes
from keras_effconv.data.sources.split import check_choices


def from_directory(
    data_dir,
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
    """Loads a folder of images, each decoded once.

    Either `data_dir/train/CLASS/...` with `data_dir/validation/CLASS/...` (also named val, valid or test), or
    `data_dir/CLASS/...`, which is split here, every class in the same proportion. Images (.jpg, .jpeg, .png, .gif,
    .bmp, in any case; see `decode` for what can be read) may lie in folders below that of their class. Hidden files
    are skipped; files without an image extension are ignored, with one summary line in the log.

    A file that cannot be read is named in a warning and left out. So are a class without a readable training image,
    and a validation class that is unknown in training.

    Args:
        data_dir: Folder.
        size: Height and width of the images, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side, in (0, 1]; None: all, squeezed.
        interpolation: "bicubic", "bilinear" or another of `decode`'s.
        validation_split: Share of each class for validation, in (0, 1), where the folder has no split.
        seed: Of the split, and of the choice that `limit` makes.
        strict: Whether a file that cannot be read is an error.
        limit: Most images per class and split, for a quick run; None for all.
        cache_dir: Where the pixels go if they exceed `memory_limit`; None: a temporary directory, removed at exit.
        memory_limit: Bytes of pixels held in memory, 4 GiB; more are mapped from a file.

    Returns:
        `Dataset` with `flip=True`; image names are their paths.

    Raises:
        FileNotFoundError: There is nothing at `data_dir`.
        NotADirectoryError: `data_dir` is a file.
        ValueError: Fewer than two classes, no validation image, an argument out of range, or, with `strict`,
            unreadable files.
        OSError: The disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:
        dataset = from_directory("flowers", size=224)
        batches = Batches(dataset.train, batch_size=32, shuffle=True)
        model.fit(batches, shuffle=False, callbacks=[batches.follow_epochs()])
    """
    check_resize(size, crop, interpolation)
    check_choices(validation_split, limit)
    selection = select_directory(data_dir, validation_split, seed, limit)
    return decoded(selection, size, crop, interpolation, strict, cache_dir, memory_limit)


def select_directory(data_dir, validation_split=0.2, seed=0, limit=None):
    """The `Selection` of a folder; arguments and errors are those of `from_directory`."""
    folders = [folder for folder in find_layout(data_dir) if folder]
    listings = [list_classes(folder) for folder in folders]
    if ignored := sum(listing.ignored for listing in listings):
        logging.info("%s: ignored %d files or links that are not images", printable(data_dir), ignored)
    train, *rest = ([(name, p) for name, paths in listing.files.items() for p in paths] for listing in listings)
    train, validation = divided(train, rest[0] if rest else None, validation_split, seed, limit)
    return Selection(
        name=pathlib.Path(data_dir).expanduser().resolve().name,
        train=train,
        validation=validation,
        classes=list(listings[0].files),  # every class folder, also one without images
        place=str(folders[0]),
        validation_place=str(folders[1]) if rest else None,
        unit="class folders",
        refused={path: cause for listing in listings for path, cause in listing.closed.items()},
    )
