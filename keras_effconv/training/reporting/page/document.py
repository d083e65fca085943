"""The whole page: its first lines, its sections, and the file that it becomes."""

from collections.abc import Sequence

from keras_effconv.training.headline import in_words
from keras_effconv.training.reporting.page.parts import element, interval, paragraph, percent, text
from keras_effconv.training.reporting.page.style import STYLE
from keras_effconv.utils.files import write_lines

# A browser asks nobody for anything, even if a name should find its way out of the escapes.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SOURCES = (
    "Intervals: Wilson, 1927; of mean average precision: Tukey, 1958. Heat maps: Selvaraju et al., 2017, "
    "arXiv:1610.02391. Wrong labels: Northcutt et al., 2021, arXiv:1911.00068. Calibration: Guo et al., 2017, "
    "arXiv:1706.04599."
)

NO_INTERVAL = "too few images of a class for a 95 % interval"


def headline(evaluation, images: str, sentences: Sequence[str], facts: Sequence[tuple[str, str]]) -> str:
    """Show the headline, what it is worth, and the facts of the model.

    Args:
        evaluation: `Evaluation` or `MultiLabelEvaluation`.
        images: str, what the images are called, such as "test images".
        sentences: sequence of str, texts: which images selected, and which report.
        facts: sequence of pairs of str, texts: a name and a value.
    """
    count = evaluation.sentence(images)
    known = evaluation.interval is not None
    sure = f"95 % interval: {interval(evaluation.interval)}" if known else NO_INTERVAL
    small = element("small", f" {in_words(evaluation.metric)}; {sure}")
    accuracy = element("div", percent(evaluation.score), small, class_="accuracy")
    shown = [element("div", element("dt", text(key)), element("dd", text(value))) for key, value in facts]
    said = paragraph(f"{text(count)}.", *(text(sentence, 400) for sentence in sentences))
    return element("div", accuracy, said, class_="headline") + element("dl", *shown, class_="facts")


def document(title: str, *inner: str) -> str:
    """Return a page.

    Args:
        title: str, text.
        *inner: str, HTML, the sections.
    """
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><meta name="referrer" content="no-referrer">',
        element("title", text(title)),
        f"<style>{STYLE}</style>",
    )
    body = element("body", element("h1", text(title)), *inner, element("footer", text(SOURCES, 400)))
    return f'<!DOCTYPE html>\n<html lang="en">{element("head", *head)}\n{body}</html>'


def write(path, title: str, *inner: str):
    """Write a page, whole or not at all."""
    write_lines(path, [document(title, *inner)])
