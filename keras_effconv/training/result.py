"""What a run ends with."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import keras

from keras_effconv import zoo
from keras_effconv.training.checkpoint import best_epoch
from keras_effconv.training.headline import headline
from keras_effconv.training.reporting import mislabelled
from keras_effconv.training.reporting.evaluation import Evaluation


class Result(NamedTuple):
    """What a run ends with.

    Attributes:
        model: the classifier: images (n, size, size, 3), RGB, 0..255 -> probabilities, preprocessing inside.
        load_report: the `LoadReport` of its weights, or `None`.
        head_score: float, the headline on the validation images, of the head on the frozen network; `None` without
            that.
        head_curves: dict of curves by name, an entry each: what fitting the head ended with.
        curves: dict likewise of the epochs of the network.
        kept: int, the epoch whose weights the model has; 0: the head.
        score: float, the headline of the model on the validation images: its accuracy, or the mean average precision
            of several labels; `None` if nothing was trained.
        epochs: int, that the run was to make: those of the recipe, or fewer if its time decided.
        images_per_second: float, of training the network; 0 without epochs.
        folder: Path of what the run wrote.
        evaluation: `Evaluation` on the validation images; `None` without outputs.
        test: `Evaluation` on the test images, once, of the weights that the model has; `None` without outputs, or if
            the data has no such images.
        seconds: float, from the beginning of the run to its last file; 0 without outputs.
        trained_share: float, of the trained weights in the model; the rest is the network that training began with.
        search: `mislabelled.Search` of the training images, by heads that have not seen them; `None` without outputs,
            or if no head was fitted to features.
    """

    model: keras.Model
    load_report: zoo.LoadReport | None
    head_score: float | None
    head_curves: Mapping[str, list[float]]
    curves: Mapping[str, list[float]]
    kept: int
    score: float | None
    epochs: int
    images_per_second: float
    folder: Path
    evaluation: Evaluation | None = None
    test: Evaluation | None = None
    seconds: float = 0.0
    trained_share: float = 1.0
    search: mislabelled.Search | None = None

    @property
    def best(self) -> int:
        """Return the epoch with the best headline on the validation images; 0: the head."""
        return best_epoch(self.curves, self.head_curves)

    @property
    def metric(self) -> str:
        """Return the name of the headline: `"accuracy"` or `"mean_average_precision"`."""
        return headline(self.curves, self.head_curves)

    @property
    def last_score(self) -> float | None:
        """Return the headline on the validation images after the last epoch; that of the head without epochs."""
        return (self.curves.get(f"val_{self.metric}") or [self.head_score])[-1]


def unselected(result, recipe) -> float | None:
    """Return a headline on the validation images that they did not select: of an epoch that they chose, the last one's.

    Args:
        result: `Result`.
        recipe: `Recipe` of its run.
    """
    return result.last_score if recipe.selects else result.score
