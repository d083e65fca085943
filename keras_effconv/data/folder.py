"""A data set from image files on disk, one folder per class."""

import pathlib

import numpy as np
from absl import logging

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.decode import check_resize
from keras_effconv.data.listing import find_layout, list_classes
from keras_effconv.data.partition import check_choices, limited, stratified
from keras_effconv.data.reading import compiled_decoder, read_into
from keras_effconv.data.storage import MEMORY_LIMIT, allocate


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
    train_dir, validation_dir = find_layout(data_dir)
    listings = [list_classes(folder) for folder in (train_dir, validation_dir) if folder]
    _log_ignored(listings, data_dir)
    folders = list(listings[0].files)  # every class folder, also one without images
    train, validation = _divide(listings, validation_split, seed, limit)

    images = allocate(max(1, len(train) + len(validation)), size, memory_limit, cache_dir)
    decoder = compiled_decoder(size, crop, interpolation)
    unreadable = {path: cause for listing in listings for path, cause in listing.closed.items()}
    train = _read(train, images, decoder, "training images", unreadable)
    if validation_dir:
        validation = _without_unknown(validation, train, folders, validation_dir)
    validation = _read(validation, images[len(train) :], decoder, "validation images", unreadable)
    _report(unreadable, strict)
    if not validation_dir:
        _promote(images, train, validation)

    class_names = _class_names(train, folders, train_dir)
    if not validation:
        raise ValueError(f"expected a readable validation image in {str(validation_dir or train_dir)!r}, received none")
    return Dataset(
        name=pathlib.Path(data_dir).expanduser().resolve().name,
        train=_split(images, train, class_names),
        validation=_split(images[len(train) :], validation, class_names),
        class_names=class_names,
        unreadable=tuple(map(_printable, unreadable)),
    )


# Below, `files` is a list of (class name, path).


def _divide(listings, validation_split, seed, limit):
    """Listing(s) of train and, if it has a folder, validation -> the files to read of each."""
    train, *rest = ([(name, p) for name, paths in listing.files.items() for p in paths] for listing in listings)
    if rest:
        parts = (train, rest[0])
    else:
        parts = ([train[i] for i in rows] for rows in stratified(_classes(train), validation_split, seed))
    return [[files[i] for i in limited(_classes(files), limit, seed)] for files in parts]


def _read(files, images, decoder, description, unreadable):
    """Fills the first rows of `images`; returns the files they show, and adds the others to `unreadable`."""
    kept, refused = read_into(images, [path for _, path in files], decoder, description)
    unreadable.update({files[i][1]: cause for i, cause in refused.items()})
    return [files[i] for i in kept]


def _without_unknown(validation, train, folders, validation_dir):
    """Drops the validation files of classes without training images, and says so."""
    known = set(_classes(train))
    for name in sorted(set(_classes(validation)) - set(folders)):  # _class_names will name those in `folders`.
        logging.warning("class %r of %s is unknown in training: left out", name, _printable(validation_dir))
    return [file for file in validation if file[0] in known]


def _promote(images, train, validation):
    """Moves a validation image to training in each class whose training images all proved unreadable."""
    for name in sorted(set(_classes(validation)) - set(_classes(train))):
        boundary, offset = len(train), _classes(validation).index(name)
        images[[boundary, boundary + offset]] = images[[boundary + offset, boundary]]
        validation[0], validation[offset] = validation[offset], validation[0]
        train.append(validation.pop(0))


def _class_names(train, folders, train_dir):
    """Sorted names of the classes that have training images."""
    names = sorted(set(_classes(train)))
    if len(names) < 2:
        raise ValueError(
            f"expected at least 2 class folders with readable images in {str(train_dir)!r}, "
            f"received {len(names)} of {len(folders)} folders {folders[:5]}"
        )
    for name in sorted(set(folders) - set(names)):
        logging.warning("class %r of %s has no readable training image: left out", name, _printable(train_dir))
    return tuple(names)


def _split(images, files, class_names):
    label = {name: i for i, name in enumerate(class_names)}
    labels = np.array([label[name] for name, _ in files], np.int32)
    return Split(images[: len(files)], labels, tuple(_printable(path) for _, path in files))


def _classes(files):
    return [name for name, _ in files]


def _report(unreadable, strict):
    """A warning for each file that was left out, or one error for all."""
    if strict and unreadable:
        first = "; ".join(f"{_printable(path)}: {cause}" for path, cause in list(unreadable.items())[:3])
        raise ValueError(f"expected readable images (strict=True), received {len(unreadable)} unreadable: {first}")
    for path, cause in unreadable.items():
        logging.warning("left out unreadable image %s: %s", _printable(path), cause)


def _log_ignored(listings, data_dir):
    if ignored := sum(listing.ignored for listing in listings):
        logging.info("%s: ignored %d files or links that are not images", _printable(data_dir), ignored)


def _printable(path):
    """A path as text that can be printed and saved, even if its bytes are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")
