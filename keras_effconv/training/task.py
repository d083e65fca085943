"""What a network is to say of an image: its one class, or each class that it is of.

All that depends on it is asked of one of two dataclasses, `SingleLabel` and `MultiLabel`, which have the same methods.
"""

import dataclasses

import numpy as np
from keras import ops

from keras_effconv.training import accuracy, folds, head, one_vs_rest
from keras_effconv.training.average_precision import MeanAveragePrecision, mean_average_precision
from keras_effconv.training.headline import ACCURACY, MEAN_AVERAGE_PRECISION
from keras_effconv.training.optimization import losses
from keras_effconv.training.reporting import mislabelled

SMALLEST = 1e-7  # probability in the loss of a head


@dataclasses.dataclass(frozen=True)
class SingleLabel:
    """Each image is of one class. Labels are (n,), probabilities a softmax, and the headline is the accuracy.

    Attributes:
        metric: str, the headline, as curves and reports call it.
        activation: str, of the head.
        least: int, the fewest classes.
    """

    metric: str = ACCURACY
    activation: str = "softmax"
    least: int = 2

    def check(self, recipe):
        """Raise a `ValueError` for a field of a recipe that means nothing for such labels."""

    def check_labels(self, name, labels, class_names):
        """Raise a `ValueError` unless labels (n,) of the split `name` are of the classes, and may train."""
        if labels.ndim != 1:
            raise ValueError(f"`dataset.{name}` must have one label an image, as others. Received: {labels.shape}")
        if name != "test" and labels.min() < 0:
            raise ValueError(f"`dataset.{name}` must have a label for each image. Received: a label of {labels.min()}")
        if labels.max() >= len(class_names):
            raise ValueError(
                f"`dataset.{name}` must have labels of {len(class_names)} classes. Received: a label of {labels.max()}"
            )
        if name == "train" and len(np.unique(labels)) < 2:
            raise ValueError(
                f"`dataset.train` must have images of 2 classes or more. Received: of {class_names[labels[0]]!r} alone"
            )

    def are_probabilities(self, rows):
        """Return whether rows (n, classes) may be what a head of such labels says."""
        return bool((rows >= 0).all() and np.abs(rows.sum(1) - 1).max() <= 0.01)

    def targets(self, labels, classes):
        """Return the labels as floats (n, classes)."""
        return ops.one_hot(ops.cast(labels, "int32"), classes)

    def losses(self, targets, probabilities, smoothing=0.0, focal=0.0):
        """Return the losses on the labels: of each image, or of each image and class."""
        return losses.crossentropy(targets, probabilities, smoothing, focal)

    def divergence(self, student, teacher, temperature):
        """Return how far a student is from its teacher, in the shape of `losses`."""
        return losses.divergence(student, teacher, temperature)

    def weights(self, targets, class_weights):
        """Return the weights of `losses` that even classes of different sizes."""
        return ops.matmul(targets, ops.convert_to_tensor(class_weights, "float32"))

    def of_images(self, each):
        """Return the losses of images (n,), from what `losses` returns."""
        return each

    def class_weights(self, labels, classes):
        """Return what `weights` takes, for training labels: nested list of floats."""
        return losses.balanced(labels, classes).tolist()

    def metrics(self, classes):
        """Return the Keras metrics of the curves, the headline first."""
        return accuracy.metrics(classes)

    def fit(self, features, labels, classes, recipe):
        """Return kernel (c, classes) and bias (classes,) of the head that fits to features (n, c)."""
        return head.fit_softmax(features, labels, classes, recipe)

    def loss_of_logits(self, logits, labels, smoothing):
        """Return the mean loss of logits (n, classes) against smoothed labels: float."""
        targets = np.eye(logits.shape[1])[labels] * (1 - smoothing) + smoothing / logits.shape[1]
        logits = logits - logits.max(1, keepdims=True)
        return np.mean(np.log(np.exp(logits).sum(1)) - (targets * logits).sum(1))

    def scores(self, blocks):
        """Return the mean loss and the headline of pairs of labels and probabilities, block by block."""
        lost, right = [], []
        for labels, probabilities in blocks:
            lost.append(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST)))
            right.append(ops.convert_to_numpy(accuracy.within(labels, probabilities)))
        return tuple(float(np.concatenate(each).mean(dtype="float64")) for each in (lost, right))

    def search(self, features, labels, dataset, recipe, mirror, batch_size):
        """Return the `mislabelled.Search` of training images by heads that have not seen them."""
        return mislabelled.search(features, labels, dataset, recipe, mirror, batch_size)

    def folds(self, labels, count, seed):
        """Return the fold of each image, int (n,), so that each has its part of each class."""
        return folds.of_classes(labels, count, seed)

    def judges(self, labels, share, seed):
        """Return the numbers of the images that learn, and of a share of them that judge."""
        return folds.judges(labels, share, seed)

    def over_folds(self, scores, images):
        """Return the headline over all folds, and its interval."""
        return folds.accuracy_over(scores, images)


@dataclasses.dataclass(frozen=True)
class MultiLabel:
    """An image is of any number of classes. Labels are (n, classes) of 0 and 1, probabilities a sigmoid each, the loss
    is binary cross-entropy, and the headline is the mean average precision. The methods are those of `SingleLabel`.
    """

    metric: str = MEAN_AVERAGE_PRECISION
    activation: str = "sigmoid"
    least: int = 1

    def check(self, recipe):
        if recipe.balanced_sampling:
            raise ValueError(
                "`balanced_sampling` must be False if an image may have several labels: no choice of images shows all "
                "classes equally often; `class_weights` weighs them. Received: balanced_sampling=True"
            )

    def check_labels(self, name, labels, class_names):
        if labels.shape[1:] != (len(class_names),):
            raise ValueError(
                f"`dataset.{name}` must have labels (n, {len(class_names)}) as others. Received: {labels.shape}"
            )
        if name != "train" and not labels.any():
            raise ValueError(f"`dataset.{name}` must have an image of a class, to be measured. Received: none")
        if name == "train" and not (labels.any(0) & ~labels.all(0)).any():
            raise ValueError(
                "`dataset.train` must have images that are of a class, and images that are not. Received: no such class"
            )

    def are_probabilities(self, rows):
        return bool((rows >= 0).all() and (rows <= 1).all())

    def targets(self, labels, classes):
        return ops.cast(labels, "float32")

    def losses(self, targets, probabilities, smoothing=0.0, focal=0.0):
        return losses.binary_crossentropies(targets, probabilities, smoothing, focal)

    def divergence(self, student, teacher, temperature):
        return losses.binary_divergences(student, teacher, temperature)

    def weights(self, targets, class_weights):
        absent, present = np.transpose(class_weights).astype("float32")
        return targets * present + (1 - targets) * absent

    def of_images(self, each):
        return ops.mean(each, axis=-1)

    def class_weights(self, labels, classes):
        return one_vs_rest.balanced_classes(labels).tolist()

    def metrics(self, classes):
        return [MeanAveragePrecision(classes)]

    def fit(self, features, labels, classes, recipe):
        return one_vs_rest.fit_one_vs_rest(features, labels, classes, recipe)

    def loss_of_logits(self, logits, labels, smoothing):
        targets = labels * (1 - smoothing) + smoothing / 2
        return np.mean(np.logaddexp(0, logits) - targets * logits)

    def scores(self, blocks):
        labels, probabilities = (np.concatenate(each) for each in zip(*blocks))
        own = np.where(labels > 0, probabilities, 1 - probabilities)
        loss = float(-np.log(np.maximum(own, SMALLEST)).mean(dtype="float64"))
        return loss, mean_average_precision(labels, probabilities)

    def search(self, features, labels, dataset, recipe, mirror, batch_size):
        images = len(dataset.train)
        if reason := mislabelled.obstacle(features, labels, images, labels.shape[1], mirror):
            return mislabelled.Search(0, reason, [])
        features, labels = mislabelled.unmirrored(features, labels, images, mirror, batch_size)
        found = mean_average_precision(labels, one_vs_rest.fold_probabilities(features, labels, recipe))
        return mislabelled.Search(images, "confident learning knows one label an image", [], score=found)

    def folds(self, labels, count, seed):
        return folds.of_several(labels, count, seed)

    def judges(self, labels, share, seed):
        return folds.judges_of_several(labels, share, seed)

    def over_folds(self, scores, images):
        return folds.mean_over(scores, images)


def task_called(metric):
    """Return the task that is judged by a headline.

    Example:

    >>> task_called("accuracy").activation
    'softmax'
    """
    return next(task for task in (SingleLabel(), MultiLabel()) if task.metric == metric)


def task_of(dataset):
    """Return the task that the labels of a `Dataset` set.

    Example:

    >>> from keras_effconv import data
    >>> task_of(data.digits(8, limit=1)).metric
    'accuracy'
    """
    return MultiLabel() if dataset.multi_label else SingleLabel()
