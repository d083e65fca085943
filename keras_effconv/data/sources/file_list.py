"""Which files make a data set, whoever listed them, and a `Dataset` of them in memory."""

import dataclasses

from absl import logging

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.levels import with_white
from keras_effconv.data.images.reading import compiled_decoder, read_into
from keras_effconv.data.images.storage import MEMORY_LIMIT, filled
from keras_effconv.data.sources.checks import check_files, key_of_files
from keras_effconv.data.sources.class_names import check_names, hint_at_names, spelled_as
from keras_effconv.data.sources.labelling import OneLabel, SeveralLabels, names_of
from keras_effconv.data.sources.listing import LeftOut
from keras_effconv.data.sources.messages import counted, printable, report, some
from keras_effconv.data.sources.split_names import SPLITS, TEST, TRAIN, VALIDATION


@dataclasses.dataclass
class FileList:
    """The files of a data set, none of them read yet. A file is (label, path), the label as `labelling` says.

    Args:
        name: str, of the data set.
        parts: `{split: files}` of the splits "train", "validation" and perhaps "test".
        classes: names of the training classes, also of those without a file.
        sources: `{split: str}`, where the files of each split were listed, for messages; without "validation" if those
            are a part of the training files.
        unit: str, what a class is there, plural. Default `"classes"`.
        skipped: `{path or row: cause}` of what could not be listed.
        left_out: `LeftOut`, what is no image.
        unknown: names of classes that are not in training, whose files were left out.
        labelling: `OneLabel`, a class name, or `SeveralLabels`, a tuple of class names.
    """

    name: str
    parts: dict
    classes: list
    sources: dict
    unit: str = "classes"
    skipped: dict = dataclasses.field(default_factory=dict)
    left_out: LeftOut = dataclasses.field(default_factory=LeftOut)
    unknown: list = dataclasses.field(default_factory=list)
    labelling: OneLabel | SeveralLabels = dataclasses.field(default_factory=OneLabel)


def divided(file_list, validation_split, seed, limit, split=True):
    """Return a `FileList` with files to validate on and at most `limit` per class and split, and print what it has.

    Args:
        file_list: `FileList`; without files to validate on, those become a part of the training files.
        validation_split: float, that part.
        seed: int, of the choices.
        limit: int, or `None` for all.
        split: bool, whether the data says what is for training. Default `True`.
    """
    check_names({name for files in file_list.parts.values() for name in class_of(files)})
    parts = _known(file_list)
    _say(file_list, parts, split, validation_split)
    if VALIDATION not in parts:
        rows = file_list.labelling.stratified(labels_in(parts[TRAIN]), validation_split, seed)
        parts |= {part: [parts[TRAIN][i] for i in of_part] for part, of_part in zip((TRAIN, VALIDATION), rows)}
    parts = {
        split: [parts[split][i] for i in file_list.labelling.limited(labels_in(parts[split]), limit, seed)]
        for split in SPLITS
        if split in parts
    }
    sources = {split: source for split, source in file_list.sources.items() if split in parts}
    return dataclasses.replace(file_list, parts=parts, sources=sources)


def _known(file_list):
    """The parts, with class names as in training, without files of other classes."""
    parts, train = dict(file_list.parts), file_list.classes
    for split in (VALIDATION, TEST):
        if split not in parts:
            continue
        source, names = printable(file_list.sources[split]), sorted(set(class_of(parts[split])))
        if alike := spelled_as(train, names):
            shown = some([f"{name!r} as {known!r}" for name, known in alike.items()])
            logging.warning("%s: %s taken as of training: %s", source, counted(len(alike), "class name"), shown)
        files = [(file_list.labelling.renamed(label, alike), path) for label, path in parts.pop(split)]
        known = [(file_list.labelling.within(label, set(train)), path) for label, path in files]
        known = [file for file in known if file[0] is not None]
        unknown = sorted(set(class_of(files)) - set(train))
        file_list.unknown += [name for name in unknown if name not in file_list.unknown]
        if not class_of(known):
            images = counted(len(files), "image")
            logging.warning("left out %s of %s, none of a class of training: %s", images, source, some(names))
            file_list.sources.pop(split)
            continue
        parts[split] = known
        if unknown:
            left = len(files) - len(known)
            what = counted(left, "image") if left else counted(len(unknown), "class")
            logging.warning("left out %s of %s, of classes unknown in training: %s", what, source, some(unknown))
    return parts


def _say(file_list, parts, split, validation_split):
    """Print what was found, on one line."""

    def counts(part):
        classes = len(set(class_of(parts[part])))
        return f"{counted(classes, 'class')}, {counted(len(parts[part]), 'image')}"

    found = [f"{part} ({counts(part)})" for part in SPLITS if part in parts]
    text = f"a split: {', '.join(found)}" if split else counts(TRAIN)
    if VALIDATION not in parts:
        text += f"; {validation_split:.0%} of each class validate"
    print(f"{printable(file_list.name)}: found {text}" + ("; test is for the end" if TEST in parts else ""))


def decode_files(file_list, resize, strict=False, cache_dir=None, memory_limit=MEMORY_LIMIT):
    """Read the files of a `FileList`; the arguments, the result and the errors are those of `from_directory`."""
    check_classes(file_list.parts[TRAIN], file_list)
    check_files(file_list, strict)
    files = [file for part in SPLITS for file in file_list.parts.get(part, ())]
    paths = [path for _, path in files]
    resize = with_white(resize, [path for _, path in file_list.parts[TRAIN]])

    def decode(images):
        kept, causes = read_into(images, paths, compiled_decoder(resize), f"images of {file_list.name}")
        return {"kept": kept, "causes": list(causes.items())}

    count = max(1, len(files))
    images, note = filled(count, resize.size, decode, lambda: key_of_files(paths, resize), memory_limit, cache_dir)
    unreadable = dict(file_list.skipped) | {paths[i]: cause for i, cause in note["causes"]}
    report(unreadable, strict)
    parts, begin = {}, 0
    for part, listed in file_list.parts.items():
        parts[part] = [files[i] for i in note["kept"] if begin <= i < begin + len(listed)]
        begin += len(listed)
    _train_each_class(images, parts, file_list)
    class_names = names_of_classes(parts[TRAIN], file_list)
    check_validation(parts[VALIDATION], class_of(parts[TRAIN]), file_list)
    return Dataset(
        name=file_list.name,
        class_names=class_names,
        unreadable=tuple(map(printable, unreadable)),
        white=resize.white,
        **_splits(images, parts, class_names, file_list.labelling),
    )


def class_of(files):
    """Return the class name of each file; if files have several labels, the names of all of them, one after another."""
    return [name for label, _ in files for name in names_of(label)]


def labels_in(files):
    """Return the label of each file."""
    return [label for label, _ in files]


def names_of_classes(train, file_list):
    """Return the sorted names of the classes that have training images."""
    check_classes(train, file_list)
    names, listed, source = sorted(set(class_of(train))), file_list.classes, file_list.sources[TRAIN]
    if empty := sorted(set(listed) - set(names)):
        classes = counted(len(empty), "class")
        logging.warning(
            "%s: left out %s without a readable training image: %s", printable(source), classes, some(empty)
        )
    hint_at_names(names, printable(source))
    return tuple(names)


FOLDERS = "; put the images of each class into a folder of its own, such as photos/roses/1.jpg and photos/tulips/1.jpg"


def check_classes(train, file_list):
    """Raise a ValueError if training images are of fewer than two classes; of several labels, if they are of none."""
    count, listed, unit = len(set(class_of(train))), file_list.classes, file_list.unit
    least = file_list.labelling.least
    if count < least:
        skipped = [f"{printable(path)}: {cause}" for path, cause in file_list.skipped.items()]
        raise ValueError(
            f"A data set must have at least {least} {unit if least > 1 else 'class'} with readable images. "
            f"Received: {count} of {len(listed)} {unit} in {file_list.sources[TRAIN]!r}: {listed[:5]}"
            + (f"; skipped {some(skipped, 1)}" if skipped else "")
            + (FOLDERS if unit == "class folders" and len(listed) < least and not skipped else "")
        )


def check_validation(validation, train, file_list):
    """Raise a ValueError if no validation image is left."""
    if not len(validation):
        source = file_list.sources.get(VALIDATION, file_list.sources[TRAIN])
        single = VALIDATION not in file_list.sources and len(set(train)) == len(train)
        cause = ", where each class has a single image, which trains" if single else ""
        raise ValueError(f"A data set must have a readable validation image. Received: none in {source!r}{cause}")


def _train_each_class(images, parts, file_list):
    """Move a validation image to training in each class whose training images all proved unreadable.

    If the validation images are no part of the training images, those of such a class are dropped instead.
    """
    train, validation = parts[TRAIN], parts[VALIDATION]
    if VALIDATION not in file_list.sources:
        for name in sorted(set(class_of(validation)) - set(class_of(train))):
            boundary, offset = len(train), next(i for i, (label, _) in enumerate(validation) if name in names_of(label))
            images[[boundary, boundary + offset]] = images[[boundary + offset, boundary]]
            validation[0], validation[offset] = validation[offset], validation[0]
            train.append(validation.pop(0))
    known, kept, begin = set(class_of(train)), 0, 0
    for part, files in parts.items():
        parts[part] = []
        for i, (label, path) in enumerate(files):
            label = file_list.labelling.within(label, known)
            if label is not None:
                if kept != begin + i:
                    images[kept] = images[begin + i]
                kept += 1
                parts[part].append((label, path))
        begin += len(files)


def _splits(images, parts, class_names, labelling):
    """`{split: Split}` of consecutive images; a split without any is left out."""
    splits, begin = {}, 0
    for part, files in parts.items():
        rows = images[begin : begin + len(files)]
        names = tuple(printable(path) for _, path in files)
        begin += len(files)
        if files or part != TEST:
            splits[part] = Split(rows, labelling.array(labels_in(files), class_names), names)
    return splits
