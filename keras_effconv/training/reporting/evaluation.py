"""What a trained model does on a split, in numbers."""

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_effconv.data import Split
from keras_effconv.training.input_pipeline import Streamed, batches_of
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.training.reporting.single_label import Evaluation
from keras_effconv.utils.progress import progress


def answering(model: keras.Model | Callable) -> Callable:
    """Return the function from a batch of images to probabilities: of a Keras model its compiled one."""
    return getattr(model, "predict_on_batch", model)


def evaluate(
    model: keras.Model | Callable, split: Split | Streamed, class_names: Sequence[str], batch_size: int
) -> Evaluation | MultiLabelEvaluation:
    """Predict a split.

    Args:
        model: classifier, images (n, size, size, 3), RGB, 0..255 -> probabilities (n, classes): a Keras model, or a
            function, such as what `exporting.load` returns.
        split: `Split` or `Streamed`.
        class_names: sequence of str.
        batch_size: int.

    Returns:
        An `Evaluation`, or a `MultiLabelEvaluation` if the labels are (n, classes).
    """
    batches, answers, run = batches_of(split, batch_size), [], answering(model)
    for i in progress(range(len(batches)), "evaluation", unit="batch"):
        images, labels = batches[i]
        # A full last batch, so that no other graph is made for it.
        full = np.resize(images, (batches.batch_size, *images.shape[1:]))
        answers.append((run(full)[: len(images)], labels))
    return of_answers(*map(np.concatenate, zip(*answers)), class_names)


def of_answers(probabilities, labels, class_names):
    """Return the evaluation of probabilities (n, classes), by the shape of the labels."""
    kind = MultiLabelEvaluation if labels.ndim == 2 else Evaluation
    return kind(probabilities, labels, tuple(class_names))


@functools.singledispatch
def table(evaluation, most=25):
    """Write the classes as lines of text, `most` at most: the worst first, those without images last."""
    raise TypeError(f"`evaluation` must be an evaluation. Received: {type(evaluation).__name__}")


@table.register
def _(evaluation: Evaluation, most=25):
    rows = sorted(evaluation.rows(), key=lambda row: (not row[1], row[2] / max(row[1], 1)))
    head = "images  right  accuracy  most often taken for"
    told = {
        name: f"{images:6d}  {right:5d}  {right / images:7.1%}  {mistaken}" if images else "no image"
        for name, images, right, mistaken in rows
    }
    return _lines(head, told, most)


@table.register
def _(evaluation: MultiLabelEvaluation, most=25):
    rows = sorted(evaluation.scores(), key=lambda each: (not each.images, each.average_precision))
    head = "images  average precision  threshold  precision  recall     F1"

    def numbers(each):
        shares = f"{each.precision or 0:9.1%}  {each.recall:6.1%}  {each.f1:5.1%}"
        return f"{each.images:6d}  {each.average_precision:17.1%}  {each.threshold:9.2f}  {shares}"

    told = {each.name: numbers(each) if each.images else "no image" for each in rows}
    return _lines(head, told, most)


def _lines(head, told, most):
    """Return the lines of a table from a dict of the text of each class."""
    names = list(told)[:most]
    width = max(map(len, ["class", *names]))
    lines = [f"{'class':<{width}}  {head}", *(f"{name:<{width}}  {told[name]}".rstrip() for name in names)]
    if len(told) > most:
        lines.append(f"... and {len(told) - most} classes with fewer mistakes, or without an image")
    return lines
