"""How a converted network answers next to the dense one."""

import keras
import numpy as np

BATCH = 64


def compared(model: keras.Model, dense: keras.Model, images: list[np.ndarray]) -> tuple[float | None, float]:
    """Return on how many images two networks name the same class, and how much of the outputs one gives of the other.

    Args:
        model: `keras.Model`.
        dense: `keras.Model` of the same inputs and outputs.
        images: list of arrays, one for each input.

    Returns:
        A pair: the share of images whose largest first output is the same, `None` if that is no vector of several
        numbers; and the share of the variance of the dense network's outputs over the images that the model's explain.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> compared(model, model, [np.eye(4, dtype="float32")])
    (1.0, 1.0)
    """
    outputs = [_outputs(each, images) for each in (dense, model)]
    wrong = sum(np.square(a - b, dtype="float64").sum() for a, b in zip(*outputs, strict=True))
    spread = sum(np.square(a - a.mean(0), dtype="float64").sum() for a in outputs[0])
    first = [each[0] for each in outputs]
    agreement = None
    if first[0].ndim == 2 and first[0].shape[1] > 1:
        agreement = float(np.mean(first[0].argmax(1) == first[1].argmax(1)))
    return agreement, float(1 - wrong / max(spread, 1e-12))


def _outputs(model, images):
    """Return the outputs of a model, a list of arrays."""
    from keras_effconv.graph import with_structure

    parts, size = [], min(BATCH, len(images[0]))
    for start in range(0, len(images[0]), BATCH):
        batch = [array[start : start + BATCH] for array in images]
        # A full last batch, so that no other graph is made for it.
        full = [np.resize(array, (size, *array.shape[1:])) for array in batch]
        outputs = model.predict_on_batch(with_structure(model, full))
        parts.append([each[: len(batch[0])] for each in keras.tree.flatten(outputs)])
    return [np.concatenate(each).astype("float32") for each in zip(*parts, strict=True)]
