"""Names of classes in pictures: any script, any length, without a warning and without boxes."""

import warnings

import numpy as np
import pytest
from PIL import Image
from small_runs import coloured

from keras_effconv.training import Evaluation
from keras_effconv.training.reporting import plots
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
