"""What a classifier of one class an image does on a split, in numbers."""

import dataclasses

import numpy as np

from keras_effconv.training.accuracy import share_within
from keras_effconv.training.headline import ACCURACY
from keras_effconv.training.reporting.class_scores import class_scores
from keras_effconv.training.reporting.intervals import wilson
from keras_effconv.training.reporting.temperature import scaled


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions on a split.

    Attributes:
        probabilities: array (n, classes).
        labels: array (n,).
        class_names: tuple of str.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    metric = ACCURACY

    @property
    def score(self):
        """Return the headline: the accuracy."""
        return self.accuracy

    @property
    def wrong(self):
        """Return which images have another class than the best one, bool (n,)."""
        return self.predicted != self.labels

    def agreement(self, other):
        """Return the share of images of which another evaluation of the same images says the same."""
        return float((self.predicted == other.predicted).mean())

    def measured(self):
        """Return what a report holds of the whole: dict, fit for JSON."""
        shares = {"accuracy": self.accuracy, "accuracy_interval": self.interval, "top5": self.accuracy_at(5)}
        return {**shares, "confusion": self.confusion.tolist()}

    def per_class(self):
        """Return the scores of each class as dicts, fit for JSON."""
        return [scores._asdict() for scores in class_scores(self)]

    def sentence(self, images):
        """Say what the headline is of, in words.

        >>> Evaluation(np.eye(2), np.array([0, 0]), ("a", "b")).sentence("test images")
        '1 of 2 test images are right'
        """
        return f"{len(self.labels) - int(self.wrong.sum())} of {len(self.labels)} {images} are right"

    def caption(self, row, names):
        """Return what is said of an image, and below it what is true if it is wrong."""
        best = self.predicted[row]
        told = f"{names[best]} {self.probabilities[row, best]:.0%}"
        return told + (f"\n(is {names[self.labels[row]]})" if self.wrong[row] else "")

    def choices(self):
        """Return the `Evaluation` of each choice that is made: of one class an image, this one."""
        return self

    def at(self, temperature):
        """Return the evaluation of the model whose logits are divided by a temperature."""
        return dataclasses.replace(self, probabilities=scaled(self.probabilities, temperature))

    @property
    def predicted(self):
        """Return the best class of each image (n,); of equals the first."""
        return np.where(np.isnan(self.probabilities), -1, self.probabilities).argmax(axis=1)

    @property
    def accuracy(self):
        """Return the share of images whose best class is right."""
        return self.accuracy_at(1)

    @property
    def interval(self):
        """Return the interval of the accuracy at 95 %, by the number of images: pair of floats."""
        return wilson(int((self.predicted == self.labels).sum()), len(self.labels))

    def accuracy_at(self, k):
        """Return the share of images whose class is among the k most probable; of equals, the first ones count.

        >>> Evaluation(np.array([[0.5, 0.3, 0.2]]), np.array([1]), ("a", "b", "c")).accuracy_at(2)
        1.0
        """
        return share_within(self.labels, self.probabilities, k)

    @property
    def without_images(self):
        """Return the names of the classes that no image is of: list of str."""
        return [self.class_names[i] for i in np.flatnonzero(self.confusion.sum(axis=1) == 0)]

    @property
    def confusion(self):
        """Return (classes, classes) ints: rows are the true classes, columns the predicted ones."""
        matrix = np.zeros((len(self.class_names),) * 2, int)
        np.add.at(matrix, (self.labels, self.predicted), 1)
        return matrix

    def rows(self):
        """Return per class: name, images, right, and the class it is taken for most often."""
        for name, row, i in zip(self.class_names, self.confusion, range(len(self.class_names))):
            wrong = row.copy()
            wrong[i] = 0
            mistaken = f"{self.class_names[wrong.argmax()]} ({wrong.max()})" if wrong.any() else ""
            yield name, int(row.sum()), int(row[i]), mistaken
