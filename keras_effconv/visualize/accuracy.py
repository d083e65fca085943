"""Accuracy against cost, of the networks that runs have trained."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_effconv import kinds
from keras_effconv.utils.arguments import one_of
from keras_effconv.utils.figures import COLOURS, LINE, SOFT, axes_or_new, figure_of, named_legend, plain_numbers
from keras_effconv.utils.files import read_json

REPORT = "report.json"
COSTS = {  # name of a number in a run's report -> what the axis says, and its unit
    "macs": ("multiply-accumulates per image, in billions", 1e9),
    "params": ("parameters, in millions", 1e6),
    "model_bytes": ("size of model.keras, in MB", 1e6),
}
MARKS = {"Conv": "o", "HetConv": "s", "OctConv": "^"}
OTHER = "D"
PLAIN = "Conv()"


class Point(NamedTuple):
    """A network that was trained.

    Attributes:
        model: str, the name of the network.
        kind: str, the repr of its kind of convolution.
        cost: float, in the unit of the axis.
        accuracy: float, 0 to 1.
        low: float, the lower end of what is known of the accuracy; equal to it if nothing is.
        high: float, the upper end.
        taught: bool, whether a teacher trained it. Default `False`.
    """

    model: str
    kind: str
    cost: float
    accuracy: float
    low: float
    high: float
    taught: bool = False


def read_runs(folders: Iterable[str | Path], cost: str = "macs") -> list[Point]:
    """Read what runs came to, from the `report.json` that `finetune` and `train` leave.

    Args:
        folders: folders of runs.
        cost: str, `"macs"`, `"params"` or `"model_bytes"`. Default `"macs"`.

    Returns:
        list of `Point`, with the accuracy on the validation images and its 95 % interval.

    Raises:
        ValueError: a folder has no report of a run, or it lacks a number.
    """
    unit, points = COSTS[one_of("cost", cost, tuple(COSTS))][1], []
    for folder in folders:
        report = read_json(Path(folder).expanduser() / REPORT, "folders")
        try:
            ends = report["accuracy_interval"]
            points.append(Point(report["model"], report["conv"], report[cost] / unit, report["accuracy"], *ends))
        except (KeyError, TypeError) as error:
            text = f"{folder}, whose {REPORT} lacks {error}"
            raise ValueError(f"`folders` must be folders of finished runs. Received: {text}") from None
    return points


def plot_accuracy(runs: Sequence[Point | str | Path], cost: str = "macs", ax=None):
    """Draw the accuracy of trained networks over what they cost.

    A colour is a network, a mark a family of kinds. Lines lead from the plain network to its cheaper ones.

    Args:
        runs: folders of runs; or `Point` of your own, whose costs are in the unit of the axis.
        cost: str, of folders `"macs"`, `"params"` or `"model_bytes"`; of points also what the axis says. Default
            `"macs"`.
        ax: `matplotlib.axes.Axes` to draw in. Default: those of a new figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: there are no runs, or `read_runs` refuses one.

    Example:

    >>> dense = Point("ResNet20", "Conv()", 0.041, 0.91, 0.9, 0.92)
    >>> plot_accuracy([dense, Point("ResNet20", "PC()", 0.006, 0.88, 0.87, 0.9)]).axes[0].get_ylabel()
    'accuracy, %'
    """
    runs = list(runs)
    if not runs:
        raise ValueError("`runs` must be at least one folder or `Point`. Received: none")
    points = runs if all(isinstance(each, Point) for each in runs) else read_runs(runs, cost)
    ax, models = axes_or_new(ax, (6.4, 4.4)), list(dict.fromkeys(point.model for point in points))
    colours = {model: COLOURS[i % len(COLOURS)] for i, model in enumerate(models)}
    for line in _lines(points):
        style = {"color": colours[line[0].model], "ls": ":" if line[-1].taught else "-", "lw": 1, "alpha": 0.6}
        ax.plot([point.cost for point in line], [100 * point.accuracy for point in line], **style)
    for point in points:
        _draw_point(ax, point, colours[point.model])
    ax.margins(x=0.1, y=0.08)
    ax.set(xscale="log", xlabel=COSTS[cost][0] if cost in COSTS else cost, ylabel="accuracy, %")
    ax.grid(color=LINE, which="both", lw=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    plain_numbers(ax.xaxis, ax.get_xlim())
    _legend(ax, colours, points)
    return figure_of(ax)


def _draw_point(ax, point, colour):
    mark, face = MARKS.get(family(point.kind), OTHER), "none" if point.taught else colour
    ends = [[100 * max(point.accuracy - point.low, 0)], [100 * max(point.high - point.accuracy, 0)]]
    at = point.cost, 100 * point.accuracy
    ax.errorbar(*at, ends, fmt=mark, color=colour, mfc=face, capsize=3, elinewidth=0.8, ms=6)
    if not point.taught:
        ax.annotate(short(point.kind), at, (5, -11), textcoords="offset points", fontsize=8, parse_math=False)


def _lines(points):
    """Yield the points of a family of kinds, from the plain network on, if there is more than one."""
    for model, name, taught in dict.fromkeys((p.model, family(p.kind), p.taught) for p in points):
        own = [p for p in points if (p.model, family(p.kind), p.taught) == (model, name, taught)]
        plain = [p for p in points if p.model == model and p.kind == PLAIN and p not in own]
        if name != "Conv" and len(own + plain) > 1:
            yield sorted(plain + own, key=lambda p: -p.cost)


def family(kind: str) -> str:
    """Return the class of a kind.

    >>> family("HetConv(parts=4)")
    'HetConv'
    """
    return type(kinds.get(kind)).__name__


def short(kind: str) -> str:
    """Return a kind as the label of a point.

    >>> short("HetConv(parts=4)"), short("OctConv(alpha=0.5)"), short("Conv()")
    ('P=4', 'alpha=0.5', 'Conv')
    """
    if family(kind) == "ByLayer":
        return "by layer"
    text = kind.replace("HetConv(parts=", "P=").replace("OctConv(alpha=", "alpha=").removesuffix("()")
    return text if "(" in text else text.removesuffix(")")


def _legend(ax, colours, points):
    models = [ax.plot([], [], "-", color=colour)[0] for colour in colours.values()]
    families = list(dict.fromkeys(family(point.kind) for point in points))
    marks = [ax.plot([], [], MARKS.get(name, OTHER), color=SOFT)[0] for name in families]
    names = [*colours, *families]
    if any(point.taught for point in points):
        marks += ax.plot([], [], "s:", color=SOFT, mfc="none")
        names.append("with a teacher")
    named_legend(ax, [*models, *marks], names, fontsize=8, frameon=False)
