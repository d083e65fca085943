"""The numbers of a run, stated once: the report, the card and the screen all read them."""

from keras_effconv.training.class_names import in_short
from keras_effconv.training.headline import in_words
from keras_effconv.training.reporting.intervals import wilson, with_interval

SHARES = {"precision": "precision", "recall": "recall", "F1": "f1", "F1 at 0.5": "f1_at_half"}


def summarized(result, recipe, dataset):
    """Return the numbers of a run: dict, fit for JSON. Those of the test images are `None` if there are none.

    Args:
        result: `Result` with its evaluations.
        recipe: `Recipe`.
        dataset: `Dataset`.
    """
    metric, own = result.evaluation.metric, result.evaluation.measured()
    return {
        "model": recipe.model,
        "conv": str(recipe.conv),
        "metric": metric,
        **own,
        f"head_{metric}": result.head_score,
        **_cross_validated(result.search),
        f"last_{metric}": result.last_score,
        "kept_epoch": result.kept,
        "best_epoch": result.best,
        "selected_on_validation": bool(result.curves) and recipe.selects,
        "epochs": result.epochs,
        "trained_share": result.trained_share,
        "validation_images": len(result.evaluation.labels),
        "classes_without_validation_images": result.evaluation.without_images,
        **_of_test(result.test, own),
        "test_images": None if result.test is None else len(result.test.labels),
        "images_per_second": round(result.images_per_second, 1),
        "unreadable": list(dataset.unreadable),
    }


def _of_test(test, names):
    """Return the numbers on the test images, by the names of those on the validation images."""
    numbers = dict.fromkeys(names) if test is None else test.measured()
    return {f"test_{name}": value for name, value in numbers.items()}


def _cross_validated(search):
    """Return the headline on the training images, of heads that have not seen the image; `None` without a search."""
    known = search is not None and search.score is not None
    counted = known and search.right is not None
    return {
        "head_cross_validated": search.score if known else None,
        "head_cross_validated_interval": wilson(search.right, search.images) if counted else None,
        "head_cross_validated_images": search.images if known else None,
    }


def measured(summary, prefix=""):
    """Write the headline of a summary and its interval; of the test images with the prefix `"test_"`."""
    name = f"{prefix}{summary['metric']}"
    return with_interval(summary[name], summary[f"{name}_interval"])


def told(summary, seconds):
    """Return what a run came to, in lines for the screen.

    Args:
        summary: dict of `summarized`.
        seconds: float.

    Returns:
        list of str.
    """
    metric = summary["metric"]
    others = {"head alone": summary[f"head_{metric}"]}
    if summary["selected_on_validation"]:
        others = {"last": summary[f"last_{metric}"], **others}
    others = ", ".join(f"{name} {score:.1%}" for name, score in others.items() if score is not None)
    speed = summary["images_per_second"]
    speed = f"training at {speed:.0f} images/s; " if speed else ""
    name = in_words(metric)
    lines = [
        f"{name} {measured(summary)} on {summary['validation_images']} validation images, {_choice(summary)} "
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
            f"test {name} {measured(summary, 'test_')} on {summary['test_images']} test images; nothing was "
            "selected by them"
        )
    return [*lines, *_at_thresholds(summary)]


def _at_thresholds(summary):
    """Say what the answers at the thresholds are worth; nothing of one label an image."""
    for prefix, images in (("", "validation"), ("test_", "test")):
        if summary.get(f"{prefix}f1") is not None:
            shares = (f"{name} {summary[f'{prefix}{key}']:.1%}" for name, key in SHARES.items())
            chosen = summary[f"{prefix}thresholds_chosen"]
            yield f"{images} images at thresholds chosen {chosen}: {', '.join(shares)} (means over classes)"


def _choice(summary):
    """Return which epoch a model is of, and whether the validation images chose it, in words."""
    epoch = f"{summary['kept_epoch']} of {summary['epochs']}"
    if summary["selected_on_validation"]:
        return f"at the epoch that is best on them: {epoch}"
    return f"at the last epoch, {epoch}: they selected nothing" if summary["epochs"] else "which selected nothing"
