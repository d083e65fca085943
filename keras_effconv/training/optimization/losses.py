"""The losses of training, on probabilities and in float32 whatever the network computes in."""

import keras
import numpy as np
from keras import ops


def crossentropy(targets, probabilities, smoothing=0.0, focal=0.0):
    """Return the loss on the labels of each image, (n,): cross-entropy, or the focal loss (arXiv:1708.02002).

    Args:
        targets: (n, classes), whose rows sum to 1.
        probabilities: (n, classes).
        smoothing: float, of the targets. Default 0.
        focal: float, gamma; a class that has the probability p then weighs (1 - p) ** gamma. Default 0: all weigh 1.

    Example:

    >>> targets, probabilities = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    >>> [round(float(crossentropy(targets, probabilities, focal=gamma)[0]), 3) for gamma in (0.0, 2.0)]
    [0.693, 0.173]
    """
    if not focal:
        return keras.losses.categorical_crossentropy(targets, probabilities, label_smoothing=smoothing)
    return keras.losses.categorical_focal_crossentropy(
        targets, probabilities, alpha=1.0, gamma=focal, label_smoothing=smoothing
    )


def binary_crossentropies(targets, probabilities, smoothing=0.0, focal=0.0):
    """Return the binary cross-entropy of each image and class, (n, classes), or the focal loss.

    Args:
        targets: (n, classes), 0 to 1.
        probabilities: (n, classes), 0 to 1.
        smoothing: float; targets become `(1 - smoothing) * targets + smoothing / 2`. Default 0.
        focal: float, gamma, as in `crossentropy`. Default 0.

    Example:

    >>> losses = binary_crossentropies(np.array([[1.0, 0.0]]), np.array([[0.5, 0.2]]))
    >>> [round(float(loss), 3) for loss in losses[0]]
    [0.693, 0.223]
    """
    pair = (ops.expand_dims(ops.convert_to_tensor(each), -1) for each in (targets, probabilities))
    if not focal:
        return keras.losses.binary_crossentropy(*pair, label_smoothing=smoothing)
    return keras.losses.binary_focal_crossentropy(*pair, gamma=focal, label_smoothing=smoothing)


def binary_divergences(student, teacher, temperature):
    """Return how far each softened probability of a student is from its teacher's: `divergence` of yes and no.

    Args:
        student: probabilities (n, classes).
        teacher: probabilities (n, classes); no gradient goes there.
        temperature: float, above 0.

    Returns:
        (n, classes), float32.
    """
    return divergence(*(ops.stack([1 - p, p], axis=-1) for p in (student, teacher)), temperature)


def divergence(student, teacher, temperature):
    """Return how far a student's softened probabilities are from its teacher's (arXiv:1503.02531, section 2).

    The Kullback-Leibler divergence of `softmax(log(p) / temperature)`, which is what a temperature makes of the logits,
    times the square of the temperature, so that its gradients have one size at all temperatures.

    Args:
        student: probabilities (n, classes).
        teacher: probabilities (n, classes); no gradient goes there.
        temperature: float, above 0.

    Returns:
        (n,), float32.
    """
    teacher, student = (_softened(p, temperature) for p in (ops.stop_gradient(teacher), student))
    return temperature**2 * ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)


def distilled(targets_loss, student, teacher, temperature, teacher_weight=0.7, divergence=divergence):
    """Return a student's loss: `(1 - teacher_weight) * targets_loss + teacher_weight * divergence(...)`.

    Args:
        targets_loss: (n,) or scalar, the loss on the labels.
        student: probabilities (n, classes).
        teacher: probabilities (n, classes), on the same augmented and mixed images.
        temperature: float, above 0.
        teacher_weight: float, 0 to 1. Default 0.7.
        divergence: callable from student, teacher and temperature. Default: `divergence`.

    Returns:
        Of the shape of `targets_loss`: per image, or the mean over the batch.
    """
    from_teacher = divergence(student, teacher, temperature)
    if not len(targets_loss.shape):
        from_teacher = ops.mean(from_teacher)
    return (1 - teacher_weight) * targets_loss + teacher_weight * from_teacher


def balanced(labels, classes):
    """Return weights with which each class has the same part in the loss; their mean over the images is 1.

    Args:
        labels: ints (n,).
        classes: int.

    Returns:
        float32 (classes,); 0 for a class without images.

    Example:

    >>> [round(float(weight), 3) for weight in balanced([0, 0, 0, 1], 2)]
    [0.667, 2.0]
    """
    counts = np.bincount(np.asarray(labels, "int64"), minlength=classes)
    share = len(labels) / max(np.count_nonzero(counts), 1)
    return np.where(counts, share / np.maximum(counts, 1), 0).astype("float32")


def _softened(probabilities, temperature):
    """Return the logarithms of `softmax(log(p) / temperature)`."""
    logits = ops.log(ops.maximum(ops.cast(probabilities, "float32"), SMALLEST))
    return ops.log_softmax(logits / temperature, axis=-1)


SMALLEST = 1e-12
