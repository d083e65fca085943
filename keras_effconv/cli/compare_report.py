"""The times, the table and the plot of `keras-effconv compare`."""

import dataclasses
import json
import statistics
import tempfile
from pathlib import Path

import keras
import numpy as np

import keras_effconv
from keras_effconv.cli.compare_rows import device
from keras_effconv.cli.timing import compiled, in_turns
from keras_effconv.training.network import backbone, classifier
from keras_effconv.training.recipe import Recipe
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing, write_lines

PLAIN, BATCH = "Conv()", 8
NAN = float("nan")
HEAD = (
    *("network", "kind", "trained from", "runs", "accuracy %", "at the best epoch %", "GMAC", "of `Conv()`"),
    *("ms/image", "of `Conv()`", "deployed", "of `Conv()`"),
)


@dataclasses.dataclass(frozen=True)
class Point:
    """What a network of a kind comes to, over seeds.

    Attributes:
        model, kind: str.
        distilled: bool.
        runs: int.
        accuracy, spread: float, mean and standard deviation of the last epoch's; 0 for one run.
        best: float, mean of the best epoch's.
        macs: int.
        seconds, deployed: float, of an image, as a graph and as the graph of `deploy`.
        of_plain: tuple of three floats: MACs, seconds and deployed over those of `Conv()`; nan without one.
    """

    model: str
    kind: str
    distilled: bool
    runs: int
    accuracy: float
    spread: float
    best: float
    macs: int
    seconds: float
    deployed: float
    of_plain: tuple[float, float, float]


def markdown(head, lines):
    """Return a table as text."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *lines))


def times(rows, repeats):
    """Return the median seconds of an image, in batches of 8: dict of (model, kind) -> (graph, deployed).

    All kinds of a network take turns in one process.
    """
    medians = {}
    for name in dict.fromkeys(row.model for row in rows):
        kinds = {row.kind: row for row in rows if row.model == name}
        graphs = {}
        with tempfile.TemporaryDirectory() as folder:
            for kind, row in kinds.items():
                model = network(row)
                for way, each in (("graph", model), ("deployed", keras_effconv.deploy(model))):
                    graphs[kind, way] = stored(each, Path(folder) / f"{len(graphs)}.keras")
        size = next(iter(kinds.values())).image_size
        images = np.random.default_rng(0).uniform(0, 255, (BATCH, size, size, 3)).astype("float32")
        seconds = in_turns(graphs, images, repeats, f"{name}, batch {BATCH}")
        each = {key: statistics.median(values) / BATCH for key, values in seconds.items()}
        medians |= {(name, kind): (each[kind, "graph"], each[kind, "deployed"]) for kind in kinds}
    return medians


def stored(model, path):
    """Return the compiled graph of a model, made from its file as a user has it."""
    model.save(path)
    return compiled(keras.models.load_model(path, compile=False))


def network(row):
    """Return the classifier of a row with new weights, float32."""
    options = json.loads(row.options)
    recipe = Recipe(model=row.model, conv=row.kind, weights=None, options=options, image_size=row.image_size)
    return classifier(backbone(recipe), row.classes, 0.0, row.model)


def points(rows, times):
    """Return the rows over seeds, networks and kinds as they come: list of `Point`."""
    groups = {}
    for row in rows:
        groups.setdefault((row.model, row.kind, row.distilled), []).append(row)
    costs = {(row.model, row.kind): (row.macs, *times[row.model, row.kind]) for row in rows}
    means = []
    for (model, kind, distilled), group in groups.items():
        last, cost = [row.last for row in group], costs[model, kind]
        plain = costs.get((model, PLAIN), (NAN,) * 3)
        means.append(
            Point(
                model=model,
                kind=kind,
                distilled=distilled,
                runs=len(group),
                accuracy=statistics.mean(last),
                spread=statistics.stdev(last) if len(last) > 1 else 0.0,
                best=statistics.mean(row.best for row in group),
                macs=cost[0],
                seconds=cost[1],
                deployed=cost[2],
                of_plain=tuple(a / b for a, b in zip(cost, plain)),
            )
        )
    models = list(dict.fromkeys(point.model for point in means))
    return sorted(means, key=lambda p: (models.index(p.model), family(p.kind), -p.macs, p.distilled))


def family(kind):
    """The class of a kind; plain convolutions come first."""
    name = type(keras_effconv.kinds.get(kind)).__name__
    return "" if name == "Conv" else name


def write(points, rows, folder):
    """Write `report.md` and `accuracy.png`; the text of the first."""
    settings = {name: ", ".join(dict.fromkeys(str(getattr(row, name)) for row in rows)) for name in SETTINGS}
    settings["timed on"] = f"{device()}, batch {BATCH}, float32"
    text = "; ".join(f"{name} {value}" for name, value in settings.items()) + "\n\n" + table(points)
    write_lines(folder / "report.md", text.splitlines())
    figure = plot(points)
    with replacing(folder / "accuracy.png") as temporary:
        figure.savefig(temporary, dpi=110)
    return text


SETTINGS = ("recipe", "data", "epochs", "limit", "dtype", "options", "device")


def table(points):
    """Markdown, a line per point; accuracies are mean and standard deviation over seeds."""
    return markdown(HEAD, map(_line, points))


def _line(point):
    spread = f" ± {100 * point.spread:.1f}" if point.runs > 1 else ""
    ratios = ["" if np.isnan(ratio) else f"{ratio:.2f}" for ratio in point.of_plain]
    return (
        point.model,
        f"`{point.kind}`",
        "teacher" if point.distilled else "labels",
        str(point.runs),
        f"{100 * point.accuracy:.1f}{spread}",
        f"{100 * point.best:.1f}",
        f"{point.macs / 1e9:.3f}",
        ratios[0],
        f"{1000 * point.seconds:.2f}",
        ratios[1],
        f"{1000 * point.deployed:.2f}",
        ratios[2],
    )


def plot(points):
    """Accuracy against multiply-accumulates and against time; a colour per network, a line per family and teaching."""
    figure = require("matplotlib.figure").Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    models = list(dict.fromkeys(point.model for point in points))
    axes_of = {"GMAC per image": lambda p: p.macs / 1e9, "ms per image, deployed": lambda p: 1000 * p.deployed}
    for axes, (label, cost) in zip(panels, axes_of.items()):
        for point in points:
            colour, shown = f"C{models.index(point.model)}", "none" if point.distilled else None
            mark = MARKS.get(family(point.kind), "D")
            where = cost(point), 100 * point.accuracy
            axes.errorbar(*where, 100 * point.spread, fmt=mark, color=colour, mfc=shown, capsize=3)
            if not point.distilled:
                axes.annotate(_short(point.kind), where, (4, -10), textcoords="offset points", fontsize=7)
        for model, kinds, distilled in _lines(points):
            line = [(cost(p), 100 * p.accuracy) for p in kinds]
            style = {"color": f"C{models.index(model)}", "linestyle": ":" if distilled else "-", "lw": 1}
            axes.plot(*zip(*line), alpha=0.6, **style)
        axes.set(xscale="log", xlabel=label)
        axes.grid(alpha=0.3, which="both")
    panels[0].set_ylabel("accuracy %, last epoch")
    _legend(panels[0], models, points)
    return figure


MARKS = {"": "o", "HetConv": "s", "OctConv": "^"}


def _lines(points):
    """(model, points, distilled): those of a family from the plain network on."""
    keys = dict.fromkeys((p.model, family(p.kind), p.distilled) for p in points if family(p.kind))
    for model, name, distilled in keys:
        plain = [p for p in points if p.model == model and p.kind == PLAIN]
        kinds = [p for p in points if (p.model, family(p.kind), p.distilled) == (model, name, distilled)]
        yield model, sorted(plain + kinds, key=lambda p: -p.macs), distilled


def _short(kind):
    """`HetConv(parts=4)` as P=4, for a label."""
    if family(kind) == "ByLayer":
        return "by layer"
    short = kind.replace("HetConv(parts=", "P=").replace("OctConv(alpha=", "alpha=").removesuffix("()")
    return short if "(" in short else short.removesuffix(")")


def _legend(axes, models, points):
    for i, model in enumerate(models):
        axes.plot([], [], "-", color=f"C{i}", label=model)
    for name, mark in MARKS.items():
        axes.plot([], [], mark, color="grey", label=name or "Conv")
    if any(point.distilled for point in points):
        axes.plot([], [], "s:", color="grey", mfc="none", label="with a teacher")
    axes.legend(fontsize=8)
