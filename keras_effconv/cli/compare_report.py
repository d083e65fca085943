"""The times, the table and the plot of `keras-effconv compare`."""

import dataclasses
import json
import statistics
import tempfile
from pathlib import Path

import keras
import numpy as np

import keras_effconv
from keras_effconv import visualize
from keras_effconv.cli.compare_rows import device
from keras_effconv.cli.timing import compiled, in_turns
from keras_effconv.training.network import backbone, classifier
from keras_effconv.training.recipe import Recipe
from keras_effconv.utils.figures import new_figure, save_figure
from keras_effconv.utils.files import write_lines
from keras_effconv.visualize.accuracy import family, plot_accuracy

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
    return sorted(means, key=lambda p: (models.index(p.model), _order(p.kind), -p.macs, p.distilled))


def _order(kind):
    """Put plain convolutions first."""
    return "" if family(kind) == "Conv" else family(kind)


def write(points, rows, folder):
    """Write `report.md` and `accuracy.png`; the text of the first."""
    settings = {name: ", ".join(dict.fromkeys(str(getattr(row, name)) for row in rows)) for name in SETTINGS}
    settings["timed on"] = f"{device()}, batch {BATCH}, float32"
    text = "; ".join(f"{name} {value}" for name, value in settings.items()) + "\n\n" + table(points)
    write_lines(folder / "report.md", text.splitlines())
    save_figure(plot(points), folder / "accuracy.png")
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
    figure, panels = new_figure(1, 2, (11, 5), sharey=True)
    costs = {"macs": lambda p: p.macs / 1e9, "ms per image, deployed": lambda p: 1000 * p.deployed}
    for axes, (label, cost) in zip(panels, costs.items()):
        plot_accuracy([_drawn(point, cost(point)) for point in points], label, axes)
    panels[1].set_ylabel("")
    panels[1].get_legend().remove()
    return figure


def _drawn(point, cost):
    ends = point.accuracy - point.spread, point.accuracy + point.spread
    return visualize.Point(point.model, point.kind, cost, point.accuracy, *ends, point.distilled)
