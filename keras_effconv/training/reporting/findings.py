"""What is found out about a finished run beyond its accuracy."""

from typing import NamedTuple

from keras_effconv.counting import count
from keras_effconv.training.network import HEAD
from keras_effconv.training.reporting import mislabelled
from keras_effconv.training.reporting.calibration import Calibration, calibrate, trusted_temperature
from keras_effconv.training.reporting.mistakes import Mistake, worst_mistakes
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation

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


def find(result, dataset, run: str, calibration: Calibration | None) -> Findings:
    """Look at the images that report: those of the test if the data has any.

    Args:
        result: `Result` with its evaluations.
        dataset: `Dataset`.
        run: str, the identity of the run, see `run_record.identity`.
        calibration: `Calibration` of the model as it was trained, see `calibrated`.
    """
    evaluation, split, images = result.evaluation, dataset.validation, VALIDATION
    if result.test is not None:
        evaluation, split, images = result.test, dataset.test, TEST
    mistakes = mistakes_of(result.model, evaluation, split)
    return Findings(evaluation, split, images, calibration, mistakes, mislabelled.read(result.folder, run))


def calibrated(result):
    """Give a model the temperature that the validation images determine, if it holds for images it was not found on.

    The logits of the head are divided by it: its kernel and its bias are. No class of an image changes.

    Args:
        result: `Result` with its evaluations.

    Returns:
        The `Result`, its model and its evaluations with the temperature, and the `Calibration`, before and after.
    """
    choices = result.evaluation.choices()
    if result.test is None:
        measured = calibrate(choices, VALIDATION)
    else:
        measured = calibrate(result.test.choices(), TEST, choices, VALIDATION)
    temperature = trusted_temperature(choices)
    if measured is None or temperature is None:
        return result, measured
    head = result.model.get_layer(HEAD)
    head.set_weights([weights / temperature for weights in head.get_weights()])
    seen = {name: getattr(result, name) for name in ("evaluation", "test")}
    changed = {name: each.at(temperature) for name, each in seen.items() if each is not None}
    return result._replace(**changed), measured._replace(applied=temperature)


def decided(result):
    """Choose the thresholds of a model of several labels on the validation images; any other stays as it is.

    No answer that is reported is by a threshold that was chosen on its image: the test images are answered by the
    thresholds of all validation images, and each fifth of the validation images by those of the others.

    Args:
        result: `Result` with its evaluations.

    Returns:
        The `Result`, its evaluations with the thresholds.
    """
    if not isinstance(result.evaluation, MultiLabelEvaluation):
        return result
    own = result.evaluation.with_own_thresholds(VALIDATION)
    test = result.test and result.test.with_thresholds(own.thresholds, f"on the {VALIDATION}")
    return result._replace(evaluation=own, test=test)


def mistakes_of(model, evaluation, split):
    """Return the worst mistakes, or `None` if a split is a stream, which has no images at hand."""
    return worst_mistakes(model, evaluation, split) if hasattr(split, "images") else None


def numbers(found: Findings, result) -> dict:
    """Return what `report.json` holds of the findings: dict, fit for JSON."""
    counted = count(result.model)
    return {
        "per_class": result.evaluation.per_class(),
        "test_per_class": None if result.test is None else result.test.per_class(),
        "calibration": described(found.calibration),
        "suspected_labels": None if found.search is None or found.search.skipped else len(found.search.suspects),
        "params": counted.params,
        "macs": counted.macs,
        "model_bytes": (result.folder / "model.keras").stat().st_size,
    }


def described(calibration: Calibration | None) -> dict | None:
    """Return a calibration as a dict, fit for JSON."""
    if calibration is None:
        return None
    bins = {key: getattr(calibration, key) for key in ("bins", "bins_after")}
    return calibration._asdict() | {key: each and [one._asdict() for one in each] for key, each in bins.items()}
