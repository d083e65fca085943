"""The files that a finished run leaves, and what it prints."""

import os
import sys
import time

from absl import flags

FLAGS = flags.FLAGS


def finish(result, recipe, dataset, output, begun, files):
    """Evaluate, write all files and print the report.

    Args:
        result: `Result` of the run.
        recipe: `Recipe`.
        dataset: `Dataset`.
        output: Path of the folder.
        begun: float, `time.perf_counter()` at the start.
        files: names of the files, for the last lines.
    """
    from keras_effconv.training import evaluate
    from keras_effconv.training.reporting import evaluation as report
    from keras_effconv.utils.files import replacing, write_json, write_lines

    evaluation = evaluate(result.model, dataset.validation, dataset.class_names, recipe.batch_size)
    with replacing(output / "model.keras") as temporary:
        result.model.save(temporary)
    write_lines(output / "labels.txt", dataset.class_names)
    summary = _summary(result, recipe, dataset, evaluation, begun)
    write_json(output / "report.json", summary)
    _write_metrics(result, output)
    _write_pictures(result, evaluation, dataset, output)
    _write_card(result, recipe, dataset, summary, output, files)
    _export(result, dataset, output)
    print("\n" + "\n".join(report.table(evaluation)))
    head = "" if result.head_accuracy is None else f", head alone {result.head_accuracy:.1%}"
    print(
        f"\naccuracy {summary['accuracy']:.1%} on {len(dataset.validation)} validation images, at the epoch that is "
        f"best on them: {result.best} of {recipe.epochs} (last {summary['last_accuracy']:.1%}{head}); "
        f"training at {result.images_per_second:.0f} images/s; {summary['seconds']:.0f} s in all"
    )
    print(f"written to {output}: {' '.join(files)}")
    python = os.path.relpath(sys.executable)
    print(f"next: {python} scripts/predict.py IMAGE --model={output / 'model.keras'}")


def _summary(result, recipe, dataset, evaluation, begun):
    curve = result.curves.get("val_accuracy") or [result.head_accuracy]
    return {
        "model": recipe.model,
        "conv": recipe.conv,
        "accuracy": evaluation.accuracy,
        "top5": evaluation.accuracy_at(5),
        "head_accuracy": result.head_accuracy,
        "last_accuracy": curve[-1],
        "best_epoch": result.best,
        "validation_images": len(dataset.validation),
        "images_per_second": round(result.images_per_second, 1),
        "seconds": round(time.perf_counter() - begun, 1),
        "unreadable": list(dataset.unreadable),
        "confusion": evaluation.confusion.tolist(),
    }


def _write_metrics(result, output):
    """A line per epoch: CSV for a spreadsheet, JSON for a program."""
    from keras_effconv.utils.files import write_json, write_lines

    write_json(output / "metrics.json", {"head": result.head_curves, **result.curves})
    names = sorted({*result.head_curves, *result.curves})
    lines = [",".join(["phase", "epoch", *names])]
    for phase, curves in (("head", result.head_curves), ("network", result.curves)):
        for epoch in range(len(curves.get("val_accuracy", ()))):
            values = [f"{curves[name][epoch]:.6g}" if name in curves else "" for name in names]
            lines.append(",".join([phase, str(epoch + 1), *values]))
    write_lines(output / "metrics.csv", lines)


def _write_pictures(result, evaluation, dataset, output):
    from keras_effconv.training.reporting import plots as pictures

    pictures.learning_curves(result, output / "learning_curves.png")
    pictures.confusion(evaluation, output / "confusion.png")
    if hasattr(dataset.validation, "images"):  # a stream has none at hand
        pictures.predictions(evaluation, dataset.validation, output / "predictions.png")


def _write_card(result, recipe, dataset, summary, output, files):
    from keras_effconv.training.reporting.environment import environment
    from keras_effconv.training.reporting.model_card import card
    from keras_effconv.utils.files import write_lines

    write_lines(output / "README.md", [card(result.model, recipe, dataset, summary, environment(), files)])


def _export(result, dataset, output):
    import keras

    from keras_effconv import export

    if keras.backend.backend() != "tensorflow":
        print("no SavedModel: it is exported with KERAS_BACKEND=tensorflow (scripts/export.py)")
        return
    export(result.model, output / "serving", labels=dataset.class_names, version=1)
