"""Plots of a run: its learning curves, which classes it confuses, and what it says of some images."""

import functools

import numpy as np

from keras_effconv.training.headline import headline, in_words
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.training.reporting.single_label import Evaluation
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import named_legend, new_figure, save_figure
from keras_effconv.utils.fonts import NUMBERED, Names


def learning_curves(result, path):
    """Plot headline and loss of fitting the head, then over the epochs of the network; PNG."""
    save_figure(draw_curves(result.head_curves, result.curves), path)


def draw_curves(head, epochs, first=1):
    """Return a figure of accuracy (of several labels: mean average precision) and loss.

    Args:
        head: dict of curves by name, of fitting the head; may be empty.
        epochs: dict likewise, of the epochs of the network.
        first: int, the number of the first of these epochs. Default 1.
    """
    figure, both = new_figure(1, 2, (11, 4.2))
    metric = headline(epochs, head)
    offset = len(head.get(metric, ()))
    for axes, quantity in zip(both, (metric, "loss")):
        for name, colour, label in (
            (quantity, "tab:blue", "training"),
            (f"val_{quantity}", "tab:orange", "validation"),
        ):
            values = [*head.get(name, ()), *epochs.get(name, ())]
            axes.plot(
                range(first - offset, len(values) + first - offset), values, color=colour, label=label, marker="."
            )
        if offset and epochs:
            axes.axvline(0.5, color="grey", linestyle=":")
            axes.text(0.5, axes.get_ylim()[0], " blocks unfrozen", color="grey", va="bottom")
        axes.set(xlabel="epoch (0: the head on frozen features)" if offset else "epoch", ylabel=in_words(quantity))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle("Learning curves; the training loss includes smoothing, mixing and weight decay", fontsize=10)
    return figure


def rates(tried, losses, chosen, path):
    """Plot the loss of a range test over the rates, and the rate that was chosen; PNG.

    Args:
        tried: sequence of floats, learning rates.
        losses: sequence of floats, one for each.
        chosen: float.
        path: of the picture.
    """
    figure, axes = new_figure(1, 1, (6.5, 4.2))
    axes.plot(tried, losses, color="tab:blue")
    axes.axvline(chosen, color="tab:orange", linestyle="--", label=f"chosen: {chosen:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="training loss, smoothed", title="Steps at rising rates")
    finite = [loss for loss in losses if np.isfinite(loss)]
    axes.set_ylim(0.95 * min(finite), 1.05 * min(max(finite), 2 * min(finite)))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


MOST_CLASSES = 40


def confusion(evaluation, path, images=""):
    """Plot which class (row) is taken for which (column), in shares of the row; PNG. Of many, the most confused.

    Args:
        evaluation: `Evaluation`.
        path: of the picture.
        images: str, which images they are, at the beginning of the title. Default: nothing.
    """
    matrix = evaluation.confusion
    mistakes = matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()
    shown = np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CLASSES])
    names = Names(evaluation.class_names)
    title = (
        f"{len(shown)} most confused of {len(matrix)} classes" if len(shown) < len(matrix) else "confusion of classes"
    )
    with names.drawing():
        side = 3 + 0.28 * len(shown)
        figure, axes = new_figure(1, 1, (side + 1, side))
        _draw_confusion(figure, axes, matrix, shown, [names.shown[i] for i in shown])
        title = f"{images}{title}" + (f"\n{NUMBERED}" if names.numbered else "")
        axes.set_title(title[0].upper() + title[1:])
        save_figure(figure, path)


def _draw_confusion(figure, axes, matrix, shown, names):
    shares = matrix[np.ix_(shown, shown)] / np.maximum(matrix.sum(1)[shown, None], 1)
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(shown)), names, rotation=90)
    axes.set_yticks(range(len(shown)), names)
    axes.set(xlabel="predicted", ylabel="true")
    for i, j in zip(*np.nonzero(shares)) if len(shown) <= 15 else ():
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, matrix[shown[i], shown[j]], ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(image, label="share of the true class")


MOST_CURVES = 10


def precision_recall(evaluation, path, images=""):
    """Plot precision over recall of each class, and where its threshold is; PNG. Of many, the worst.

    Args:
        evaluation: `MultiLabelEvaluation`.
        path: of the picture.
        images: str, which images they are, at the beginning of the title. Default: nothing.
    """
    curve, names = require("sklearn.metrics").precision_recall_curve, Names(evaluation.class_names)
    known = [(i, each) for i, each in enumerate(evaluation.scores()) if each.images]
    shown = sorted(known, key=lambda each: each[1].average_precision)[:MOST_CURVES]
    with names.drawing():
        figure, axes = new_figure(1, 1, (7.5, 5.5))
        lines = []
        for i, each in shown:
            precision, recall, _ = curve(evaluation.labels[:, i], np.nan_to_num(evaluation.probabilities[:, i]))
            lines += axes.step(recall, precision, where="post")
            axes.plot(each.recall, each.precision or 0.0, "o", color=lines[-1].get_color())
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        labels = [f"{names.shown[i]} ({each.average_precision:.1%})" for i, each in shown]
        named_legend(axes, lines, labels, title="average precision", fontsize=8)
        of = f"the worst {len(shown)} of {len(known)} classes" if len(shown) < len(known) else "each class"
        title = f"{images}precision and recall of {of}; a dot is the threshold" + (f"\n{NUMBERED}" * names.numbered)
        axes.set_title(title[0].upper() + title[1:], fontsize=10)
        axes.grid(alpha=0.3)
        save_figure(figure, path)


@functools.singledispatch
def of_classes(evaluation, folder, prefix=""):
    """Plot what there is to see of the classes, and return the name of the picture.

    Args:
        evaluation: `Evaluation` or `MultiLabelEvaluation`.
        folder: Path.
        prefix: str, of the images, such as "test". Default: none.
    """
    raise TypeError(f"`evaluation` must be an evaluation. Received: {type(evaluation).__name__}")


@of_classes.register
def _(evaluation: Evaluation, folder, prefix=""):
    return _named(confusion, "confusion.png", evaluation, folder, prefix)


@of_classes.register
def _(evaluation: MultiLabelEvaluation, folder, prefix=""):
    return _named(precision_recall, "precision_recall.png", evaluation, folder, prefix)


def _named(draw, name, evaluation, folder, prefix):
    name = f"{prefix}_{name}" if prefix else name
    draw(evaluation, folder / name, f"{prefix} images: " if prefix else "")
    return name


def predictions(evaluation, split, path, columns=6, rows=3):
    """Plot images with what is said of them; the mistakes first, in red; PNG."""
    wrong, names = evaluation.wrong, Names(evaluation.class_names)
    order = sorted(range(len(split)), key=lambda i: (not wrong[i], i * 7919 % len(split)))[: columns * rows]
    with names.drawing():
        figure, axes = new_figure(rows, columns, (2.1 * columns, 2.5 * rows))
        for axis in axes.flat:
            axis.axis("off")
        for axis, i in zip(axes.flat, order):
            axis.imshow(split.images[i])
            axis.set_title(
                evaluation.caption(i, names.shown),
                fontsize=8,
                color="tab:red" if wrong[i] else "black",
            )
        title = f"Validation images; {wrong.sum()} of {len(split)} are wrong, shown first"
        figure.suptitle(f"{title}\n{NUMBERED}" if names.numbered else title, fontsize=10)
        save_figure(figure, path)
