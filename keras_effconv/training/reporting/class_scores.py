"""What an evaluation says of each class, and which classes it confuses most."""

from typing import NamedTuple

import numpy as np

from keras_effconv.training.reporting.intervals import wilson


class ClassScores(NamedTuple):
    """The scores of a class. What has no images to be measured on is `None`.

    Attributes:
        name: str.
        images: int, images of the class.
        answers: int, images that the model takes for the class.
        right: int, images of the class that the model takes for it.
        precision: float, the share of the answers that are right.
        recall: float, the share of the images that are found.
        f1: float, the harmonic mean of precision and recall.
        recall_interval: pair of floats, see `intervals.wilson`.
    """

    name: str
    images: int
    answers: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None
    recall_interval: tuple[float, float] | None


def class_scores(evaluation) -> list[ClassScores]:
    """Return the scores of each class, in the order of the classes.

    Args:
        evaluation: `Evaluation`.

    Example:

    >>> from keras_effconv.training import Evaluation
    >>> scores = class_scores(Evaluation(np.eye(2)[[0, 0, 1]], np.array([0, 1, 1]), ("cat", "dog")))
    >>> [(score.name, score.precision, score.recall) for score in scores]
    [('cat', 0.5, 1.0), ('dog', 1.0, 0.5)]
    """
    matrix = evaluation.confusion
    counts = zip(evaluation.class_names, matrix.sum(1).tolist(), matrix.sum(0).tolist(), matrix.diagonal().tolist())
    return [_scores(*count) for count in counts]


def _scores(name, images, answers, right):
    return ClassScores(name, images, answers, right, **shares_of(images, answers, right))


def shares_of(images, answers, right):
    """Return what counts of a class come to: dict of precision, recall, F1 and the interval of the recall.

    Args:
        images: int, of the class.
        answers: int, that say the class.
        right: int, of them.

    Example:

    >>> shares_of(4, 2, 1)["f1"], shares_of(4, 0, 0)["precision"]
    (0.3333333333333333, None)
    """
    return {
        "precision": right / answers if answers else None,
        "recall": right / images if images else None,
        "f1": 2 * right / (images + answers) if images else None,
        "recall_interval": wilson(right, images) if images else None,
    }


class Confused(NamedTuple):
    """Images of one class that the model takes for another one.

    Attributes:
        true, answer: str, names of classes.
        count: int, such images.
        images: int, images of the true class.
    """

    true: str
    answer: str
    count: int
    images: int


def confused_pairs(evaluation, most: int = 20) -> list[Confused]:
    """Return the pairs of classes that are confused most often, the most frequent first.

    Args:
        evaluation: `Evaluation`.
        most: int, pairs at most. Default 20.

    Example:

    >>> from keras_effconv.training import Evaluation
    >>> confused_pairs(Evaluation(np.eye(2)[[0, 0, 1]], np.array([0, 1, 1]), ("cat", "dog")))
    [Confused(true='dog', answer='cat', count=1, images=2)]
    """
    matrix, names = evaluation.confusion, evaluation.class_names
    images = matrix.sum(1)
    np.fill_diagonal(matrix, 0)
    rows, columns = np.nonzero(matrix)
    counts = matrix[rows, columns]
    order = np.lexsort((-counts / images[rows], -counts))[:most]
    return [Confused(names[rows[i]], names[columns[i]], int(counts[i]), int(images[rows[i]])) for i in order]
