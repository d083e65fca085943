"""Plots of a run: its learning curves, which classes it confuses, and what it says of some images."""

import numpy as np

from keras_effconv.utils.figures import new_figure, save_figure
from keras_effconv.utils.fonts import NUMBERED, Names


def learning_curves(result, path):
    """Plot accuracy and loss of fitting the head, then over the epochs of the network; PNG."""
    save_figure(draw_curves(result.head_curves, result.curves), path)


def draw_curves(head, epochs, first=1):
    """Return a figure of accuracy and loss.

    Args:
        head: dict of curves by name, of fitting the head; may be empty.
        epochs: dict likewise, of the epochs of the network.
        first: int, the number of the first of these epochs. Default 1.
    """
    figure, both = new_figure(1, 2, (11, 4.2))
    offset = len(head.get("accuracy", ()))
    for axes, quantity in zip(both, ("accuracy", "loss")):
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
        axes.set(xlabel="epoch (0: the head on frozen features)" if offset else "epoch", ylabel=quantity)
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
    axes.set_xticks(range(len(shown)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(shown)), names, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true")
    for i, j in zip(*np.nonzero(shares)) if len(shown) <= 15 else ():
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, matrix[shown[i], shown[j]], ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(image, label="share of the true class")


def predictions(evaluation, split, path, columns=6, rows=3):
    """Plot images with the predicted class and its probability; the mistakes first, in red; PNG."""
    wrong, names = evaluation.predicted != evaluation.labels, Names(evaluation.class_names)
    order = sorted(range(len(split)), key=lambda i: (not wrong[i], i * 7919 % len(split)))[: columns * rows]
    with names.drawing():
        figure, axes = new_figure(rows, columns, (2.1 * columns, 2.5 * rows))
        for axis in axes.flat:
            axis.axis("off")
        for axis, i in zip(axes.flat, order):
            axis.imshow(split.images[i])
            best = evaluation.predicted[i]
            title = f"{names.shown[best]} {evaluation.probabilities[i, best]:.0%}"
            if wrong[i]:
                title += f"\n(is {names.shown[split.labels[i]]})"
            axis.set_title(title, fontsize=8, color="tab:red" if wrong[i] else "black", parse_math=False)
        title = f"Validation images; {wrong.sum()} of {len(split)} are wrong, shown first"
        figure.suptitle(f"{title}\n{NUMBERED}" if names.numbered else title, fontsize=10)
        save_figure(figure, path)
