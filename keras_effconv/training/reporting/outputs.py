"""The files that a finished run leaves."""

import shutil
import time
from pathlib import Path

import keras

from keras_effconv.training import rate_finder
from keras_effconv.training.reporting import findings, html_report, mislabelled, plots, thresholds
from keras_effconv.training.reporting.environment import check_folder, environment
from keras_effconv.training.reporting.evaluation import evaluate
from keras_effconv.training.reporting.model_card import card
from keras_effconv.training.reporting.run_record import identity, write_record
from keras_effconv.training.reporting.summary import summarized
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing, write_json, write_lines
from keras_effconv.utils.paths import quoted

CARD, REPORT, LOGS, SERVING, EXPORTS = "README.md", "report.json", "logs/", "serving/1", "exports/"
PLOTS = ("confusion.png", "test_confusion.png", "precision_recall.png", "test_precision_recall.png")
FILES = (
    "model.keras",
    "labels.txt",
    CARD,
    html_report.PAGE,
    REPORT,
    mislabelled.FILE,
    "metrics.csv",
    "metrics.json",
    "learning_curves.png",
    *PLOTS,
    "predictions.png",
    thresholds.FILE,
    *rate_finder.FILES,
    "environment.json",
    "run.json",
    LOGS,
    SERVING,
)
SOMETIMES = (*PLOTS, "predictions.png", thresholds.FILE, mislabelled.FILE, *rate_finder.FILES, LOGS, SERVING, EXPORTS)
FOLDERS = (LOGS, "serving", SERVING, EXPORTS)
NEEDED = 200 << 20  # bytes on the disk


def files(folder):
    """Return those of `FILES` that a folder has: list of str."""
    return [name for name in FILES if (Path(folder) / name).exists()]


def check_outputs(folder):
    """Raise before any work is done if a run cannot write its files.

    Raises:
        ValueError: a file is where a folder must be, or a folder where a file must be.
        ImportError: a package is missing.
        OSError: the folder cannot be written to, or the disk has too little room.
    """
    for module in ("matplotlib.figure", "tqdm", "scipy.optimize"):
        require(module)
    check_folder(folder, NEEDED)
    for name in (*FILES, "serving", EXPORTS):
        path, kind = Path(folder) / name, "folder" if name in FOLDERS else "file"
        if path.exists() and path.is_dir() != (kind == "folder"):
            raise ValueError(f"`folder` must leave room for a {kind} {name}. Received: something else at {str(path)!r}")


def logging(folder, resumed):
    """Return callbacks that write `environment.json` and TensorBoard logs when training begins.

    Args:
        folder: path.
        resumed: bool; if not, the logs of an earlier run are removed, which TensorBoard would draw over this one's.
    """
    earlier = [] if resumed else [folder / LOGS]

    def begin(logs=None):
        while earlier:  # each phase begins, and the first one clears; TensorBoard opens its files after this
            shutil.rmtree(earlier.pop(), ignore_errors=True)
        _write_environment(folder)

    return keras.callbacks.LambdaCallback(on_train_begin=begin), keras.callbacks.TensorBoard(
        folder / LOGS, write_graph=False
    )


def write_outputs(result, recipe, dataset, record, begun):
    """Evaluate a model on the validation images, and once on the test images, and write all that a run leaves.

    Args:
        result: `Result`.
        recipe: `Recipe`.
        dataset: `Dataset`.
        record: dict, see `run_record.described`.
        begun: float, `time.perf_counter()` at the beginning of the run.

    Returns:
        The `Result` with the evaluations and the seconds.
    """
    folder = result.folder
    result, calibration = findings.calibrated(_evaluated(result, recipe, dataset))
    result = findings.decided(result)
    with replacing(folder / "model.keras") as temporary:
        result.model.save(temporary)
    write_lines(folder / "labels.txt", dataset.class_names)
    if not result.curves:  # nothing was trained, so nothing was written when training began
        write_record(folder, record)
        _write_environment(folder)
    _write_metrics(result, folder)
    drawn = _write_plots(result, dataset, folder)
    limits = _write_thresholds(result.evaluation, folder)
    exported = _export(result.model, dataset, folder, limits)
    found = findings.find(result, dataset, identity(record), calibration)
    result = result._replace(search=found.search)
    written = [*drawn, *exported, *([] if limits is None else [thresholds.FILE])]
    written += [] if found.search is None else [mislabelled.FILE]
    written += [LOGS] * bool(result.curves) + [*rate_finder.FILES] * recipe.find_lr
    _remove_earlier(folder, {*written})
    summary = {**summarized(result, recipe, dataset), **findings.numbers(found, result)}
    html_report.write_run(result, recipe, dataset, summary, found)
    names = [name for name in FILES if name in (CARD, REPORT) or (folder / name).exists()]
    write_lines(folder / CARD, [card(result.model, recipe, dataset, summary, environment(), names)])
    seconds = round(time.perf_counter() - begun, 1)
    write_json(folder / REPORT, {**summary, "seconds": seconds})
    return result._replace(seconds=seconds)


def _evaluated(result, recipe, dataset):
    """Return a result with its evaluations: on the validation images, and on those of the test if there are any."""
    splits = {"evaluation": dataset.validation, "test": dataset.test}
    return result._replace(
        **{
            name: evaluate(result.model, split, dataset.class_names, recipe.batch_size)
            for name, split in splits.items()
            if split is not None
        }
    )


def _remove_earlier(folder, written):
    """Remove what an earlier run wrote and this one did not, so that the folder is of one run."""
    for name in {*SOMETIMES} - written:
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _write_environment(folder):
    write_json(folder / "environment.json", environment())


def _write_metrics(result, folder):
    """Write a line per epoch: CSV for a spreadsheet, JSON for a program."""
    write_json(folder / "metrics.json", {"head": result.head_curves, **result.curves})
    names = sorted({*result.head_curves, *result.curves})
    lines = [",".join(["phase", "epoch", *names])]
    for phase, curves in (("head", result.head_curves), ("network", result.curves)):
        for epoch in range(len(curves.get("val_loss", ()))):
            values = [f"{curves[name][epoch]:.6g}" if name in curves else "" for name in names]
            lines.append(",".join([phase, str(epoch + 1), *values]))
    write_lines(folder / "metrics.csv", lines)


def _write_plots(result, dataset, folder):
    """Draw, and return the names of the pictures that not every run has."""
    plots.learning_curves(result, folder / "learning_curves.png")
    drawn = [plots.of_classes(result.evaluation, folder)]
    if result.test is not None:
        drawn.append(plots.of_classes(result.test, folder, "test"))
    if hasattr(dataset.validation, "images"):  # a stream has none at hand
        plots.predictions(result.evaluation, dataset.validation, folder / "predictions.png")
        drawn.append("predictions.png")
    return drawn


def _write_thresholds(evaluation, folder):
    """Write the thresholds of a model of several labels, and return them; `None` of any other."""
    limits = getattr(evaluation, "thresholds", None)
    if limits is not None:
        thresholds.write(folder, evaluation.class_names, limits)
    return limits


def _export(model, dataset, folder, limits):
    from keras_effconv import export

    if keras.backend.backend() != "tensorflow":
        model, output = f"--model={folder / 'model.keras'}", f"--output={folder / 'serving'}"
        command = quoted(["keras-effconv", "export", model, output])
        print(f"no SavedModel, since TensorFlow writes it: KERAS_BACKEND=tensorflow {command}")
        return []
    export(model, folder / "serving", labels=dataset.class_names, version=1, thresholds=limits)
    return [SERVING]
