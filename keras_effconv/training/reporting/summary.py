"""The numbers of a run, stated once: the report, the card and the screen all read them."""

from keras_effconv.training.class_names import in_short
from keras_effconv.training.reporting.intervals import wilson, with_interval


def summarized(result, recipe, dataset):
    """Return the numbers of a run: dict, fit for JSON. Those of the test images are `None` if there are none.

    Args:
        result: `Result` with its evaluations.
        recipe: `Recipe`.
        dataset: `Dataset`.
    """
    return {
        "model": recipe.model,
        "conv": str(recipe.conv),
        **_measured(result.evaluation, ""),
        "head_accuracy": result.head_accuracy,
        **_cross_validated(result.search),
        "last_accuracy": result.last_accuracy,
        "kept_epoch": result.kept,
        "best_epoch": result.best,
        "selected_on_validation": bool(result.curves) and recipe.selects,
        "epochs": result.epochs,
        "trained_share": result.trained_share,
        "validation_images": len(result.evaluation.labels),
        "classes_without_validation_images": result.evaluation.without_images,
        **_measured(result.test, "test_"),
        "test_images": None if result.test is None else len(result.test.labels),
        "images_per_second": round(result.images_per_second, 1),
        "unreadable": list(dataset.unreadable),
    }


def _measured(evaluation, prefix):
    names, values = ("accuracy", "accuracy_interval", "top5", "confusion"), (None,) * 4
    if evaluation is not None:
        values = evaluation.accuracy, evaluation.interval, evaluation.accuracy_at(5), evaluation.confusion.tolist()
    return {f"{prefix}{name}": value for name, value in zip(names, values)}


def _cross_validated(search):
    """Return the accuracy on the training images, of heads that have not seen the image; `None` without a search."""
    known = search is not None and search.right is not None
    return {
        "head_cross_validated": search.right / search.images if known else None,
        "head_cross_validated_interval": wilson(search.right, search.images) if known else None,
        "head_cross_validated_images": search.images if known else None,
    }


def measured(summary, prefix=""):
    """Write the accuracy of a summary and its interval; of the test images with the prefix `"test_"`."""
    return with_interval(summary[f"{prefix}accuracy"], summary[f"{prefix}accuracy_interval"])


def told(summary, seconds):
    """Return what a run came to, in lines for the screen.

    Args:
        summary: dict of `summarized`.
        seconds: float.

    Returns:
        list of str.
    """
    others = {"head alone": summary["head_accuracy"]}
    if summary["selected_on_validation"]:
        others = {"last": summary["last_accuracy"], **others}
    others = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in others.items() if accuracy is not None)
    speed = summary["images_per_second"]
    speed = f"training at {speed:.0f} images/s; " if speed else ""
    lines = [
        f"accuracy {measured(summary)} on {summary['validation_images']} validation images, {_choice(summary)} "
        f"({others or 'nothing was trained'}); {speed}{seconds:.0f} s in all"
    ]
    if summary["head_cross_validated"] is not None:
        shown = with_interval(summary["head_cross_validated"], summary["head_cross_validated_interval"])
        lines.append(f"head alone, in five folds of {summary['head_cross_validated_images']} training images: {shown}")
    absent = summary["classes_without_validation_images"]
    if absent:
        lines.append(f"{len(absent)} classes have no validation image, so nothing is known of them: {in_short(absent)}")
    if summary["test_images"]:
        lines.append(
            f"test accuracy {measured(summary, 'test_')} on {summary['test_images']} test images; nothing was "
            "selected by them"
        )
    return lines


def _choice(summary):
    """Return which epoch a model is of, and whether the validation images chose it, in words."""
    epoch = f"{summary['kept_epoch']} of {summary['epochs']}"
    if summary["selected_on_validation"]:
        return f"at the epoch that is best on them: {epoch}"
    return f"at the last epoch, {epoch}: they selected nothing" if summary["epochs"] else "which selected nothing"
