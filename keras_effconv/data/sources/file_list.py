"""Which files make a data set, whoever listed them, and a `Dataset` of them in memory."""

import dataclasses

import numpy as np
from absl import logging

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.reading import compiled_decoder, read_into
from keras_effconv.data.images.storage import MEMORY_LIMIT, allocate
from keras_effconv.data.sources.split import limited, stratified


@dataclasses.dataclass
class FileList:
    """The files of a data set, none of them read yet. A file is (class name, path).

    Args:
        name: str, of the data set.
        train: files to train on.
        validation: files to validate on.
        classes: names of the training classes, also of those without a file.
        train_source: str, where the training files were listed, for messages.
        validation_source: likewise; `None` if the validation files are a part of the training files.
        unit: str, what a class is there, plural. Default `"classes"`.
        skipped: `{path or row: cause}` of what could not be listed.
    """

    name: str
    train: list
    validation: list
    classes: list
    train_source: str
    validation_source: str | None = None
    unit: str = "classes"
    skipped: dict = dataclasses.field(default_factory=dict)


def divide(train, validation, validation_split, seed, limit):
    """Return the files of train and of validation; without any of validation (`None`), that is a part of train."""
    if validation is None:
        parts = stratified(class_of(train), validation_split, seed)
        train, validation = ([train[i] for i in rows] for rows in parts)
    return [[files[i] for i in limited(class_of(files), limit, seed)] for files in (train, validation)]


def decode_files(file_list, resize, strict=False, cache_dir=None, memory_limit=MEMORY_LIMIT):
    """Read the files of a `FileList`; the arguments, the result and the errors are those of `from_directory`."""
    train, validation, unreadable = file_list.train, file_list.validation, dict(file_list.skipped)
    images = allocate(max(1, len(train) + len(validation)), resize.size, memory_limit, cache_dir)
    decoder = compiled_decoder(resize)
    train = _read(train, images, decoder, "training images", unreadable)
    if file_list.validation_source:
        validation = without_unknown(validation, train, file_list)
    validation = _read(validation, images[len(train) :], decoder, "validation images", unreadable)
    report(unreadable, strict)
    if not file_list.validation_source:
        _promote(images, train, validation)
    class_names = names_of_classes(train, file_list)
    check_validation(validation, file_list)
    return Dataset(
        name=file_list.name,
        train=_split(images, train, class_names),
        validation=_split(images[len(train) :], validation, class_names),
        class_names=class_names,
        unreadable=tuple(map(printable, unreadable)),
    )


def class_of(files):
    """Return the class name of each file."""
    return [name for name, _ in files]


def without_unknown(validation, train, file_list):
    """Drop the validation files of classes without training images, and say so."""
    known = set(class_of(train))
    # names_of_classes will name those that are in `classes`.
    for name in sorted(set(class_of(validation)) - set(file_list.classes)):
        logging.warning("class %r of %s is unknown in training: skipped", name, printable(file_list.validation_source))
    return [file for file in validation if file[0] in known]


def names_of_classes(train, file_list):
    """Return the sorted names of the classes that have training images."""
    names, listed = sorted(set(class_of(train))), file_list.classes
    if len(names) < 2:
        raise ValueError(
            f"A data set must have at least 2 {file_list.unit} with readable images. Received: {len(names)} of "
            f"{len(listed)} {file_list.unit} in {file_list.train_source!r}: {listed[:5]}"
        )
    for name in sorted(set(listed) - set(names)):
        source = printable(file_list.train_source)
        logging.warning("class %r of %s has no readable training image: skipped", name, source)
    return tuple(names)


def check_validation(validation, file_list):
    """Raise a ValueError if no validation image is left."""
    if not len(validation):
        source = file_list.validation_source or file_list.train_source
        raise ValueError(f"A data set must have a readable validation image. Received: none in {source!r}")


def report(unreadable, strict):
    """Warn of each file that is skipped, or raise one error for all."""
    if strict and unreadable:
        first = "; ".join(f"{printable(path)}: {cause}" for path, cause in list(unreadable.items())[:3])
        raise ValueError(f"With `strict=True` all must be readable. Received: {len(unreadable)} unreadable: {first}")
    for path, cause in unreadable.items():
        logging.warning("skipped %s: %s", printable(path), cause)


def labels_of(files, class_names):
    """Return int32 (n,), the label of each file."""
    label = {name: i for i, name in enumerate(class_names)}
    return np.array([label[name] for name, _ in files], np.int32)


def printable(path):
    """Return a path as text that can be printed and saved, even if its bytes are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _read(files, images, decoder, description, unreadable):
    """Fill the first rows of `images`; return the files they show, and add the others to `unreadable`."""
    kept, causes = read_into(images, [path for _, path in files], decoder, description)
    unreadable.update({files[i][1]: cause for i, cause in causes.items()})
    return [files[i] for i in kept]


def _promote(images, train, validation):
    """Move a validation image to training in each class whose training images all proved unreadable."""
    for name in sorted(set(class_of(validation)) - set(class_of(train))):
        boundary, offset = len(train), class_of(validation).index(name)
        images[[boundary, boundary + offset]] = images[[boundary + offset, boundary]]
        validation[0], validation[offset] = validation[offset], validation[0]
        train.append(validation.pop(0))


def _split(images, files, class_names):
    return Split(images[: len(files)], labels_of(files, class_names), tuple(printable(path) for _, path in files))
