"""The head of several labels: a logistic regression for each class against the rest, on cached features."""

import numpy as np

from keras_effconv.data.sources.split import dealt
from keras_effconv.training.head import ITERATIONS, LARGE, fits, regression, standardized
from keras_effconv.training.large_head import fit_large_several

FOLDS = 5


def fit_one_vs_rest(features, labels, classes, recipe):
    """Return kernel (c, classes) and bias (classes,) of sigmoids.

    Args:
        features: float32 (n, c), as they are.
        labels: integers (n, classes) of 0 and 1.
        classes: int.
        recipe: `Recipe`.
    """
    if features.size * classes > LARGE:
        weights = balanced_weights(labels) if recipe.evens_classes else None
        return fit_large_several(features, labels, recipe.head_c, weights, ITERATIONS)
    scaled, mean, scale = standardized(features)
    kernel, bias = _fitted(scaled, labels, recipe)
    kernel /= scale
    return kernel, bias - mean @ kernel


def _fitted(features, labels, recipe):
    kernel = np.zeros((features.shape[1], labels.shape[1]), "float32")
    bias = prior(labels)
    with fits(features.size):
        for number, known in enumerate(labels.T):
            if 0 < known.sum() < len(known):
                fitted = regression(recipe).fit(features, known)
                kernel[:, number], bias[number] = fitted.coef_[0], fitted.intercept_[0]
    return kernel, bias


def prior(labels):
    """Return the logit of the share of images of each class, float32 (classes,), finite also for none and all.

    >>> [round(float(logit), 2) for logit in prior(np.array([[1, 0], [0, 0]]))]
    [0.0, -1.61]
    """
    present = labels.sum(0) + 0.5
    return np.log(present / (len(labels) + 1 - present)).astype("float32")


def balanced_classes(labels):
    """Return the weights with which images of a class and the others have the same part in its loss.

    Args:
        labels: integers (n, classes) of 0 and 1.

    Returns:
        float32 (classes, 2): of the images that are not of the class, and of those that are; their mean over the images
        is 1. Both are 1 if one of the two has no image.

    Example:

    >>> balanced_classes(np.array([[1], [0], [0], [0]])).round(3).tolist()
    [[0.6669999957084656, 2.0]]
    """
    present = labels.sum(0)
    counts = np.stack([len(labels) - present, present], 1)
    weights = np.where(counts.all(1, keepdims=True), len(labels) / (2 * np.maximum(counts, 1)), 1.0)
    return weights.astype("float32")


def balanced_weights(labels):
    """Return the weights of `balanced_classes` for each image and class: float32 (n, classes)."""
    absent, present = balanced_classes(labels).T
    return np.where(labels > 0, present, absent)


def fold_probabilities(features, labels, recipe):
    """Return the probabilities (n, classes) of each image by heads that were fitted without its fold."""
    scaled = standardized(features)[0]
    fold, found = dealt(labels, np.full(FOLDS, 1 / FOLDS), recipe.seed), np.empty(labels.shape, "float32")
    for number in np.unique(fold):
        inside = fold == number
        kernel, bias = _fitted(scaled[~inside], labels[~inside], recipe)
        found[inside] = sigmoid(scaled[inside] @ kernel + bias)
    return found


def sigmoid(logits):
    """Return the probabilities of logits, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits)))
