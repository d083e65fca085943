"""What is found out about a finished run beyond its accuracy."""

from typing import NamedTuple

from keras_effconv.counting import count
from keras_effconv.training.reporting import mislabelled
from keras_effconv.training.reporting.calibration import Calibration, calibrate
from keras_effconv.training.reporting.class_scores import class_scores
from keras_effconv.training.reporting.mistakes import Mistake, worst_mistakes

VALIDATION, TEST = "validation images", "test images"


class Findings(NamedTuple):
    """What a page shows of a run.

    Attributes:
        evaluation: `Evaluation` that reports: on the test images if the data has any, else on the validation images.
        split: the split of these images.
        images: str, what they are called.
        calibration: `Calibration`, or `None`.
        mistakes: list of `Mistake`; `None` if the images are not in memory.
        search: `mislabelled.Search`, or `None` if no head was fitted to features.
    """

    evaluation: object
    split: object
    images: str
    calibration: Calibration | None
    mistakes: list[Mistake] | None
    search: mislabelled.Search | None


def find(result, dataset, run: str) -> Findings:
    """Look at the images that report: those of the test if the data has any.

    Args:
        result: `Result` with its evaluations.
        dataset: `Dataset`.
        run: str, the identity of the run, see `run_record.identity`.
    """
    evaluation, split, images, held_out = result.evaluation, dataset.validation, VALIDATION, ()
    if result.test is not None:
        evaluation, split, images, held_out = result.test, dataset.test, TEST, (result.evaluation, VALIDATION)
    return Findings(
        evaluation,
        split,
        images,
        calibrate(evaluation, images, *held_out),
        mistakes_of(result.model, evaluation, split),
        mislabelled.read(result.folder, run),
    )


def mistakes_of(model, evaluation, split):
    """Return the worst mistakes, or `None` if a split is a stream, which has no images at hand."""
    return worst_mistakes(model, evaluation, split) if hasattr(split, "images") else None


def numbers(found: Findings, result) -> dict:
    """Return what `report.json` holds of the findings: dict, fit for JSON."""
    counted = count(result.model)
    return {
        "per_class": per_class(result.evaluation),
        "test_per_class": None if result.test is None else per_class(result.test),
        "calibration": described(found.calibration),
        "suspected_labels": None if found.search is None or found.search.skipped else len(found.search.suspects),
        "params": counted.params,
        "macs": counted.macs,
        "model_bytes": (result.folder / "model.keras").stat().st_size,
    }


def per_class(evaluation) -> list[dict]:
    """Return the scores of each class as dicts, fit for JSON."""
    return [scores._asdict() for scores in class_scores(evaluation)]


def described(calibration: Calibration | None) -> dict | None:
    """Return a calibration as a dict, fit for JSON."""
    if calibration is None:
        return None
    bins = {key: getattr(calibration, key) for key in ("bins", "bins_after")}
    return calibration._asdict() | {key: each and [one._asdict() for one in each] for key, each in bins.items()}
