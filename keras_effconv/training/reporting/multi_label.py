"""What a model that may say several classes of an image does on a split, in numbers."""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from keras_effconv.training.average_precision import average_precisions, mean_average_precision
from keras_effconv.training.headline import MEAN_AVERAGE_PRECISION
from keras_effconv.training.reporting import thresholds
from keras_effconv.training.reporting.class_scores import shares_of
from keras_effconv.training.reporting.intervals import of_mean_average_precision
from keras_effconv.training.reporting.single_label import Evaluation
from keras_effconv.training.reporting.temperature import scaled

NO, YES, NOTHING = "no", "yes", "none"


class LabelScores(NamedTuple):
    """The scores of a class. What has no images to be measured on is `None`.

    Attributes:
        name: str.
        images: int, images of the class.
        average_precision: float.
        threshold: float, from which probability on the model says the class.
        answers: int, images that the model says the class of.
        right: int, of them; images of the class.
        precision: float, the share of the answers that are right.
        recall: float, the share of the images of the class that are found.
        f1: float, the harmonic mean of precision and recall.
        recall_interval: pair of floats, see `intervals.wilson`.
        f1_at_half: float, F1 at a threshold of 0.5.
    """

    name: str
    images: int
    average_precision: float | None
    threshold: float
    answers: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None
    recall_interval: tuple[float, float] | None
    f1_at_half: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class MultiLabelEvaluation:
    """Predictions on a split whose images may have several labels.

    Attributes:
        probabilities: array (n, classes).
        labels: array (n, classes) of 0 and 1.
        class_names: tuple of str.
        thresholds: sequence of floats, from which probability on each class is said. Default: 0.5 each.
        answers: array (n, classes) of bool, the classes that are said of each image. Default: by the thresholds.
        chosen: str, how the thresholds of the answers were chosen. Default: not at all.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    thresholds: tuple[float, ...] = ()
    answers: np.ndarray | None = None
    chosen: str = "0.5 for each class"

    metric = MEAN_AVERAGE_PRECISION

    def __post_init__(self):
        limits = tuple(map(float, self.thresholds)) or (thresholds.DEFAULT,) * len(self.class_names)
        object.__setattr__(self, "thresholds", limits)
        if self.answers is None:
            object.__setattr__(self, "answers", self.probabilities >= np.array(limits))

    @property
    def score(self) -> float:
        """Return the mean average precision over the classes that have images."""
        return mean_average_precision(self.labels, self.probabilities)

    @functools.cached_property
    def interval(self) -> tuple[float, float] | None:
        """Return the interval of the mean average precision at 95 %; `None` with too few images of a class."""
        return of_mean_average_precision(self.labels, self.probabilities)

    @property
    def wrong(self) -> np.ndarray:
        """Return which images have a wrong class or lack one, bool (n,)."""
        return (self.answers != (self.labels > 0)).any(axis=1)

    @property
    def without_images(self) -> list[str]:
        """Return the names of the classes that no image is of."""
        return [name for name, any_image in zip(self.class_names, self.labels.any(axis=0)) if not any_image]

    def scores(self) -> list[LabelScores]:
        """Return the scores of each class, in their order."""
        average, halves = average_precisions(self.labels, self.probabilities), self.probabilities >= 0.5
        columns = zip(self.class_names, self.labels.T > 0, self.answers.T, halves.T, self.thresholds, average)
        return [_scores(*each) for each in columns]

    def agreement(self, other) -> float:
        """Return the share of images of which another evaluation of the same images says the same classes.

        Both are taken at the thresholds of the other one.
        """
        mine, theirs = (each.probabilities >= np.array(other.thresholds) for each in (self, other))
        return float((mine == theirs).all(axis=1).mean())

    def per_class(self) -> list[dict]:
        """Return the scores of each class as dicts, fit for JSON."""
        return [each._asdict() for each in self.scores()]

    def measured(self) -> dict:
        """Return what a report holds of the whole, fit for JSON; means are over the classes that have images."""
        known = [each for each in self.scores() if each.images]
        return {
            self.metric: self.score,
            f"{self.metric}_interval": self.interval,
            **{name: _mean(known, name) for name in ("precision", "recall", "f1", "f1_at_half")},
            "all_labels_right": float(1 - self.wrong.mean()),
            "thresholds": dict(zip(self.class_names, self.thresholds)),
            "thresholds_chosen": self.chosen,
        }

    def sentence(self, images: str) -> str:
        """Say what the headline is of, in words."""
        classes, mean = len(self.class_names), self.labels.sum() / max(len(self.labels), 1)
        return f"{len(self.labels)} {images}, {classes} class{'es' * (classes > 1)}, {mean:.1f} labels an image"

    def caption(self, row: int, names) -> str:
        """Return the classes that are said of an image, and below them the true ones if they are others."""
        said, true = (", ".join(names[i] for i in np.flatnonzero(each[row])) for each in (self.answers, self.labels))
        return (said or NOTHING) + (f"\n(is {true or NOTHING})" if self.wrong[row] else "")

    def choices(self) -> Evaluation:
        """Return an `Evaluation` of each choice between yes and no: an entry for each image and class."""
        yes = self.probabilities.reshape(-1)
        return Evaluation(np.stack([1 - yes, yes], 1), self.labels.reshape(-1).astype("int32"), (NO, YES))

    def at(self, temperature: float) -> "MultiLabelEvaluation":
        """Return the evaluation of the model whose logits are divided by a temperature, at its default thresholds."""
        yes = scaled(self.choices().probabilities, temperature)[:, 1].reshape(self.probabilities.shape)
        return MultiLabelEvaluation(yes, self.labels, self.class_names)

    def with_own_thresholds(self, images: str) -> "MultiLabelEvaluation":
        """Return an evaluation with the best thresholds of its images; each answer is by those of the other folds."""
        best = thresholds.best_thresholds(self.labels, self.probabilities).tolist()
        answers = thresholds.folded_answers(self.labels, self.probabilities)
        chosen = f"on the other folds of the {images}, in {thresholds.FOLDS} folds"
        return dataclasses.replace(self, thresholds=tuple(best), answers=answers, chosen=chosen)

    def with_thresholds(self, limits, chosen: str) -> "MultiLabelEvaluation":
        """Return an evaluation at other thresholds, and how these were chosen."""
        return MultiLabelEvaluation(self.probabilities, self.labels, self.class_names, tuple(limits), None, chosen)


def _scores(name, known, answers, halves, threshold, average):
    images, said, right = (int(each.sum()) for each in (known, answers, known & answers))
    at_half = shares_of(images, int(halves.sum()), int((known & halves).sum()))["f1"]
    shares = shares_of(images, said, right)
    return LabelScores(name, images, average, threshold, said, right, **shares, f1_at_half=at_half)


def _mean(scores, name):
    """Return the mean of a score over classes; a class that is never said has no precision, which counts as 0."""
    values = [getattr(each, name) or 0.0 for each in scores]
    return float(np.mean(values)) if values else None
