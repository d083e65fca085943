"""The files from which a run resumes exactly, whenever it was killed; `keeping.py` writes them."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.training.headline import headline
from keras_effconv.utils.files import replacing
from keras_effconv.utils.npz import DAMAGE, open_npz

STATE, BEST, START = "checkpoint.npz", "best.npz", "start.npz"


class Progress(NamedTuple):
    """How far a run has come.

    Attributes:
        epoch: int, the epoch to resume in, counted from 0.
        step: int, the batches of it that are done.
        partial: dict of the epoch's training metrics over these batches.
        curves: dict of lists by name, a value per finished epoch.
        head: dict likewise, of the head's phase.
        arrays: list of arrays, the variables of trainer and optimizer in their order; `None` for a run that begins.
        run: str, which run it is (`run_record.identity`); empty: not known.
        epochs: int, of the whole run, if the time decided; `None`: those of the recipe.
        parts: int, steps that a batch of the recipe is computed in, for want of memory.
    """

    epoch: int = 0
    step: int = 0
    partial: Mapping = MappingProxyType({})
    curves: Mapping = MappingProxyType({})
    head: Mapping = MappingProxyType({})
    arrays: list | None = None
    run: str = ""
    epochs: int | None = None
    parts: int = 1


def save(folder, variables, progress):
    """Write a checkpoint: one file, in place of the last one in one step, so the parts cannot disagree.

    Args:
        folder: where to write.
        variables: list of Keras variables.
        progress: `Progress`; its `arrays` are not read.
    """
    fields = {name: value for name, value in progress._asdict().items() if name != "arrays"}
    text = np.frombuffer(json.dumps(fields, default=dict).encode(), np.uint8)
    write_arrays(Path(folder) / STATE, variables, progress=text)


def write_arrays(path, variables, run="", **others):
    """Write a NumPy archive of variables of a run. A full disk is an `OSError`; HDF5 would end the process."""
    others["run"] = np.frombuffer(run.encode(), np.uint8)
    arrays = {f"{i:05d}": _plain(keras.ops.convert_to_numpy(v)) for i, v in enumerate(variables)}
    with replacing(path) as temporary:
        np.savez(temporary, **others, **arrays)


@contextlib.contextmanager
def _reading(path):
    """Open the archive; raise a `ValueError` if it is damaged or missing."""
    try:
        with open_npz(path) as file:
            yield file
    except DAMAGE as error:
        text = f"{path}, which cannot be read: {' '.join(str(error).split())[:200]}"
        raise ValueError(f"`{path.name}` must be the checkpoint of a run. Received: {text}") from None


def read_arrays(path, run=""):
    """Return the values of `write_arrays`: list of arrays.

    Raises:
        ValueError: when the file is missing, damaged, no such archive, or another run's: one that began later in the
            same folder, and was stopped before its first checkpoint.
    """
    with _reading(path) as file:
        theirs, arrays = file["run"].tobytes().decode(), _arrays(file)
    if run and theirs != run:
        raise ValueError(f"`{path.name}` must be of the run that resumes. Received: {path}, which is another run's")
    return arrays


def _arrays(file):
    return [file[name] for name in sorted(file.files) if name.isdecimal()]


def _plain(value):
    """Convert types that NumPy's files do not know (bfloat16) to float32."""
    return value.astype("float32") if value.dtype.kind == "V" or value.dtype.name == "bfloat16" else value


def restore(folder):
    """Return the `Progress` in a folder, or that of a run that begins if it has no checkpoint.

    Raises:
        ValueError: when the file is not a checkpoint of this package, or is damaged.
    """
    path = Path(folder) / STATE
    if not path.exists():
        return Progress()
    with _reading(path) as file:
        return Progress(**json.loads(file["progress"].tobytes()), arrays=_arrays(file))


def peek(folder):
    """Return the `Progress` in a folder without its arrays, or `None` if it has no checkpoint; errors as `restore`."""
    path = Path(folder) / STATE
    if not path.is_file():
        return None
    with _reading(path) as file:
        return Progress(**json.loads(file["progress"].tobytes()))


def restore_best(folder, network, run=""):
    """Set a network to the best weights of a run in a folder, if there are any.

    Raises:
        ValueError: when the file is damaged, or another network's.
    """
    path = Path(folder) / BEST
    if not path.exists():
        return
    assign(network.weights, read_arrays(path, run))


def assign(variables, arrays):
    """Set variables to the arrays of a checkpoint; all are checked before the first is set.

    Raises:
        ValueError: when number or shapes differ.
    """
    shapes = [tuple(v.shape) for v in variables], [np.shape(a) for a in arrays]
    if shapes[0] != shapes[1]:
        where = next((i for i, (a, b) in enumerate(zip(*shapes)) if a != b), min(map(len, shapes)))
        raise ValueError(
            f"the checkpoint has {len(arrays)} variables and the network {len(variables)}, which differ from number "
            f"{where}: it is another run's"
        )
    for variable, value in zip(variables, arrays):
        variable.assign(np.asarray(value).astype(variable.dtype))


def best_epoch(curves, head):
    """Return the epoch with the best headline on the validation images, the latest of equals; 0 is the head alone.

    The headline is the accuracy, or the mean average precision of several labels.

    >>> best_epoch({"val_accuracy": [0.7, 0.9, 0.9]}, {"val_accuracy": [0.1, 0.8]})
    3
    >>> best_epoch({"val_accuracy": [0.1]}, {})
    1
    """
    name = f"val_{headline(curves, head)}"
    first = head[name][-1] if head else -1.0
    scores = [first, *curves.get(name, ())]
    return max(range(len(scores)), key=lambda epoch: (scores[epoch], epoch))
