"""Two pictures of a fine-tune: its learning curves, and what it says of some images."""

from keras_effconv.extras import require
from keras_effconv.files import replacing


def learning_curves(result, path):
    """Accuracy over the epochs of both phases, one after the other; PNG."""
    figure, axes = _figure(1, 1, (8, 4.5))
    offset = len(result.head_curves.get("accuracy", ()))
    for name, colour, label in (("accuracy", "tab:blue", "training"), ("val_accuracy", "tab:orange", "validation")):
        values = [*result.head_curves.get(name, ()), *result.curves.get(name, ())]
        axes.plot(range(1, len(values) + 1), values, color=colour, label=label, marker=".")
    if offset and result.curves:
        axes.axvline(offset + 0.5, color="grey", linestyle=":")
        axes.text(offset + 0.5, axes.get_ylim()[0], " blocks unfrozen", color="grey", va="bottom")
    axes.set(xlabel="epoch (head on cached features, then blocks)", ylabel="top-1 accuracy", title="Learning curves")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    _save(figure, path)


def predictions(evaluation, split, path, columns=6, rows=3):
    """Images with the predicted class and its probability; the mistakes first, in red; PNG."""
    wrong = evaluation.predicted != evaluation.labels
    order = sorted(range(len(split)), key=lambda i: (not wrong[i], i * 7919 % len(split)))[: columns * rows]
    figure, axes = _figure(rows, columns, (2.1 * columns, 2.5 * rows))
    for axis in axes.flat:
        axis.axis("off")
    for axis, i in zip(axes.flat, order):
        axis.imshow(split.images[i])
        best = evaluation.predicted[i]
        title = f"{evaluation.class_names[best]} {evaluation.probabilities[i, best]:.0%}"
        if wrong[i]:
            title += f"\n(is {evaluation.class_names[split.labels[i]]})"
        axis.set_title(title, fontsize=8, color="tab:red" if wrong[i] else "black")
    figure.suptitle(f"Validation images; {wrong.sum()} of {len(split)} are wrong, shown first", fontsize=10)
    _save(figure, path)


def _figure(rows, columns, size):
    """A figure without pyplot's global state or a display."""
    figure = require("matplotlib.figure").Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns)


def _save(figure, path):
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
