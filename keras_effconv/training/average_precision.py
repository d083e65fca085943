"""Average precision: how well the images of a class are ranked before the others, whatever the threshold."""

import keras
import numpy as np
from keras import ops

from keras_effconv.training.headline import MEAN_AVERAGE_PRECISION
from keras_effconv.utils.extras import require

BINS, FARTHEST = 4096, 16.0  # of logits, in the curves; float32 has no probability between 1 and that of a logit of 17


def average_precisions(labels, probabilities) -> list[float | None]:
    """Return the average precision of each class, by scikit-learn; `None` for a class without images.

    Args:
        labels: array (n, classes) of 0 and 1.
        probabilities: array (n, classes); what is no number is less than any.

    Example:

    >>> average_precisions(np.array([[1, 0], [0, 0], [1, 0]]), np.array([[0.9, 0.1], [0.5, 0.2], [0.3, 0.3]]))
    [0.8333333333333333, None]
    """
    score = require("sklearn.metrics").average_precision_score
    probabilities = np.nan_to_num(np.asarray(probabilities, "float32"), nan=-1.0)
    columns = zip(np.asarray(labels).T, probabilities.T)
    return [float(score(known, column)) if known.any() else None for known, column in columns]


def mean_average_precision(labels, probabilities) -> float:
    """Return the mean of the average precisions of the classes that have images; nan if none has.

    Args:
        labels: array (n, classes) of 0 and 1.
        probabilities: array (n, classes).

    Example:

    >>> mean_average_precision(np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.2], [0.5, 0.3]]))
    1.0
    """
    known = [each for each in average_precisions(labels, probabilities) if each is not None]
    return float(np.mean(known)) if known else float("nan")


class MeanAveragePrecision(keras.metrics.Metric):
    """Mean average precision of batches, of logits that are rounded to bins of 1/128.

    Keras' `AUC(curve="PR")` interpolates between 200 thresholds of the probability, which is another number for rare
    classes. This one differs from `mean_average_precision` only where two images are in one bin.

    Args:
        classes: int.
        name: str. Default `"mean_average_precision"`.
    """

    def __init__(self, classes, name=MEAN_AVERAGE_PRECISION, **arguments):
        super().__init__(name=name, **arguments)
        self.classes = classes
        shape = (classes * BINS,)
        self.present, self.absent = (
            self.add_variable(shape, "zeros", dtype="float32", name=each) for each in ("present", "absent")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, scores = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        scores = ops.where(ops.isnan(scores), ops.zeros_like(scores), ops.clip(scores, 0.0, 1.0))
        logits = ops.log(ops.maximum(scores, 1e-30)) - ops.log(ops.maximum(1 - scores, 1e-30))
        place = (ops.clip(logits, -FARTHEST, FARTHEST) + FARTHEST) / (2 * FARTHEST) * (BINS - 1)
        place = ops.cast(ops.round(place), "int32") + ops.arange(self.classes, dtype="int32") * BINS
        weights = ops.ones_like(labels)
        if sample_weight is not None:
            weights = weights * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        for counts, each in ((self.present, labels * weights), (self.absent, (1 - labels) * weights)):
            counts.assign_add(ops.segment_sum(ops.reshape(each, (-1,)), ops.reshape(place, (-1,)), counts.shape[0]))

    def result(self):
        present, absent = (ops.flip(ops.reshape(each, (self.classes, BINS)), 1) for each in (self.present, self.absent))
        right = ops.cumsum(present, axis=1)
        precision = right / ops.maximum(right + ops.cumsum(absent, axis=1), 1e-9)
        images = right[:, -1]
        average = ops.sum(present * precision, axis=1) / ops.maximum(images, 1e-9)
        known = ops.cast(images > 0, "float32")
        return ops.sum(average * known) / ops.maximum(ops.sum(known), 1.0)
