"""What a format is: one record, which the module of the format fills."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MAX_PIXELS = 64_000_000  # of a file that is decoded on a server: above most cameras, and 192 MB when decoded
METADATA = "export.json"
LABELS = "labels.txt"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of `export` that only some formats take; see there."""

    calibration: np.ndarray | None = None
    version: int | None = None
    top: int = 5
    max_pixels: int = MAX_PIXELS

    def given(self):
        """The names of those that are not the default."""
        return [f.name for f in dataclasses.fields(self) if getattr(self, f.name) is not f.default]


class Format(NamedTuple):
    """A format that models are exported to.

    Attributes:
        name: str.
        write: (`Program`, folder, precision, `Settings`) -> None; writes the files of the format into a folder.
        load: (folder, precision, threads) -> callable from float32 images to probabilities, NumPy arrays.
        modules: tuple of str, what must be installed to write it; the last one is enough to run it.
        place: `places.alone`, or `places.versioned` where exports lie side by side.
        precisions: tuple of str, of the weights in the file.
        runs_in: tuple of str, the precisions that `load` takes.
        settings: tuple of str, the fields of `Settings` that it takes.
        verify: (`Program`, folder) -> float, the largest difference from the model, read back in another way than by
            `load`; default `None`: by `load`.
    """

    name: str
    write: Callable
    load: Callable
    modules: tuple[str, ...]
    place: Callable
    precisions: tuple[str, ...] = ("float32",)
    runs_in: tuple[str, ...] = ("float32",)
    settings: tuple[str, ...] = ()
    verify: Callable | None = None
