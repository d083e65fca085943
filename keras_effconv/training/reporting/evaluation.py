"""What a trained model does on a split, in numbers."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_effconv.data import Split
from keras_effconv.training.accuracy import share_within
from keras_effconv.training.input_pipeline import Streamed, batches_of
from keras_effconv.training.reporting.intervals import wilson
from keras_effconv.utils.progress import progress


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


def answering(model: keras.Model | Callable) -> Callable:
    """Return the function from a batch of images to probabilities: of a Keras model its compiled one."""
    return getattr(model, "predict_on_batch", model)


def evaluate(
    model: keras.Model | Callable, split: Split | Streamed, class_names: Sequence[str], batch_size: int
) -> Evaluation:
    """Predict a split.

    Args:
        model: classifier, images (n, size, size, 3), RGB, 0..255 -> probabilities (n, classes): a Keras model, or a
            function, such as what `exporting.load` returns.
        split: `Split` or `Streamed`.
        class_names: sequence of str.
        batch_size: int.

    Returns:
        An `Evaluation`.
    """
    batches, answers, run = batches_of(split, batch_size), [], answering(model)
    for i in progress(range(len(batches)), "evaluation", unit="batch"):
        images, labels = batches[i]
        # A full last batch, so that no other graph is made for it.
        full = np.resize(images, (batches.batch_size, *images.shape[1:]))
        answers.append((run(full)[: len(images)], labels))
    return Evaluation(*map(np.concatenate, zip(*answers)), tuple(class_names))


def table(evaluation, most=25):
    """Write the classes as lines of text, `most` at most: the worst first, those without images last."""
    rows = sorted(evaluation.rows(), key=lambda row: (not row[1], row[2] / max(row[1], 1)))[:most]
    width = max(len("class"), *(len(row[0]) for row in rows))
    lines = [f"{'class':<{width}}  images  right  accuracy  most often taken for"]
    for name, images, right, mistaken in rows:
        numbers = f"{images:6d}  {right:5d}  {right / images:7.1%}  {mistaken}" if images else "no image"
        lines.append(f"{name:<{width}}  {numbers}".rstrip())
    if len(evaluation.class_names) > most:
        lines.append(f"... and {len(evaluation.class_names) - most} classes with fewer mistakes, or without an image")
    return lines
