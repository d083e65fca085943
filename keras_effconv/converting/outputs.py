"""The files that a conversion leaves: those of a run, as far as they make sense."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_effconv.converting import plots
from keras_effconv.converting.card import card
from keras_effconv.converting.report import ConvertReport
from keras_effconv.exporting import export
from keras_effconv.network_info import preprocessing_for
from keras_effconv.training.reporting import thresholds as thresholds_file
from keras_effconv.utils.files import replacing, write_json, write_lines
from keras_effconv.utils.paths import quoted

MODEL, LABELS, CARD, REPORT, ENVIRONMENT = "model.keras", "labels.txt", "README.md", "report.json", "environment.json"
PICTURE, CONFUSION, SERVING = "explained.png", "confusion.png", "serving/1"
FILES = (MODEL, LABELS, thresholds_file.FILE, CARD, REPORT, PICTURE, CONFUSION, ENVIRONMENT, SERVING)
NEEDED = 200 << 20  # bytes on the disk


def check(folder):
    """Raise before any work is done if something in a folder is in the way of a file.

    Raises:
        ValueError: a file is where a folder must be, or a folder where a file must be.
    """
    for name in (*FILES, "serving"):
        path, kind = Path(folder) / name, "folder" if name in (SERVING, "serving") else "file"
        if path.exists() and path.is_dir() != (kind == "folder"):
            raise ValueError(f"`folder` must leave room for a {kind} {name}. Received: something else at {str(path)!r}")


def write(
    folder,
    model: keras.Model,
    report: ConvertReport,
    *,
    source: str,
    data: str,
    environment: Mapping[str, Any],
    labels: Sequence[str] | None = None,
    accuracy: Mapping[str, Any] | None = None,
    thresholds: Sequence[float] | None = None,
) -> list[str]:
    """Write all that a conversion leaves. Each file is replaced as a whole.

    Args:
        folder: path; made if need be.
        model: `keras.Model`, the converted one.
        report: `ConvertReport`.
        source: str, the dense network: a path, or a name.
        data: str, what the images are.
        environment: dict of where and with what this was done: `command`, `packages`, `backend`, `commit`, `time`.
        labels: sequence of str, the names of the classes. Default `None`.
        accuracy: dict, fit for JSON, of both networks on images with labels: `images`, `accuracy_before`, `accuracy`
            and others. `confusion.png` is in the folder then. Default `None`.
        thresholds: sequence of floats, of a model of several labels: those of the dense network. Default `None`.

    Returns:
        list of str, those of `FILES` that the folder has.
    """
    folder = Path(folder)
    with replacing(folder / MODEL) as temporary:
        model.save(temporary)
    if labels is not None:
        write_lines(folder / LABELS, labels)
        if thresholds is not None:
            thresholds_file.write(folder, labels, thresholds)
    write_json(folder / ENVIRONMENT, environment)
    plots.explained(report, folder / PICTURE)
    exported, limited = _export(model, labels, folder, thresholds), labels is not None and thresholds is not None
    present = {
        LABELS: labels is not None,
        thresholds_file.FILE: limited,
        CONFUSION: accuracy is not None,
        SERVING: exported,
    }
    _remove_earlier(folder, [name for name, there in present.items() if not there])
    write_json(folder / REPORT, {"model": source, "data": data, **report.to_dict(), **_flat(accuracy)})
    files = [name for name in FILES if present.get(name, True)]
    write_lines(folder / CARD, [card(model, report, source, data, environment, files, labels, accuracy)])
    return files


def _flat(accuracy):
    """Return the accuracy as entries of the report, whose `agreement` is that on the images held back."""
    return {} if accuracy is None else {"validation": dict(accuracy)}


def _export(model, labels, folder, thresholds):
    """Write a SavedModel, and return whether there is one."""
    command = quoted(["keras-effconv", "export", f"--model={folder / MODEL}", f"--output={folder / 'serving'}"])
    try:
        preprocessing_for(model)
        if keras.backend.backend() != "tensorflow":
            print(f"no SavedModel, since TensorFlow writes it: KERAS_BACKEND=tensorflow {command}")
            return False
        export(model, folder / "serving", labels=labels, version=1, thresholds=thresholds)
    except ValueError as error:  # of a model that is no classifier, or does not say what it wants of images
        print(f"no SavedModel: {error}")
        return False
    return True


def _remove_earlier(folder, names):
    """Remove what an earlier conversion wrote and this one did not, so that the folder is of one."""
    for name in names:
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
