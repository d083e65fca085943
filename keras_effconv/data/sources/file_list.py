"""Which files make a data set, whoever listed them, and a `Dataset` of them in memory."""

import dataclasses

import numpy as np
from absl import logging

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.reading import compiled_decoder, read_into
from keras_effconv.data.images.storage import MEMORY_LIMIT, allocate
from keras_effconv.data.sources.split import limited, stratified


@dataclasses.dataclass
class Selection:
    """The files of a data set, none of them read yet. A file is (class name, path).

    Args:
        name: Of the data set.
        train: Files to train on.
        validation: Files to validate on.
        classes: Names of the training classes, also of those without a file.
        place: Where the training files were listed, for messages.
        validation_place: Likewise; None where the validation files are a part of the training files.
        unit: What a class is there, plural.
        refused: {path or row: cause} of what was left out already.
    """

    name: str
    train: list
    validation: list
    classes: list
    place: str
    validation_place: str | None = None
    unit: str = "classes"
    refused: dict = dataclasses.field(default_factory=dict)


def divided(train, validation, validation_split, seed, limit):
    """Files of train and of validation; without any of validation (None), a part of train: (train, validation)."""
    if validation is None:
        rows = stratified(class_of(train), validation_split, seed)
        train, validation = ([train[i] for i in chosen] for chosen in rows)
    return [[files[i] for i in limited(class_of(files), limit, seed)] for files in (train, validation)]


def decoded(selection, size, crop, interpolation, strict=False, cache_dir=None, memory_limit=MEMORY_LIMIT):
    """Reads the files of a `Selection`; the arguments, the result and the errors of `from_directory`."""
    train, validation, unreadable = selection.train, selection.validation, dict(selection.refused)
    images = allocate(max(1, len(train) + len(validation)), size, memory_limit, cache_dir)
    decoder = compiled_decoder(size, crop, interpolation)
    train = _read(train, images, decoder, "training images", unreadable)
    if selection.validation_place:
        validation = without_unknown(validation, train, selection)
    validation = _read(validation, images[len(train) :], decoder, "validation images", unreadable)
    report(unreadable, strict)
    if not selection.validation_place:
        _promote(images, train, validation)

    class_names = names_of_classes(train, selection)
    if not validation:
        place = selection.validation_place or selection.place
        raise ValueError(f"expected a readable validation image in {place!r}, received none")
    return Dataset(
        name=selection.name,
        train=_split(images, train, class_names),
        validation=_split(images[len(train) :], validation, class_names),
        class_names=class_names,
        unreadable=tuple(map(printable, unreadable)),
    )


def class_of(files):
    """The class name of each file."""
    return [name for name, _ in files]


def without_unknown(validation, train, selection):
    """Drops the validation files of classes without training images, and says so."""
    known = set(class_of(train))
    # names_of_classes will name those that are in `classes`.
    for name in sorted(set(class_of(validation)) - set(selection.classes)):
        place = printable(selection.validation_place)
        logging.warning("class %r of %s is unknown in training: left out", name, place)
    return [file for file in validation if file[0] in known]


def names_of_classes(train, selection):
    """Sorted names of the classes that have training images."""
    names, listed = sorted(set(class_of(train))), selection.classes
    if len(names) < 2:
        raise ValueError(
            f"expected at least 2 {selection.unit} with readable images in {selection.place!r}, "
            f"received {len(names)} of {len(listed)} {selection.unit} {listed[:5]}"
        )
    for name in sorted(set(listed) - set(names)):
        logging.warning("class %r of %s has no readable training image: left out", name, printable(selection.place))
    return tuple(names)


def report(unreadable, strict):
    """A warning for each file that was left out, or one error for all."""
    if strict and unreadable:
        first = "; ".join(f"{printable(path)}: {cause}" for path, cause in list(unreadable.items())[:3])
        raise ValueError(f"expected readable images (strict=True), received {len(unreadable)} unreadable: {first}")
    for path, cause in unreadable.items():
        logging.warning("left out %s: %s", printable(path), cause)


def labels_of(files, class_names):
    """int32 (n,), the label of each file."""
    label = {name: i for i, name in enumerate(class_names)}
    return np.array([label[name] for name, _ in files], np.int32)


def printable(path):
    """A path as text that can be printed and saved, even if its bytes are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _read(files, images, decoder, description, unreadable):
    """Fills the first rows of `images`; returns the files they show, and adds the others to `unreadable`."""
    kept, refused = read_into(images, [path for _, path in files], decoder, description)
    unreadable.update({files[i][1]: cause for i, cause in refused.items()})
    return [files[i] for i in kept]


def _promote(images, train, validation):
    """Moves a validation image to training in each class whose training images all proved unreadable."""
    for name in sorted(set(class_of(validation)) - set(class_of(train))):
        boundary, offset = len(train), class_of(validation).index(name)
        images[[boundary, boundary + offset]] = images[[boundary + offset, boundary]]
        validation[0], validation[offset] = validation[offset], validation[0]
        train.append(validation.pop(0))


def _split(images, files, class_names):
    return Split(images[: len(files)], labels_of(files, class_names), tuple(printable(path) for _, path in files))
