"""Run an export: a function from images to probabilities, in any runtime."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_effconv.exporting.destination import version_folders
from keras_effconv.exporting.format import METADATA
from keras_effconv.exporting.writing import FORMATS
from keras_effconv.preprocessing import FIELDS, Preprocessing
from keras_effconv.utils.arguments import one_of, positive
from keras_effconv.utils.files import check_file, read_json

MAX_SIZE, MAX_FILES = 4096, 10_000  # pixels; files of an export


@dataclasses.dataclass(frozen=True)
class Exported:
    """An export that is ready to run; any thread may call it.

    Attributes:
        path: `pathlib.Path` of its folder.
        format: str, such as `"onnx"`.
        precision: str, of the weights in the file.
        labels: tuple of str, in the order of the probabilities.
        preprocessing: `Preprocessing`, how an image is cropped and resized before the export reads it. The arithmetic
            is inside.
        run: callable from float32 images to probabilities, without checks.
        thresholds: tuple of floats, from which probability on each class is said of an image that may have several;
            `None` if an image has one class.
    """

    path: Path
    format: str
    precision: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    run: Callable = dataclasses.field(repr=False)
    thresholds: tuple[float, ...] | None = None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Compute the probabilities of images.

        Args:
            images: array (n, size, size, 3), RGB, 0..255, uint8 or float.

        Returns:
            array (n, classes), float32.
        """
        images, size = np.asarray(images, "float32"), self.preprocessing.size
        if images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
            raise ValueError(f"`images` must be (n, {size}, {size}, 3). Received: an array of shape {images.shape}")
        return self.run(images)


def load(path: str | os.PathLike, threads: int | None = None, precision: str = "float32", streams: int = 1) -> Exported:
    """Load what `keras_effconv.export` wrote.

    Args:
        path: path of its folder; for a SavedModel also of the folder of its versions, which loads the newest one.
        threads: int, for one call. Default: one for each core, or an equal share of them for each stream.
        precision: str, of the arithmetic: `"float32"`; OpenVINO also takes `"bfloat16"`, which is fast if the processor
            has it. What is int8 in the file is computed in int8. Default `"float32"`.
        streams: int, calls of several threads that are computed at the same time, with one set of weights; further ones
            wait. Default 1.

    Returns:
        An `Exported`: images (n, size, size, 3), RGB, 0..255 -> probabilities (n, classes), with `labels`.

    Raises:
        ValueError: the path is no export, or its format does not take an argument.
        ImportError: the runtime is not installed.

    Example:

    >>> FORMATS["openvino"].runs_in
    ('float32', 'bfloat16')
    >>> run = load("outputs/flowers-openvino", precision="bfloat16")  # doctest: +SKIP
    >>> run.labels[run(images)[0].argmax()]  # doctest: +SKIP
    'tulip'
    """
    folder = _folder(Path(path).expanduser())
    record = _record(folder)
    runtime = FORMATS[one_of("format", record.format, tuple(FORMATS))]
    one_of("precision", precision, runtime.runs_in)
    if threads is not None:
        positive("threads", threads)
    run = _run(runtime, folder, precision, threads, positive("streams", streams))
    facts = record.labels, record.preprocessing, run, record.thresholds
    return Exported(folder, runtime.name, record.precision, *facts)


class _Record(NamedTuple):
    """What `export.json` says of an export; see `Exported`."""

    format: str
    precision: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    thresholds: tuple[float, ...] | None


def _record(folder):
    record = read_json(folder / METADATA)
    try:
        if positive("size", record["size"]) > MAX_SIZE:
            raise ValueError(f"a size of {record['size']:,} pixels")
        fields = {field.name: record[field.name] for field in FIELDS if field.name in record}
        preprocessing = Preprocessing(**fields, inside=True)
        names = str(record["format"])[:80], str(record["precision"])[:80]
        labels, limits = tuple(map(str, record["labels"])), record.get("thresholds")
        if limits is not None and len(limits) != len(labels):
            raise ValueError(f"{len(limits)} thresholds for {len(labels)} labels")
        return _Record(*names, labels, preprocessing, limits if limits is None else tuple(map(float, limits)))
    except KeyError as error:
        raise _refused(folder, f"{METADATA} has no {error}") from None
    except (TypeError, ValueError) as error:
        raise _refused(folder, f"{METADATA}: {error}") from None


def _run(runtime, folder, precision, threads, streams):
    for count, path in enumerate(folder.rglob("*")):
        if count > MAX_FILES:
            raise _refused(folder, f"more than {MAX_FILES:,} files")
        if not path.is_dir():
            check_file(path)
    try:
        return runtime.load(folder, precision, threads, streams)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # each runtime has its own for a damaged file
        if str(error).startswith("`"):  # an argument's
            raise
        raise _refused(folder, error) from error


def _refused(folder, cause):
    cause = " ".join(str(cause).split())[:300]
    return ValueError(f"`path` must be a folder that keras_effconv.export wrote. Received: path='{folder}': {cause}")


def _folder(path):
    if (path / METADATA).is_file():
        return path
    folders = version_folders(path) if path.is_dir() else {}
    exports = {number: folder for number, folder in folders.items() if (folder / METADATA).is_file()}
    if exports:
        return exports[max(exports)]
    raise ValueError(f"`path` must be a folder that keras_effconv.export wrote. Received: path={str(path)!r}")
