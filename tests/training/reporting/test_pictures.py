"""Names of classes in pictures: any script, any length, without a warning and without boxes."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from small_runs import coloured

from keras_effconv.data.checking import contact_sheet
from keras_effconv.training import Evaluation
from keras_effconv.training.reporting import plots
from keras_effconv.training.reporting.multi_label import MultiLabelEvaluation
from keras_effconv.utils import fonts
from keras_effconv.utils.fonts import Names

HARD = (
    "玫瑰",
    "وردة",
    "\N{ROSE}\N{VARIATION SELECTOR-16}",
    "$price$ \\frac{",
    "long " * 60,
    "tab\tand \u200b",
    "café",
    "_x^{",
)


@pytest.fixture
def only_default(monkeypatch):
    """A machine without any other font than matplotlib's own."""
    from matplotlib.font_manager import fontManager

    monkeypatch.setattr(
        fontManager, "ttflist", [f for f in fontManager.ttflist if f.name.startswith((fonts.DEFAULT, fonts.BOXES))]
    )
    fonts._families.cache_clear()
    yield
    fonts._families.cache_clear()


def test_hard_names_are_drawn_without_a_warning(only_default, tmp_path):
    labels = np.arange(len(HARD), dtype="int32")
    evaluation = Evaluation(np.eye(len(HARD))[::-1], labels, HARD)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.confusion(evaluation, tmp_path / "confusion.png", "test images: ")
        split = coloured(labels % 4)
        plots.predictions(Evaluation(np.eye(len(HARD))[labels % 4], labels % 4, HARD), split, tmp_path / "images.png")
    for name in ("confusion.png", "images.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 300


def test_a_name_that_no_font_has_is_a_number(only_default):
    """No boxes: the number is the place in labels.txt, and the picture says so."""
    names = Names(("rose", "玫瑰", "café"))
    assert names.shown == ["rose", "class 1", "café"]
    assert names.numbered
    assert not Names(("rose", "café")).numbered


def test_a_font_that_has_the_name_is_taken(monkeypatch):
    from matplotlib.font_manager import FontEntry, fontManager

    entry = FontEntry(fname="/fonts/one.ttf", name="One Font")
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist, entry])
    real = fonts._characters_of
    monkeypatch.setattr(fonts, "_characters_of", lambda path: {0x73AB, 0x7470} if path == entry.fname else real(path))
    fonts._families.cache_clear()
    names = Names(("rose", "玫瑰"))
    fonts._families.cache_clear()
    assert names.shown == ["rose", "玫瑰"]
    assert names.families[0] == fonts.DEFAULT and "One Font" in names.families


AWKWARD = ("$5%$", "_bg", "\\", "^", "%", "$\\frac{$", "_$x$", "plain")


def one_label():
    labels = np.arange(len(AWKWARD), dtype="int32")
    return Evaluation(np.roll(np.eye(len(AWKWARD)), 1, axis=0), labels, AWKWARD)


def several_labels():
    labels = np.eye(len(AWKWARD), dtype="int32")
    return MultiLabelEvaluation(np.roll(labels, 1, axis=0).astype("float32"), labels, AWKWARD)


def images():
    return coloured(np.arange(len(AWKWARD)) % 4)


def sheet(path):
    summary = SimpleNamespace(classes=dict.fromkeys(AWKWARD, 3))
    contact_sheet.draw({name: ["missing.png"] for name in AWKWARD}, {"train": summary}, path, "$5%$")


PICTURES = {
    "confusion": lambda path: plots.confusion(one_label(), path),
    "precision and recall": lambda path: plots.precision_recall(several_labels(), path),
    "images of one label": lambda path: plots.predictions(one_label(), images(), path),
    "images of several labels": lambda path: plots.predictions(several_labels(), images(), path),
    "contact sheet": sheet,
}


@pytest.mark.parametrize("picture", PICTURES)
def test_names_are_no_formulas_and_none_is_missing(picture, tmp_path, monkeypatch):
    """Matplotlib reads `$5%$` as a formula, and leaves `_bg` out of a legend."""
    figures = []
    for module in (plots, contact_sheet):
        real = module.save_figure
        monkeypatch.setattr(
            module, "save_figure", lambda figure, path, real=real: figures.append(figure) or real(figure, path)
        )
    PICTURES[picture](tmp_path / "picture.png")
    texts = [text.get_text() for figure in figures for text in figure.findobj(Text) if text.get_visible()]
    assert (tmp_path / "picture.png").stat().st_size > 1000
    for name in AWKWARD:
        assert any(name in text for text in texts), name
