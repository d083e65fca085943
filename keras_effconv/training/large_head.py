"""Logistic regression on more features than scikit-learn's solver takes in reasonable time and memory."""

import time

import numpy as np

from keras_effconv.utils.extras import require
from keras_effconv.utils.progress import progress

BLOCK = 8192  # rows that are computed at a time
SECONDS = 600.0  # after which the fit ends where it is
GRADIENT, CHANGE = 1e-4, 1e-7  # where it ends otherwise: scikit-learn's bound, and what float32 can resolve
MEMORY = 10  # steps that L-BFGS remembers, as scikit-learn's


def fit_large(features, labels, classes, c, weights=None, iterations=500, seconds=SECONDS):
    """Fit a softmax regression by L-BFGS in float32, block by block: no copy of the features is made.

    It minimizes what scikit-learn's `LogisticRegression(C=c)` does on standardized features: the weighted mean of the
    cross-entropy, and half the sum of the squares of the kernel over `c` times the sum of the weights.

    Args:
        features: float32 (n, c), as they are.
        labels: integers (n,), of `range(classes)`; a class without images gets the least bias of the others.
        classes: int.
        c: float, the inverse of the strength of regularization.
        weights: (n,), of the images. Default: 1 each.
        iterations: int, at most. Default 500.
        seconds: float, after which the fit ends where it is, and says so. Default 600.

    Returns:
        Arrays of float32, for the features as they are: kernel (c, classes) and bias (classes,).
    """
    present = np.unique(labels)
    labels, width = np.searchsorted(present, labels), features.shape[1]
    weights = np.ones(len(labels), "float32") if weights is None else np.asarray(weights, "float32")
    mean, scale = moments(features)
    problem = _Problem(features, labels, weights, len(present), c, mean, scale)
    flat = _minimized(problem, iterations, seconds)
    kernel, bias = np.zeros((width, classes), "float32"), np.zeros(classes, "float32")
    kernel[:, present], bias[present] = problem.unpacked(flat)
    bias[np.setdiff1d(np.arange(classes), present)] = bias[present].min()
    return kernel / scale, bias - mean @ kernel / scale


def moments(features):
    """Return the mean (c,) of features, and the root of their mean variance: float32."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for rows in _blocks(len(features)):
        total += features[rows].sum(0, dtype="float64")
    mean = total / len(features)
    for rows in _blocks(len(features)):
        squares += np.square(features[rows] - mean.astype("float32")).sum(0, dtype="float64")
    return mean.astype("float32"), np.float32(np.sqrt(squares.mean() / len(features)) or 1.0)


def fit_large_several(features, labels, c, weights=None, iterations=500, seconds=SECONDS):
    """Fit a sigmoid for each class likewise: `LogisticRegression(C=c)` of each class against the rest.

    Args:
        features: float32 (n, c), as they are.
        labels: integers (n, classes) of 0 and 1.
        c: float, as in `fit_large`.
        weights: (n, classes), of the images in each class; their mean over the images is 1. Default: 1 each.
        iterations: int, at most. Default 500.
        seconds: float, as in `fit_large`. Default 600.

    Returns:
        Arrays of float32, for the features as they are: kernel (c, classes) and bias (classes,).
    """
    weights = np.ones(labels.shape, "float32") if weights is None else np.asarray(weights, "float32")
    mean, scale = moments(features)
    problem = _SeveralProblem(features, labels, weights, labels.shape[1], c, mean, scale)
    kernel, bias = problem.unpacked(_minimized(problem, iterations, seconds))
    return kernel / scale, bias - mean @ kernel / scale


class _Problem:
    """The loss and its gradient, over kernel and bias as one vector."""

    def __init__(self, features, labels, weights, classes, c, mean, scale):
        total = weights.sum(0, dtype="float64").mean()  # of a class, where each has its own
        self.features, self.labels, self.weights = features, labels, weights / total
        self.classes, self.penalty, self.mean, self.scale = classes, 1 / (c * total), mean, scale
        self.size = (features.shape[1] + 1) * classes

    def unpacked(self, flat):
        """Return kernel (c, classes) and bias (classes,), float32."""
        whole = np.asarray(flat, "float32").reshape(-1, self.classes)
        return whole[:-1], whole[-1]

    def __call__(self, flat):
        kernel, bias = self.unpacked(flat)
        slopes, sums, loss = np.zeros_like(kernel), np.zeros(self.classes), 0.0
        for rows in _blocks(len(self.labels)):
            x = (self.features[rows] - self.mean) / self.scale
            part, residual = self._block(x @ kernel + bias, rows)
            loss += part
            slopes += x.T @ residual
            sums += residual.sum(0, dtype="float64")
        loss += self.penalty / 2 * float(np.square(kernel, dtype="float64").sum())
        gradient = np.concatenate([slopes + np.float32(self.penalty) * kernel, sums[None].astype("float32")])
        return loss, gradient.ravel().astype("float64")

    def _block(self, logits, rows):
        """Return the loss of some rows, and the gradient at their logits."""
        labels, weights = self.labels[rows], self.weights[rows].astype("float32")
        logits -= logits.max(1, keepdims=True)
        each = np.arange(len(labels))
        right = logits[each, labels]
        probabilities = np.exp(logits, out=logits)
        total = probabilities.sum(1)
        loss = float(np.dot(weights, np.log(total) - right))
        probabilities *= (weights / total)[:, None]
        probabilities[each, labels] -= weights
        return loss, probabilities


class _SeveralProblem(_Problem):
    """The same of sigmoids, whose labels and weights are (n, classes)."""

    def _block(self, logits, rows):
        labels, weights = self.labels[rows], self.weights[rows].astype("float32")
        loss = float((weights * (np.logaddexp(0, logits) - labels * logits)).sum(dtype="float64"))
        return loss, weights * (0.5 * (1 + np.tanh(0.5 * logits)) - labels)


def _minimized(problem, iterations, seconds):
    """Run L-BFGS with a progress bar, for a bounded time."""
    bar = progress(None, "head", iterations, unit="iteration")
    begun = time.monotonic()

    def watch(intermediate_result):
        bar.update()
        bar.set_postfix(loss=f"{intermediate_result.fun:.4f}")
        if time.monotonic() - begun > seconds:
            raise StopIteration

    options = {"maxiter": iterations, "maxcor": MEMORY, "gtol": GRADIENT, "ftol": CHANGE}
    minimize = require("scipy.optimize").minimize
    with bar:
        done = minimize(problem, np.zeros(problem.size), jac=True, method="L-BFGS-B", callback=watch, options=options)
    spent = time.monotonic() - begun
    cut = f", which is where it stops after {seconds:.0f} s" if spent > seconds else ""
    print(f"the head: {done.nit} iterations of L-BFGS in {spent:.0f} s{cut}, loss {done.fun:.4f}")
    return done.x


def _blocks(rows):
    return (slice(first, first + BLOCK) for first in range(0, rows, BLOCK))
