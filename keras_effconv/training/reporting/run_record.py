"""`run.json`: what makes a run the same run, so that none resumes from another one's checkpoint."""

import dataclasses
import json
import reprlib
from pathlib import Path

import keras

from keras_effconv import kinds
from keras_effconv.utils.files import read_json, write_json

FILE = "run.json"
SHOWN = 8  # fields in a message


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
    fields = {**fields, "conv": repr(kinds.get(recipe.conv)), "options": dict(recipe.options)}
    if dataset is not None:
        fields |= {
            "data": dataset.name,
            "classes": dataset.class_names,
            "training_images": len(dataset.train),
            "validation_images": len(dataset.validation),
        }
    del fields["source"]
    return json.loads(json.dumps(fields, default=repr))


def check_same(folder, recipe, dataset=None):
    """Raise a `ValueError` if a folder holds another run than the one that would resume from it.

    Args:
        folder: path.
        recipe: `Recipe`.
        dataset: `Dataset`; default: compare the recipe alone, before data is read.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return
    try:
        record = read_json(path, FILE)
    except ValueError as error:
        text = f"{path}, which cannot be read: {error}"
        raise ValueError(f"`{FILE}` must be the record of a run. Received: {text}") from None
    mine = described(recipe, dataset)
    other = [f"{name}={reprlib.repr(record.get(name))}" for name in mine if record.get(name) != mine[name]]
    if other:
        raise ValueError(
            f"`resume` must have the recipe and the data of the run in {folder}. Received another run's: that one has "
            f"{', '.join(other[:SHOWN])}{f' and {len(other) - SHOWN} more' if len(other) > SHOWN else ''}"
        )


def recording(folder, recipe, dataset):
    """Return a callback that writes `run.json` when training begins.

    Only a run that trains takes the folder: one that fails earlier leaves what another left there.
    """
    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: write_record(folder, recipe, dataset))


def write_record(folder, recipe, dataset):
    """Write `run.json`."""
    write_json(Path(folder) / FILE, described(recipe, dataset))
