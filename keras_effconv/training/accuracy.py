"""When a prediction is right: one rule for the curves, the head, the report, the card and the screen."""

import keras
from keras import ops


def ranks(probabilities, labels):
    """Return how many classes are ahead of the true one.

    A class is ahead if it is more probable, or as probable with a lower index: that is the order of a stable sort, and
    rank 0 is what `argmax` finds. What is no number (nan) is less probable than any number.

    Args:
        probabilities: array or tensor (n, classes).
        labels: integers (n,).

    Returns:
        Tensor of integers (n,).

    Example:

    >>> [int(rank) for rank in ranks([[0.5, 0.5], [0.5, 0.5]], [0, 1])]
    [0, 1]
    """
    scores = ops.convert_to_tensor(probabilities)
    scores = ops.where(ops.isnan(scores), ops.full_like(scores, -1.0), scores)
    labels = ops.reshape(ops.cast(labels, "int32"), (-1, 1))
    right = ops.take_along_axis(scores, labels, axis=-1)
    earlier = ops.expand_dims(ops.arange(scores.shape[-1], dtype="int32"), 0) < labels
    ahead = ops.logical_or(scores > right, ops.logical_and(scores == right, earlier))
    return ops.sum(ops.cast(ahead, "int32"), axis=-1)


def within(labels, probabilities, k=1):
    """Return 1.0 for each image whose class is among the `k` first of its prediction, else 0.0: tensor (n,)."""
    return ops.cast(ranks(probabilities, labels) < k, "float32")


def share_within(labels, probabilities, k=1):
    """Return the share of images whose class is among the `k` first: float; nan without an image.

    >>> share_within([2, 1], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], k=2)
    0.5
    """
    right = ops.convert_to_numpy(within(labels, probabilities, k))
    return float(right.mean(dtype="float64")) if len(right) else float("nan")


def metrics(classes):
    """Return Keras metrics: `accuracy`, and `top5` if there are more classes."""
    accuracy = keras.metrics.MeanMetricWrapper(within, name="accuracy")
    return [accuracy, keras.metrics.MeanMetricWrapper(within, name="top5", k=5)] if classes > 5 else [accuracy]
