"""Charts as SVG inside a page: they take its colours, and any width."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from keras_effconv.training.reporting.page.parts import element, percent, text

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 18, 8, 34
TICKS = 5


class Series(NamedTuple):
    """A line of a chart.

    Attributes:
        label: str.
        style: str, its class in the style sheet: `"first"` or `"second"`.
        points: sequence of pairs (x, y); what is no number is left out.
    """

    label: str
    style: str
    points: Sequence[tuple[float, float]]


class Plane:
    """From values to places in a chart.

    Args:
        x: pair of floats, the least and the largest.
        y: pair likewise.
    """

    def __init__(self, x, y):
        (self.x, self.y) = ((low, high if high > low else low + 1) for low, high in (x, y))

    def across(self, x):
        """Return the place of a value from the left."""
        return LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)

    def down(self, y):
        """Return the place of a value from the top."""
        return HEIGHT - BOTTOM - (y - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, most: int = TICKS, whole: bool = False) -> list[float]:
    """Return round values between two others.

    Args:
        low: float.
        high: float.
        most: int, about so many. Default 5.
        whole: bool, whether only integers are meant. Default `False`.

    Example:

    >>> ticks(0.1, 0.9), ticks(0, 3, whole=True)
    ([0.2, 0.4, 0.6, 0.8], [0, 1, 2, 3])
    """
    rough = max(high - low, 1e-9) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    step = max(1, round(step)) if whole else step
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [number * step if whole else round(number * step, 10) for number in numbers]


def line_chart(title: str, lines: Sequence[Series], x_label: str, shares: bool) -> str:
    """Draw lines with a mark at each point.

    Args:
        title: str.
        lines: sequence of `Series`.
        x_label: str; the values of x are integers.
        shares: bool, whether the values of y are shares, shown in percent up to 1.

    Returns:
        str, HTML; empty if no point is a number.
    """
    lines = [each._replace(points=[point for point in each.points if all(map(math.isfinite, point))]) for each in lines]
    points = [point for each in lines for point in each.points]
    if not points:
        return ""
    (left, right), (low, high) = ((min(values), max(values)) for values in zip(*points))
    margin = (high - low) * 0.05 or 0.05
    low, high = max(0, low - margin), min(1, high + margin) if shares else high + margin
    plane = Plane((left, right), (low, high))
    drawn = [_axes(plane, x_label, ticks(*plane.x, whole=True), str, ticks(low, high), percent0 if shares else _short)]
    for each in lines:
        places = [(plane.across(x), plane.down(y)) for x, y in each.points]
        drawn.append(element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), class_=each.style))
        drawn += [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.5", class_=each.style) for x, y in places]
    return _figure(title, drawn, [(each.style, each.label) for each in lines])


def reliability_chart(bins, bins_after=None) -> str:
    """Draw the accuracy of answers over their probability: bars before a temperature, rings after it.

    Args:
        bins: list of `calibration.Bin`, before a temperature.
        bins_after: list likewise, after it. Default: none.

    Returns:
        str, HTML.
    """
    plane, marks = Plane((0, 1), (0, 1)), ticks(0, 1)
    most = max(each.images for each in bins)
    drawn = [_axes(plane, "probability of the answer", marks, percent0, marks, percent0)]
    for each in (each for each in bins if each.images):
        said = f"{each.images} images: probability {percent(each.confidence)}, right {percent(each.accuracy)}"
        x, y = plane.across(each.low), plane.down(each.accuracy)
        place = {"x": f"{x + 0.5:.1f}", "width": f"{plane.across(each.high) - x - 1:.1f}"}
        place |= {"y": f"{y:.1f}", "height": f"{max(plane.down(0) - y, 1):.1f}"}
        opacity = f"{0.3 + 0.6 * math.sqrt(each.images / most):.2f}"
        drawn.append(element("rect", element("title", said), class_="first", fill_opacity=opacity, **place))
    ends = {"x1": plane.across(0), "y1": plane.down(0), "x2": plane.across(1), "y2": plane.down(1)}
    drawn.append(element("line", class_="ideal", **ends))
    for each in (each for each in bins_after or () if each.images):
        said = f"{each.images} images: probability {percent(each.confidence)}, right {percent(each.accuracy)}"
        place = {"cx": f"{plane.across(each.confidence):.1f}", "cy": f"{plane.down(each.accuracy):.1f}", "r": "4"}
        drawn.append(element("circle", element("title", said), class_="ring", **place))
    legend = [("first", "right, before"), *([("ring", "right, after")] if bins_after else []), ("ideal", "ideal")]
    return _figure("Share of right answers", drawn, legend)


def percent0(share: float) -> str:
    """Write a share in whole percent.

    >>> percent0(0.25)
    '25 %'
    """
    return f"{100 * share:.4g} %"


def _short(value):
    return f"{value:g}"


def _axes(plane, x_label, x_ticks, x_text, y_ticks, y_text):
    drawn = []
    for y in y_ticks:
        place = f"{plane.down(y):.1f}"
        drawn.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=place, y2=place, class_="grid"))
        drawn.append(element("text", y_text(y), x=LEFT - 5, y=place, class_="y"))
    for x in x_ticks:
        drawn.append(element("text", x_text(x), x=f"{plane.across(x):.1f}", y=HEIGHT - BOTTOM + 14, class_="x"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return "".join([*drawn, element("text", text(x_label), x=middle, y=HEIGHT - 5, class_="x label")])


def _figure(title, drawn, legend):
    keys = "".join(element("span", element("i", class_=style), text(label), class_="key") for style, label in legend)
    shown = f"{title}: {', '.join(label for _, label in legend)}"
    svg = element("svg", element("title", text(shown)), *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    return element("figure", element("figcaption", element("b", text(title)), keys), svg)
