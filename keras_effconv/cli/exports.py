"""Exports of a network that was just trained, and what each is worth: `--export=openvino:int8,onnx:float16`."""

import contextlib
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

CALIBRATION = 100  # images, which are enough for the ranges of int8
BATCH, REPEATS = 32, 20
LOST = 0.01  # of the accuracy, above which an export is not left
HEAD = ("export", "MB", "of float32", "ms/image", "of float32", "same answer", "score")
ADVICE = "float16 or another runtime may lose less"


class Target(NamedTuple):
    """What to export to.

    Attributes:
        format: str, a key of `exporting.FORMATS`.
        precision: str, of the weights.
    """

    format: str
    precision: str

    def __str__(self):
        return f"{self.format}:{self.precision}"


class Worth(NamedTuple):
    """An export next to the one of float32 in its runtime.

    Attributes:
        target: `Target`.
        folder: path of its files.
        megabytes, ms: pairs of floats, of float32 and of the export: bytes of the files in millions, milliseconds of
            an image.
        agreement: float, share of images that it says the same of as the Keras model.
        score: float, the accuracy; for several labels the mean average precision.
    """

    target: Target
    folder: Path
    megabytes: tuple[float, float]
    ms: tuple[float, float]
    agreement: float
    score: float


def targets(texts) -> list[Target]:
    """Read what `--export` has.

    Args:
        texts: sequence of str, `"format"` or `"format:precision"`.

    Raises:
        ValueError: for a format or a precision that does not exist.
        ImportError: a package that one needs is missing.

    Example:

    >>> [str(target) for target in targets(["onnx"])]
    ['onnx:float32']
    """
    import keras

    from keras_effconv.exporting import FORMATS
    from keras_effconv.utils.extras import require

    if texts and keras.backend.backend() != "tensorflow":
        raise ValueError(f"`export` must be without KERAS_BACKEND={keras.backend.backend()}. Received: {texts}")
    every = [str(Target(name, precision)) for name, record in FORMATS.items() for precision in record.precisions]
    read = [Target(*text.split(":")) if text.count(":") == 1 else Target(text, "float32") for text in texts]
    for target in read:
        if str(target) not in every:
            raise ValueError(f"`export` must be of {', '.join(every)}. Received: {target}")
        for module in FORMATS[target.format].modules:
            require(module, "export")
        if target == ("openvino", "int8"):
            require("nncf", "int8")
    return list(dict.fromkeys(read))


def write_exports(result, every, dataset, folder) -> list[Worth]:
    """Write exports of a model that was just trained, measure them on the validation images, and print a table.

    Args:
        result: `Result` with an evaluation.
        every: list of `Target`.
        dataset: `Dataset` that it was trained on; its training images give the ranges of int8.
        folder: path, of the run.

    Raises:
        ValueError: an export loses more than a point, and more than an image, and is removed; or it was refused, since
            it computes something else. The others are left.
    """
    from keras_effconv.training.reporting.outputs import EXPORTS
    from keras_effconv.utils.text_table import markdown

    place, found, faults = Path(folder) / EXPORTS, [], []
    with tempfile.TemporaryDirectory() as plain:
        for target in every:
            try:
                own = place / f"{target.format}-{target.precision}"
                found.append(_exported(result, target, dataset, own, Path(plain)))
            except ValueError as error:
                faults.append(f"{target}: {error}")
    print(markdown([HEAD, *map(_cells, found)]))
    lost = [worth for worth in found if _is_worse(worth, result.evaluation)]
    for worth in lost:
        shutil.rmtree(worth.folder)
    if lost:
        named = ", ".join(f"{worth.target} with {worth.score:.1%}" for worth in lost)
        whole = result.evaluation.score
        advice = _advice(result, dataset) if any(worth.target.precision == "int8" for worth in lost) else ADVICE
        faults.append(f"`export` must lose at most a point of {whole:.1%}. Received: {named}, removed; {advice}")
    if faults:
        raise ValueError("; ".join(faults))
    return found


def _advice(result, dataset):
    """Return what can be done about int8; `keras-effconv export` has flags for all of it."""
    from keras_effconv import deploy
    from keras_effconv.exporting import accuracy
    from keras_effconv.exporting.classifier import classifier_of

    classifier = classifier_of(deploy(result.model), dataset.class_names)
    return f"{ADVICE}; {accuracy.advice(classifier, spread(dataset.train, CALIBRATION)[0])}"


def _is_worse(worth, evaluation):
    return evaluation.score - worth.score > max(LOST, 1 / len(evaluation.labels)) + 1e-9


def _exported(result, target, dataset, folder, plain):
    """Write an export, and measure it next to the one of float32 that `plain` holds or gets for its format."""
    from keras_effconv import deploy, exporting
    from keras_effconv.cli.timing import in_turns
    from keras_effconv.training import evaluate
    from keras_effconv.utils.files import bytes_in

    model, names = deploy(result.model, target=target.format), dataset.class_names
    options = {"labels": names, "thresholds": getattr(result.evaluation, "thresholds", None)}
    ranges = _calibration(dataset.train) if target.precision == "int8" else {}
    exporting.export(model, folder, target.format, precision=target.precision, **options, **ranges)
    folders = {"float32": plain / target.format, "export": folder}
    if not folders["float32"].exists():
        exporting.export(model, folders["float32"], target.format, **options)
    runs = {name: exporting.load(each) for name, each in folders.items()}
    seconds = in_turns(runs, spread(dataset.validation, 1)[0], REPEATS, str(target))
    megabytes = tuple(bytes_in(each) / 1e6 for each in folders.values())
    evaluation = evaluate(runs["export"], dataset.validation, names, BATCH)
    ms = tuple(1e3 * statistics.median(each) for each in seconds.values())
    return Worth(target, folder, megabytes, ms, evaluation.agreement(result.evaluation), evaluation.score)


def _calibration(split):
    """Return arguments of `export` for int8: images, and their labels if each has one."""
    images, labels = spread(split, CALIBRATION)
    return {"calibration": images, **({"calibration_labels": labels} if labels.ndim == 1 else {})}


def spread(split, most) -> tuple[np.ndarray, np.ndarray]:
    """Return images of a split, evenly spread over it, and their labels: arrays (n, size, size, 3) and (n, ...).

    In the place of one that cannot be read, of a split that stays on disk, is the next one that can.

    Args:
        split: `Split` or `Streamed`.
        most: int.
    """
    from keras_effconv.training.input_pipeline import batches_of
    from keras_effconv.utils.spread import evenly

    batches, found = batches_of(split, 1), {}
    for place in evenly(len(batches), most).tolist():
        for i in range(place, len(batches)):
            with contextlib.suppress(ValueError):  # it cannot be read, and the training has said so
                found[i] = batches[i][:2]
                break
    images, labels = zip(*found.values())
    return np.concatenate(images), np.concatenate(labels)


def _cells(worth):
    (plain_mb, mb), (plain_ms, ms) = worth.megabytes, worth.ms
    sizes = f"{mb:.1f}", f"{mb / plain_mb:.2f}", f"{ms:.2f}", f"{ms / plain_ms:.2f}"
    return str(worth.target), *sizes, f"{worth.agreement:.1%}", f"{worth.score:.1%}"
