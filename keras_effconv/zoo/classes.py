"""The 1000 classes of ImageNet, without a download."""

import functools
from importlib import resources
from typing import Any

import numpy as np
from keras import ops


@functools.cache
def imagenet_classes():
    """Return the classes in the order of the weights' outputs: a tuple of (WordNet id, name).

    >>> imagenet_classes()[388]
    ('n02510455', 'giant_panda')
    """
    text = resources.files("keras_effconv.zoo").joinpath("imagenet_classes.tsv").read_text(encoding="utf-8")
    return tuple(tuple(line.split("\t")) for line in text.splitlines())


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return the best classes of each row of predictions, as `keras.applications` gives them.

    Args:
        preds: array or tensor (n, 1000).
        top: int, classes per row. Default 5.

    Returns:
        A list with, for each row, a list of (WordNet id, name, score), best first.

    Raises:
        ValueError: for another shape.

    Example:

    >>> scores = np.zeros((1, 1000)); scores[0, 388] = 0.9
    >>> decode_predictions(scores, top=1)
    [[('n02510455', 'giant_panda', 0.9)]]
    """
    preds = np.asarray(ops.convert_to_numpy(preds))
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(f"`preds` must be of shape (n, 1000). Received: preds of shape {preds.shape}")
    best = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [[(*imagenet_classes()[i], row[i].item()) for i in indices] for row, indices in zip(preds, best)]
