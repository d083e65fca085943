"""The sections of a page that are of several labels an image."""

import numpy as np

from keras_effconv.training.reporting.page.parts import element, interval, name, paragraph, percent, section, table
from keras_effconv.training.reporting.page.sections import ALL_CLASSES, BEST, PAIRS, WORST

HEAD = (
    "class",
    "images",
    "average precision",
    "threshold",
    "precision",
    "recall",
    "95 % interval of the recall",
    "F1",
    "F1 at 0.5",
)


def classes(evaluation) -> str:
    """Show the scores of each class; of many, those of the worst and the best.

    Args:
        evaluation: `MultiLabelEvaluation`.
    """
    scores = evaluation.scores()
    known = sorted((each for each in scores if each.images), key=lambda each: each.average_precision)
    absent = [each for each in scores if not each.images]
    shown = [("", [*known, *absent])]
    if len(scores) > ALL_CLASSES:
        shown = [("The worst", known[:WORST]), ("The best", known[WORST:][-BEST:][::-1])]
    note = "" if len(scores) <= ALL_CLASSES else f"There are {len(scores)} classes; the JSON file has all of them."
    none = f"{len(absent)} of {len(scores)} classes have no image, so nothing is known of them." if absent else ""
    order = "The worst average precision comes first; it does not depend on a threshold."
    chosen = f"The answers are by thresholds chosen {evaluation.chosen}."
    tables = [table(HEAD, map(_row, rows), caption=caption) for caption, rows in shown if rows]
    return section("Classes", paragraph(order, chosen, note, none), *tables)


def _row(each):
    images = str(each.images) if each.images else "no image"
    first = name(each.name), images, percent(each.average_precision), f"{each.threshold:.2f}"
    recall = percent(each.recall), interval(each.recall_interval)
    return *first, percent(each.precision), *recall, percent(each.f1), percent(each.f1_at_half)


def together(evaluation) -> str:
    """Show which classes are on an image together, and how often both are said of it.

    Args:
        evaluation: `MultiLabelEvaluation`.
    """
    labels, answers, names = evaluation.labels > 0, evaluation.answers, evaluation.class_names
    counts = np.triu(labels.T.astype(int) @ labels.astype(int), 1)
    order = np.argsort(-counts, axis=None, kind="stable")[:PAIRS]
    pairs = [(i, j) for i, j in zip(*np.unravel_index(order, counts.shape)) if counts[i, j]]
    right = f"All labels are right on {percent(1 - evaluation.wrong.mean())} of the images."
    if not pairs:
        return section("Classes on one image", paragraph(right, "No two classes are on one image."))
    rows = []
    for i, j in pairs:
        found = int((answers[:, i] & answers[:, j])[labels[:, i] & labels[:, j]].sum())
        rows.append((name(names[i]), name(names[j]), str(counts[i, j]), percent(found / counts[i, j])))
    shown = table(("class", "and", "images of both", "both are said"), rows, words=2)
    pairs = element("details", element("summary", "The pairs that are most often on one image"), shown)
    return section("Classes on one image", paragraph(right), pairs)
