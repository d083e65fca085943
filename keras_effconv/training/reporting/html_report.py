"""`report.html`: what a run, or an evaluation, came to, in one file that needs nothing else."""

from keras_effconv.training.reporting.findings import TEST, Findings
from keras_effconv.training.reporting.page import document, galleries, sections
from keras_effconv.training.reporting.page.parts import interval, percent

PAGE = "report.html"
SUSPECTS = 24  # photos


def write_run(result, recipe, dataset, summary: dict, found: Findings):
    """Write the page of a run to its folder.

    Args:
        result: `Result` with its evaluations.
        recipe: `Recipe`.
        dataset: `Dataset`.
        summary: dict, the content of `report.json`.
        found: `Findings`.
    """
    images = getattr(dataset.train, "images", None)  # a stream has none at hand
    document.write(
        result.folder / PAGE,
        f"{recipe.model} on {dataset.name}",
        document.headline(found.evaluation, found.images, selection(summary), _facts(recipe, dataset, summary)),
        sections.curves(result.head_curves, result.curves),
        *_evaluated(found.evaluation, found.calibration, found.mistakes),
        galleries.suspects(found.search, images, SUSPECTS),
    )


def write_evaluation(path, title: str, evaluation, images: str, facts, calibration, mistakes):
    """Write the page of an evaluation.

    Args:
        path: Path.
        title: str.
        evaluation: `Evaluation`.
        images: str, what the images are called, such as "test images".
        facts: sequence of pairs of str: a name and a value.
        calibration: `Calibration`, or `None`.
        mistakes: list of `Mistake`.
    """
    told = f"The {images} report. If they also selected the model, as an epoch for example, the accuracy is optimistic."
    told = "The test images report. They should have selected nothing." if images == TEST else told
    told = "The model was trained on these images, or on some of them." if images == "train images" else told
    first = document.headline(evaluation, images, [told], facts)
    document.write(path, title, first, *_evaluated(evaluation, calibration, mistakes))


def _evaluated(evaluation, calibration, mistakes):
    wrong = int((evaluation.predicted != evaluation.labels).sum())
    yield sections.classes(evaluation)
    yield sections.confusion(evaluation)
    yield galleries.mistakes(mistakes, wrong)
    yield sections.calibration(calibration)


def selection(summary: dict) -> list[str]:
    """Say which images selected something, and which report: list of sentences.

    Args:
        summary: dict of the run's numbers.
    """
    selected = summary["selected_on_validation"]
    if summary["test_images"]:
        chosen = "The validation images selected the epoch." if selected else "No images selected anything."
        return [chosen, "The test images report: they were looked at once, at the end, and selected nothing."]
    if selected:
        return [
            "The validation images selected the epoch, and they report.",
            "The accuracy is therefore a little optimistic; that of a test split would not be.",
        ]
    why = "the model is that of the last epoch" if summary["epochs"] else "no epochs were trained"
    return [f"The validation images report. They selected nothing: {why}."]


def _facts(recipe, dataset, summary):
    """Return what is known of a model, as pairs of texts."""
    yield "Network", f"{recipe.model}, {recipe.conv}"
    yield "Parameters", f"{summary['params'] / 1e6:.2f} million"
    yield "Multiply-accumulates", f"{summary['macs'] / 1e9:.3f} billion an image"
    yield "model.keras", f"{summary['model_bytes'] / 1e6:.1f} MB"
    yield "Classes", f"{len(dataset.class_names)}"
    yield "Training images", f"{len(dataset.train)}"
    yield "Epoch kept", _kept(summary)
    if summary["images_per_second"]:
        yield "Speed of training", f"{summary['images_per_second']:.0f} images/s"
    if summary["test_images"]:
        measured = f"{percent(summary['accuracy'])}, {interval(summary['accuracy_interval'])}"
        yield "Validation accuracy", f"{measured} ({summary['validation_images']} images)"
    for key, label in (("head_accuracy", "Head alone, validation"), ("last_accuracy", "Last epoch, validation")):
        if summary["epochs"] and summary[key] is not None:
            yield label, percent(summary[key])
    if summary["head_cross_validated"] is not None:
        measured = f"{percent(summary['head_cross_validated'])}, {interval(summary['head_cross_validated_interval'])}"
        yield "Head alone, five folds", f"{measured} ({summary['head_cross_validated_images']} training images)"
    if summary["unreadable"]:
        yield "Files skipped", f"{len(summary['unreadable'])}, since they could not be read"


def _kept(summary):
    head = summary["head_accuracy"] is not None
    if not summary["epochs"]:
        return "none: the head alone" if head else "none: nothing was trained"
    return f"{summary['kept_epoch']} of {summary['epochs']}" if summary["kept_epoch"] else "0: the head alone"
