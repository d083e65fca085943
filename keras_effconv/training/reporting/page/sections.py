"""The sections of a page: what there is to see in the evaluation of a model."""

import numpy as np

from keras_effconv.training.headline import headline, in_words
from keras_effconv.training.reporting.class_scores import class_scores, confused_pairs
from keras_effconv.training.reporting.page.charts import Series, line_chart, reliability_chart
from keras_effconv.training.reporting.page.parts import element, interval, name, paragraph, percent, section, table
from keras_effconv.training.reporting.temperature import COLDEST, HOTTEST

WHO = (("training", "first"), ("validation", "second"))
ALL_CLASSES = 40  # of more, the table has the worst and the best
WORST, BEST = 20, 10
MATRIX = 20  # classes of which a matrix can be read
PAIRS = 20
SHORT = 24  # characters of a name at the matrix

BEYOND = {  # why the images determine no temperature, see `Calibration`
    None: "The images do not determine a temperature: all are the same.",
    COLDEST: f"The images do not determine a temperature: the lower, the better, down to {COLDEST}, the lowest tried. "
    "There are no or few mistakes, or the model is far less sure of itself than it is right.",
    HOTTEST: f"The images do not determine a temperature: the higher, the better, up to {HOTTEST:g}, the highest "
    "tried. The model is far surer of itself than it is right.",
}


def curves(head_curves, network_curves) -> str:
    """Show headline and loss, of the head first and then of each epoch.

    Args:
        head_curves: dict of curves by name, see `Result`.
        network_curves: dict likewise.

    Returns:
        str, HTML: charts; the numbers if there is one epoch only; empty without any.
    """
    metric = headline(network_curves, head_curves)
    lines = ((metric, f"val_{metric}"), ("loss", "val_loss"))
    title, offset = "Learning curves", len(head_curves.get(metric, ()))
    whole = {key: [*head_curves.get(key, ()), *network_curves.get(key, ())] for quantity in lines for key in quantity}
    epochs = len(whole["val_loss"])
    if epochs < 2:
        rows = [(label, percent(score), f"{loss:.3f}") for label, score, loss in _only(whole, lines)]
        alone = "Only the head was fitted, on frozen features." if offset else "There is one epoch only."
        return section(title, paragraph(alone), table(("images", in_words(metric), "loss"), rows)) if rows else ""
    charts = [
        line_chart(
            in_words(quantity[0]).capitalize(),
            [
                Series(label, style, list(enumerate(whole[key], 1 - offset)))
                for key, (label, style) in zip(quantity, WHO)
            ],
            "epoch",
            shares=quantity[0] == metric,
        )
        for quantity in lines
    ]
    head = "Epoch 0 is the head alone, on frozen features." if offset else ""
    loss = "The training loss includes smoothing, mixing and weight decay."
    return section(title, paragraph(head, loss), element("div", *charts, class_="charts"))


def _only(whole, lines):
    for (label, _), *keys in zip(WHO, *lines):
        if all(whole[key] for key in keys):
            yield label, *(whole[key][0] for key in keys)


def classes(evaluation) -> str:
    """Show the scores of each class; of many, those of the worst and the best."""
    scores = class_scores(evaluation)
    known = sorted((each for each in scores if each.images), key=lambda each: (each.recall, each.f1))
    absent = [each for each in scores if not each.images]
    few = len(scores) <= ALL_CLASSES
    shown = (
        [("", [*known, *absent])] if few else [("The worst", known[:WORST]), ("The best", known[WORST:][-BEST:][::-1])]
    )
    note = "" if few else f"There are {len(scores)} classes. The JSON file next to this page has all of them."
    none = f"{len(absent)} of {len(scores)} classes have no image, so nothing is known of them." if absent else ""
    explained = "Recall is the share of the images that are found, precision the share of the answers that are right."
    head = ("class", "images", "recall", "95 % interval of the recall", "precision", "F1")
    tables = [table(head, map(_class_row, rows), caption=caption) for caption, rows in shown if rows]
    return section("Classes", paragraph(explained, "The worst recall comes first.", note, none), *tables)


def _class_row(each):
    images = str(each.images) if each.images else "no image"
    recall = (percent(each.recall), interval(each.recall_interval))
    return name(each.name), images, *recall, percent(each.precision), percent(each.f1)


def confusion(evaluation) -> str:
    """Show which class is taken for which: a matrix of few classes, and the pairs that are confused most."""
    pairs = confused_pairs(evaluation, PAIRS)
    if not pairs:
        return section("Confusion", paragraph("No image is taken for another class."))
    rows = [
        (name(pair.true), name(pair.answer), f"{pair.count} of {pair.images}", percent(pair.count / pair.images))
        for pair in pairs
    ]
    shown = table(("class", "taken for", "images", "share of the class"), rows, words=2)
    if len(evaluation.class_names) > MATRIX:
        wrong = int((evaluation.predicted != evaluation.labels).sum())
        covered = sum(pair.count for pair in pairs)
        note = f"These {len(pairs)} pairs are confused most often. They account for {covered} of {wrong} mistakes."
        return section("Confusion", paragraph(note), shown)
    pairs = element("details", element("summary", "The pairs that are confused most often"), shown)
    note = "A row is a class, a column what the model says. Colour is the share of the row."
    return section("Confusion", paragraph(note), _matrix(evaluation), pairs)


def _matrix(evaluation):
    matrix, names = evaluation.confusion, [name(each, SHORT) for each in evaluation.class_names]
    head = element("tr", element("th", "class"), *(element("th", each) for each in names))
    rows = []
    for label, row, total in zip(names, matrix, np.maximum(matrix.sum(1), 1)):
        cells = [_cell(count, count / total) for count in row]
        rows.append(element("tr", element("th", label), *cells))
    whole = element("table", element("thead", head), element("tbody", *rows), class_="confusion")
    return element("div", whole, class_="wide")


def _cell(count, share):
    if not count:
        return element("td", "0", class_="soft")
    return element("td", str(count), style=f"background: rgba(var(--heat), {0.6 * share:.2f})")


def calibration(measured) -> str:
    """Show whether probabilities are what they say, before and after a temperature.

    Args:
        measured: `Calibration`, or `None`.
    """
    title = "Calibration"
    if measured is None:
        return section(title, paragraph("What the model says are no probabilities, so that nothing can be compared."))
    error = f"The expected calibration error on the {measured.measured_on} is {percent(measured.ece)}."
    few = "With few images in a bin, chance alone makes it larger."
    return section(
        title,
        paragraph("Of answers with a probability of 80 %, 80 % should be right.", error, few),
        paragraph(*_temperature(measured)),
        element("div", reliability_chart(measured.bins, measured.bins_after), _bins(measured), class_="charts"),
    )


def _temperature(measured):
    if measured.temperature is None:
        yield BEYOND[measured.beyond]
        return
    sure = "surer of itself than it is right" if measured.temperature > 1 else "less sure of itself than it is right"
    yield f"The model is {sure}: its best temperature is {measured.temperature:.2f}."
    if measured.ece_after is None:
        yield f"Part of the images alone has none from {COLDEST} to {HOTTEST:g}, so it is not measured on the others."
        return
    yield f"With a temperature, the error is {percent(measured.ece_after)}."
    yield f"It is found on the {measured.fitted_on.removeprefix('the ')}, and not on the images of this error."
    if measured.applied is None:
        yield "To use it, raise the probabilities to the power of 1 / temperature, and divide them by their sum."
    else:
        yield f"The model is saved with {measured.applied:.2f}: its logits are divided by it."


def _bins(measured):
    after = measured.bins_after or [None] * len(measured.bins)
    rows = [
        (f"{each.low:.2f} to {each.high:.2f}", str(each.images), percent(each.confidence), percent(each.accuracy))
        + ((str(other.images), percent(other.confidence), percent(other.accuracy)) if other else ())
        for each, other in zip(measured.bins, after)
        if each.images or (other and other.images)
    ]
    head = ["probability", "images", "mean", "right"]
    head += ["images after", "mean after", "right after"] if measured.bins_after else []
    return element("details", element("summary", "The numbers of the diagram"), table(head, rows))
