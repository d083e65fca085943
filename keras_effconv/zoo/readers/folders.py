"""Which file of a folder, or of a repository, holds the weights."""

import os
import re
from pathlib import Path

from keras_effconv.zoo.readers import shards
from keras_effconv.zoo.readers.errors import unreadable

FIRST = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "model.keras",
    "model.weights.h5",
    "model.weights.json",
    "model.h5",
)
SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".th", ".keras", ".h5", ".params", shards.INDEX, shards.KERAS_INDEX)
STATE = re.compile(r"(optimizer|scheduler|scaler|rng_state|training_args|trainer_state|adapter)\b.*|task\.weights\.h5")
SHOWN = 12


def weights_among(names):
    """Return which of the files of a folder holds the weights.

    Args:
        names: iterable of str, relative to the folder; those in folders inside of it do not count.

    Returns:
        str: the first of `FIRST` that is there; else the only one that looks like weights.

    Raises:
        LookupError: if there is none, or more than one; the message lists files.

    Example:

    >>> weights_among(["config.json", "pytorch_model.bin", "model.safetensors"]), weights_among(["a.md", "net.pth"])
    ('model.safetensors', 'net.pth')
    """
    names = sorted(names)
    first = next((name for name in FIRST if name in names), None)
    if first:
        return first
    likely = [name for name in names if "/" not in name and name.endswith(SUFFIXES) and not STATE.fullmatch(name)]
    indices = {shards.index_name(name) for name in likely} & set(likely)
    whole = [name for name in likely if name in indices or shards.index_name(name) not in indices]
    found = sorted({_family(name) for name in whole})
    if len(found) == 1:
        return whole[0]
    if not found:
        raise LookupError(f"no file of weights among {_listed(names)}")
    raise LookupError(f"several files of weights, of which one must be named: {_listed(found)}")


def _family(name):
    """Return a name that the shards of one set share."""
    shard = shards.SHARD.fullmatch(name) or shards.KERAS_SHARD.fullmatch(name)
    return name if shard is None else f"{shard[1]}-..."


def _listed(names):
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "nothing") + more


def is_checkpoint(path):
    """Return whether a folder is one of TensorFlow's checkpoints."""
    names = _files(path)
    return "checkpoint" in names or (any(n.endswith(".index") for n in names) and not set(names) & set(FIRST))


def _files(folder):
    return [entry.name for entry in os.scandir(folder) if not entry.is_dir()]


def located(path):
    """Return the file that a path means: what holds the weights if it is a folder, else the path itself.

    Raises:
        FormatError: (a ValueError) when the folder has none, or several.
    """
    if not os.path.isdir(path):
        return path
    if is_checkpoint(path):
        return path
    try:
        return str(Path(path, weights_among(_files(path))))
    except LookupError as error:
        raise unreadable(path, "a folder with one file of weights", str(error)) from None
