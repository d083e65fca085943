"""What an interrupted conversion leaves, so that none resumes from another one's state."""

import json
import os

from keras_effconv.converting.mimicking.state import FILE as STATE
from keras_effconv.training.reporting.fingerprint import file_fingerprint, fingerprints
from keras_effconv.utils.files import read_json, strict, write_json

RECORD = "conversion.json"
FLAGS = ("order", "fit", "mimic", "images", "seed", "crop", "preprocessing", "image_size")


def described(flags, conv, dataset):
    """Return what makes a conversion the same: dict, fit for JSON.

    Args:
        flags: `Flags`.
        conv: kind of convolution, or `None`.
        dataset: `Dataset`.
    """
    paths = {name: os.path.expanduser(flags[name].value) for name in ("model", "weights")}
    files = {name: file_fingerprint(path) if os.path.isfile(path) else path for name, path in paths.items()}
    record = {**files, "conv": repr(conv), **{name: flags[name].value for name in FLAGS}}
    record |= {"data": fingerprints({"train": dataset.train})["train"]}
    return strict(json.loads(json.dumps(record, default=repr)))


def begin(folder, resume, record):
    """Keep the state of `mimic` in a folder if this conversion resumes from it; else remove it.

    Raises:
        ValueError: the state to resume from is another conversion's.
    """
    state, path = folder / STATE, folder / RECORD
    if not resume or not state.exists():
        if resume:
            print(f"no state in {folder}: starting anew")
        state.unlink(missing_ok=True)
    elif (theirs := read_json(path, RECORD) if path.exists() else {}) != record:
        names = ", ".join(name for name in record if theirs.get(name) != record[name])
        raise ValueError(f"`resume` must have the flags and images of the state in {folder}. Received: other {names}")
    write_json(path, record)


def end(folder):
    """Remove the state of a conversion that is finished."""
    for name in (STATE, RECORD):
        (folder / name).unlink(missing_ok=True)


def told(folder):
    """Return what an interrupted conversion has left, in words."""
    if (folder / STATE).is_file():
        return f"--resume continues the gradient steps in {folder}"
    return f"nothing was written to {folder} yet"
