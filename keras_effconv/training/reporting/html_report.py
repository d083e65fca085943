"""`report.html`: what a run, or an evaluation, came to, in one file that needs nothing else."""

import functools

from keras_effconv.training.headline import in_words
from keras_effconv.training.reporting.findings import TEST, Findings
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.training.reporting.page import document, galleries, label_sections, sections
from keras_effconv.training.reporting.page.parts import interval, percent
from keras_effconv.training.reporting.single_label import Evaluation

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
        *_searched(found.evaluation, found.search, images),
        galleries.network(result.model),
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
    what = in_words(evaluation.metric)
    told = f"Measured on the {images}. If they also selected the model, such as its epoch, the {what} is optimistic."
    told = "Measured on the test images. They should have selected nothing." if images == TEST else told
    told = "The model was trained on these images, or on some of them." if images == "train images" else told
    first = document.headline(evaluation, images, [told], facts)
    document.write(path, title, first, *_evaluated(evaluation, calibration, mistakes))


@functools.singledispatch
def _evaluated(evaluation, calibration, mistakes):
    """Return the sections of an evaluation."""
    raise TypeError(f"`evaluation` must be an evaluation. Received: {type(evaluation).__name__}")


@_evaluated.register
def _(evaluation: Evaluation, calibration, mistakes):
    yield sections.classes(evaluation)
    yield sections.confusion(evaluation)
    yield galleries.mistakes(mistakes, int(evaluation.wrong.sum()))
    yield sections.calibration(calibration)


@_evaluated.register
def _(evaluation: MultiLabelEvaluation, calibration, mistakes):
    yield label_sections.classes(evaluation)
    yield label_sections.together(evaluation)
    yield galleries.mistakes(mistakes, int(evaluation.wrong.sum()))
    yield sections.calibration(calibration)


@functools.singledispatch
def _searched(evaluation, search, images):
    """Return the sections of labels that are probably wrong: none of several labels, where nothing looks for them."""
    return ()


@_searched.register
def _(evaluation: Evaluation, search, images):
    return (galleries.suspects(search, images, SUSPECTS),)


def selection(summary: dict) -> list[str]:
    """Say which images selected something, and which report: list of sentences.

    Args:
        summary: dict of the run's numbers.
    """
    selected = summary["selected_on_validation"]
    if summary["test_images"]:
        chosen = "The validation images selected the epoch." if selected else "No images selected anything."
        return [chosen, "Measured on the test images: they were looked at once, at the end, and selected nothing."]
    if selected:
        return [
            "Measured on the validation images, which also selected the epoch.",
            f"The {in_words(summary['metric'])} is therefore a little optimistic; that of a test split would not be.",
        ]
    why = "the model is that of the last epoch" if summary["epochs"] else "no epochs were trained"
    return [f"Measured on the validation images, which selected nothing: {why}."]


def _facts(recipe, dataset, summary):
    """Return what is known of a model, as pairs of texts."""
    metric = summary["metric"]
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
        measured = _with_interval(summary[metric], summary[f"{metric}_interval"])
        yield f"Validation {in_words(metric)}", f"{measured} ({summary['validation_images']} images)"
    for key, label in ((f"head_{metric}", "Head alone, validation"), (f"last_{metric}", "Last epoch, validation")):
        if summary["epochs"] and summary[key] is not None:
            yield label, percent(summary[key])
    if summary["head_cross_validated"] is not None:
        measured = _with_interval(summary["head_cross_validated"], summary["head_cross_validated_interval"])
        yield "Head alone, five folds", f"{measured} ({summary['head_cross_validated_images']} training images)"
    if summary["unreadable"]:
        yield "Files skipped", f"{len(summary['unreadable'])}, since they could not be read"


def _with_interval(share, ends):
    return f"{percent(share)}, {interval(ends)}" if ends else percent(share)


def _kept(summary):
    head = summary[f"head_{summary['metric']}"] is not None
    if not summary["epochs"]:
        return "none: the head alone" if head else "none: nothing was trained"
    return f"{summary['kept_epoch']} of {summary['epochs']}" if summary["kept_epoch"] else "0: the head alone"
