"""What a format is: a record, which the module of the format fills in."""

import dataclasses
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MAX_PIXELS = 64_000_000  # of a file that is decoded on a server: above most cameras, and 192 MB when decoded
METADATA = "export.json"
LABELS = "labels.txt"
INT8 = ("calibration", "calibration_labels", "keep_float", "max_loss")  # the settings of formats that have int8


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of `export` that only some formats take; see there."""

    calibration: np.ndarray | None = None
    calibration_labels: np.ndarray | None = None
    keep_float: tuple[str, ...] = ()
    max_loss: float = 0.005
    version: int | None = None
    top: int = 5
    max_pixels: int = MAX_PIXELS
    io: str = "float32"
    layout: str = "nhwc"
    opset: int | None = None

    def changed(self):
        """List the names of those that are not the default."""
        pairs = [(f.name, getattr(self, f.name), f.default) for f in dataclasses.fields(self)]
        return [name for name, value, default in pairs if isinstance(value, np.ndarray) or value != default]


class Format(NamedTuple):
    """A format that models are exported to.

    Attributes:
        name: str.
        write: callable (`Classifier`, folder, precision, `Settings`); writes the files of the format into a folder, and
            returns what `export.json` says of them besides, as a dict or `None`.
        load: callable (folder, precision, threads, streams) -> callable from float32 images to probabilities, NumPy
            arrays.
        modules: tuple of str, what must be installed to write it; the last one is enough to run it.
        destination: `destination.single`, or `destination.versioned` for exports that are numbered in one folder.
        precisions: tuple of str, of the weights in the file.
        runs_in: tuple of str, the precisions that `load` takes.
        settings: tuple of str, the fields of `Settings` that it takes.
        verify: callable (`Classifier`, folder) -> float, the largest difference from the model, read back in another
            way than by `load`. Default `None`: by `load`.
        levels: pair of floats, of depthwise convolutions the second: in an int8 file the largest weight of a channel
            over the step between two weights. Default `None` for a format without int8.
    """

    name: str
    write: Callable
    load: Callable
    modules: tuple[str, ...]
    destination: Callable
    precisions: tuple[str, ...] = ("float32",)
    runs_in: tuple[str, ...] = ("float32",)
    settings: tuple[str, ...] = ()
    verify: Callable | None = None
    levels: tuple[float, float] | None = None


def share(streams):
    """Return the cores for each of some streams.

    Args:
        streams: int.

    Example:

    >>> share(10_000)
    1
    """
    return max(1, (os.cpu_count() or 1) // streams)
