"""`run.json`: what makes a run the same run, so that none resumes from another one's checkpoint."""

import dataclasses
import hashlib
import json
import os
import reprlib
from pathlib import Path

from keras_effconv import kinds
from keras_effconv.training.checkpoint import peek
from keras_effconv.training.reporting.fingerprint import file_fingerprint, fingerprints
from keras_effconv.utils.files import read_json, strict, write_json

FILE = "run.json"
SHOWN = 8  # fields in a message
FILES = ("weights", "teacher")  # fields that may be paths
IMAGES = "images"
NOT_COMPARED = ("data", IMAGES)  # a folder may have another name on another day; its images are compared by themselves


def described(recipe, dataset=None):
    """Return what `run.json` holds of a run: dict, fit for JSON.

    Args:
        recipe: `Recipe`.
        dataset: `Dataset`; default: what the recipe alone says.

    Example:

    >>> from keras_effconv.training import Recipe
    >>> described(Recipe(conv="HetConv( parts = 4 )"))["conv"]
    'HetConv(parts=4)'
    """
    fields = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    fields |= {"conv": repr(kinds.get(recipe.conv)), "options": dict(recipe.options)}
    fields |= {name: _file(fields[name]) for name in FILES}
    if dataset is not None:
        splits = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
        splits = {name: split for name, split in splits.items() if split is not None}
        fields |= {
            "data": dataset.name,
            "classes": dataset.class_names,
            "streamed": hasattr(dataset.train, "source"),  # whose crops and order are others
            "training_images": len(dataset.train),
            "validation_images": len(dataset.validation),
            IMAGES: fingerprints(splits),
        }
    del fields["source"]
    return strict(json.loads(json.dumps(fields, default=repr)))


def _file(value):
    """Return what identifies a file, whatever path leads to it; a tag, and `None`, as they are."""
    path = os.path.expanduser(value) if isinstance(value, str) else None
    if path and os.path.isfile(path):
        return file_fingerprint(path)
    return os.path.realpath(path) if path and os.path.exists(path) else value


def identity(record):
    """Return a digest of what is compared of a record: str, which checkpoints carry."""
    same = {name: value for name, value in record.items() if name != "data"}
    same[IMAGES] = {name: value for name, value in same.get(IMAGES, {}).items() if name != "test"}
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16]


def check_same(folder, record):
    """Raise a `ValueError` if a folder holds another run than the one that would resume from it.

    Args:
        folder: path.
        record: dict of `described`; without a data set, the recipe alone is compared, before data is read.
    """
    theirs = _read(folder)
    if theirs is None:
        return
    names = [name for name in record if name not in NOT_COMPARED and theirs.get(name) != record[name]]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    there, here = (
        ", ".join(f"{n}={reprlib.repr(each.get(n))}" for n in names[:SHOWN]) + more for each in (theirs, record)
    )
    images = _other_images(theirs, record)
    if names or images:
        told = [f"that one has {there}; this one has {here}"] if names else []
        raise ValueError(
            f"`resume` must have the recipe and the data of the run in {folder}. Received another run's: "
            + "; ".join([*told, *images])
        )
    tests = [each.get(IMAGES, {}).get("test") for each in (theirs, record)]
    if IMAGES in record and tests[0] != tests[1]:
        print("the test images are others than when the run began; they have no part in training")


def _other_images(theirs, record):
    """Return what of the images differs, in words: list of str."""
    told = []
    for split in ("train", "validation") if IMAGES in record else ():
        before, now = (each.get(IMAGES, {}).get(split, {}) for each in (theirs, record))
        other = [part for part in ("names", "labels", "sizes") if before.get(part) != now.get(part)]
        if other:
            told.append(
                f"the {split} images have other {' and '.join(other)} (another --limit, split, or changed files)"
            )
    return told


def _read(folder):
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        return read_json(path, FILE)
    except ValueError as error:
        text = f"{path}, which cannot be read: {error}"
        raise ValueError(f"`{FILE}` must be the record of a run. Received: {text}") from None


def standing(folder, resume, record):
    """Tell what becomes of the run that a folder holds.

    Args:
        folder: path.
        resume: bool.
        record: dict of `described`, of the run that begins, with its data.

    Returns:
        bool, whether to resume from the checkpoint; and str to print, which may be empty.

    Raises:
        ValueError: the checkpoint to resume from is another run's, or damaged.
    """
    if not resume:
        return False, _replaced(folder, record)
    progress = peek(folder)
    if progress is None:
        return False, f"no checkpoint in {folder}: starting anew"
    if progress.run in ("", identity(record)):
        return True, ""
    if not (Path(folder) / FILE).is_file():
        raise ValueError(f"`resume` must have a checkpoint of this run. Received: the one in {folder} is another run's")
    # This run has written its record, and was stopped before its first checkpoint.
    return False, f"no checkpoint of this run in {folder}, only an earlier run's: starting anew"


def _replaced(folder, record):
    try:
        progress = peek(folder)
    except ValueError:
        progress = None
    if progress is None and not (Path(folder) / FILE).is_file():
        return ""
    done = f", which has done {progress.epoch} epochs" if progress else ""
    same = progress is not None and progress.run == identity(record) and progress.epoch < record["epochs"]
    hint = "; --resume would continue it" if same else ""
    return f"{folder} holds an earlier run{done}{hint}: starting anew, its files will be replaced"


def write_record(folder, record):
    """Write `run.json`."""
    write_json(Path(folder) / FILE, record)
