"""The files that a finished run leaves."""

import time
from pathlib import Path

import keras

from keras_effconv.training.reporting import plots
from keras_effconv.training.reporting.environment import check_folder, environment
from keras_effconv.training.reporting.evaluation import evaluate
from keras_effconv.training.reporting.model_card import card
from keras_effconv.training.reporting.run_record import write_record
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing, write_json, write_lines

CARD = "README.md"
FILES = (
    "model.keras",
    "labels.txt",
    CARD,
    "report.json",
    "metrics.csv",
    "metrics.json",
    "learning_curves.png",
    "confusion.png",
    "predictions.png",
    "environment.json",
    "run.json",
    "logs/",
    "serving/1",
)
NEEDED = 200 << 20  # bytes on the disk


def files(folder):
    """Return those of `FILES` that a folder has, the card included: list of str."""
    return [name for name in FILES if name == CARD or (Path(folder) / name).exists()]


def check_outputs(folder):
    """Raise before any work is done if a run cannot write its files.

    Raises:
        ImportError: a package is missing.
        OSError: the folder cannot be written to, or the disk has too little room.
    """
    for module in ("matplotlib.figure", "tqdm"):
        require(module)
    check_folder(folder, NEEDED)


def logging(folder):
    """Return callbacks that write `environment.json` and TensorBoard logs when training begins."""
    begin = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: _write_environment(folder))
    return begin, keras.callbacks.TensorBoard(folder / "logs", write_graph=False)


def write_outputs(result, recipe, dataset, begun):
    """Evaluate a model on the validation images, and write all that a run leaves.

    Args:
        result: `Result`.
        recipe: `Recipe`.
        dataset: `Dataset`.
        begun: float, `time.perf_counter()` at the beginning of the run.

    Returns:
        The `Evaluation`.
    """
    folder = result.folder
    evaluation = evaluate(result.model, dataset.validation, dataset.class_names, recipe.batch_size)
    with replacing(folder / "model.keras") as temporary:
        result.model.save(temporary)
    write_lines(folder / "labels.txt", dataset.class_names)
    if not result.curves:  # nothing was trained, so nothing was written when training began
        write_record(folder, recipe, dataset)
        _write_environment(folder)
    summary = _summary(result, recipe, dataset, evaluation, time.perf_counter() - begun)
    write_json(folder / "report.json", summary)
    _write_metrics(result, folder)
    _write_plots(result, evaluation, dataset, folder)
    _export(result.model, dataset, folder)
    write_lines(folder / CARD, [card(result.model, recipe, dataset, summary, environment(), files(folder))])
    return evaluation


def _write_environment(folder):
    write_json(folder / "environment.json", environment())


def _summary(result, recipe, dataset, evaluation, seconds):
    return {
        "model": recipe.model,
        "conv": str(recipe.conv),
        "accuracy": evaluation.accuracy,
        "top5": evaluation.accuracy_at(5),
        "head_accuracy": result.head_accuracy,
        "last_accuracy": result.last_accuracy,
        "best_epoch": result.best,
        "validation_images": len(dataset.validation),
        "images_per_second": round(result.images_per_second, 1),
        "seconds": round(seconds, 1),
        "unreadable": list(dataset.unreadable),
        "confusion": evaluation.confusion.tolist(),
    }


def _write_metrics(result, folder):
    """Write a line per epoch: CSV for a spreadsheet, JSON for a program."""
    write_json(folder / "metrics.json", {"head": result.head_curves, **result.curves})
    names = sorted({*result.head_curves, *result.curves})
    lines = [",".join(["phase", "epoch", *names])]
    for phase, curves in (("head", result.head_curves), ("network", result.curves)):
        for epoch in range(len(curves.get("val_accuracy", ()))):
            values = [f"{curves[name][epoch]:.6g}" if name in curves else "" for name in names]
            lines.append(",".join([phase, str(epoch + 1), *values]))
    write_lines(folder / "metrics.csv", lines)


def _write_plots(result, evaluation, dataset, folder):
    plots.learning_curves(result, folder / "learning_curves.png")
    plots.confusion(evaluation, folder / "confusion.png")
    if hasattr(dataset.validation, "images"):  # a stream has none at hand
        plots.predictions(evaluation, dataset.validation, folder / "predictions.png")


def _export(model, dataset, folder):
    from keras_effconv import export

    if keras.backend.backend() != "tensorflow":
        command = f"keras-effconv export --model={folder / 'model.keras'} --output={folder / 'serving'}"
        print(f"no SavedModel, since TensorFlow writes it: KERAS_BACKEND=tensorflow {command}")
        return
    export(model, folder / "serving", labels=dataset.class_names, version=1)
