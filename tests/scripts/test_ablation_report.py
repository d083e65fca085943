"""What the table and the picture of an ablation say."""

import ablation_report
import numpy as np
import pytest

PLAIN = ("", "default")


def found(won, lost, images=100, right=80):
    """A recipe that is right about the first images, and another that wins some and loses some."""
    plain = np.arange(images) < right
    other = plain.copy()
    other[right : right + won], other[:lost] = True, False
    return {PLAIN: plain, ("", "0.25"): plain, ("lr=3e-4", "default"): other}


def test_a_row_counts_what_it_won_and_lost():
    title, plain, share, other = ablation_report.table(found(9, 2), PLAIN)
    assert title[2] == "% of 100"
    assert plain == ("as it is", "default", "80.0", "71.1 to 86.7", "", "")
    assert share[1] == "25 % of the trained weights" and share[-2:] == ("+0.0 ± 1.9", "0 and 0")
    assert other == ("lr=3e-4", "default", "87.0", "79.0 to 92.2", "+6.9 ± 6.5", "9 and 2")


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (30, 10), (3, 0), (0, 40)])
def test_an_interval_is_as_wide_as_that_of_draws(won, lost):
    images = 400
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(images, [won / images, lost / images, 1 - (won + lost) / images], size=20_000)
    spread = 1.96 * ((drawn[:, 0] - drawn[:, 1]) / images).std()
    points, half = ablation_report.difference(won, lost, images)
    assert points == pytest.approx((won - lost) / images, abs=0.001)
    assert spread <= half <= spread + 1.96 * 2 / images


def test_the_picture_has_a_line_for_each_row_but_the_one_compared_with():
    (axes,) = ablation_report.picture(found(9, 2), PLAIN, "Tiny").axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["25 % of the trained weights", "lr=3e-4: default"]
    assert axes.get_title() == "Tiny" and "80.0 %" in axes.get_xlabel()
