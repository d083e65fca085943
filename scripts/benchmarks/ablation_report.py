"""Table and picture of `ablation.py`: each row next to the recipe as it is, on the same images."""

import math

from keras_effconv.training.reporting.intervals import wilson
from keras_effconv.utils.figures import BLUE, LINE, ORANGE, SOFT, new_figure

NORMAL = 1.96  # of an interval at 95 %
SHARES = {"0.0": "the head alone", "1.0": "the last epoch"}  # of the trained weights; others are percentages


def named(answers):
    """Return what answers are called.

    >>> named("0.25"), named("1.0")
    ('25 % of the trained weights', 'the last epoch')
    """
    share = answers.replace(".", "").isdecimal()
    return SHARES.get(answers, f"{100 * float(answers):.0f} % of the trained weights" if share else answers)


def difference(won, lost, images):
    """Return the difference of two accuracies on the same images, and half of its interval at 95 %: shares.

    By Agresti and Min (Stat. Med. 24, 2005), which adds half an image to each cell of the table of both, so that few
    images that differ still have an interval.

    >>> [round(each, 3) for each in difference(12, 4, 800)]
    [0.01, 0.01]
    """
    total = images + 2
    return (won - lost) / total, NORMAL * math.sqrt(won + lost + 1 - (won - lost) ** 2 / total) / total


def compared(found, plain):
    """Yield (row, answers, right, won, lost) of each row that is shown.

    Args:
        found: dict of (row, answers) -> array of bool, whether each image is right.
        plain: the row and the answers that the others are compared with.
    """
    for (row, answers), right in found.items():
        won, lost = int((right & ~found[plain]).sum()), int((found[plain] & ~right).sum())
        yield row, answers, right, won, lost


def table(found, plain):
    """Return the rows of a table, the first one of titles; the arguments of `compared`."""
    images = len(found[plain])
    rows = [("recipe", "answers", f"% of {images}", "95 % interval", "points", "won and lost")]
    for row, answers, right, won, lost in compared(found, plain):
        least, most = wilson(int(right.sum()), images)
        points, half = (100 * each for each in difference(won, lost, images))
        same = (row, answers) == plain
        shown = f"{100 * right.mean():.1f}", f"{100 * least:.1f} to {100 * most:.1f}"
        against = ("", "") if same else (f"{points:+.1f} ± {half:.1f}", f"{won} and {lost}")
        rows.append((row or "as it is", named(answers), *shown, *against))
    return rows


def picture(found, plain, title):
    """Draw the differences and their intervals, the recipe as it is at 0; the arguments of `compared`."""
    rows = [each for each in compared(found, plain) if each[:2] != plain]
    figure, axes = new_figure(1, 1, (8, 1.2 + 0.3 * len(rows)))
    labels = []
    for place, (row, answers, _, won, lost) in enumerate(rows):
        points, half = (100 * each for each in difference(won, lost, len(found[plain])))
        colour = ORANGE if row == plain[0] else BLUE
        axes.errorbar(points, place, xerr=half, fmt="o", color=colour, capsize=3, markersize=5)
        labels.append(named(answers) if row == plain[0] else f"{row}: {named(answers)}")
    axes.axvline(0, color=SOFT, linewidth=1)
    axes.set_yticks(range(len(rows)), labels)
    axes.invert_yaxis()
    axes.grid(axis="x", color=LINE)
    axes.set_axisbelow(True)
    axes.set(title=title, xlabel=f"points of accuracy against the recipe as it is ({100 * found[plain].mean():.1f} %)")
    return figure
