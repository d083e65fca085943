"""Draw docs/converted-accuracy.png: accuracy of conversions against their cost, next to the papers' claims.

python scripts/docs/accuracy_against_time.py --rows=outputs/conversions.csv --runtime=openvino --batch=64

The rows are those of scripts/benchmarks/conversions.py. Times are measured here, deployed; the kinds take turns.
"""

import csv
import functools
import json
import os
import platform

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from sections import ROOT

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

PICTURE = ROOT / "docs" / "converted-accuracy.png"
DENSE = "Conv()"
# (network, kind, share of the dense network's cost, change of top-1 in points); trained from scratch by the authors.
CLAIMED_MS = (  # OctConv, table 5: milliseconds on one core
    ("0.75 MobileNet", "OctConv", 11.9 / 13.4, 70.6 - 70.3),
    ("MobileNetV2", "OctConv", 17.1 / 24.5, 72.0 - 72.0),
)
CLAIMED_MACS = (  # HetConv, tables 1 and 7; OctConv, table 5
    *(("VGG16CIFAR", "HetConv", macs / 313.74, top1 - 94.06) for macs, top1 in ((175.23, 93.89), (105.98, 93.93))),
    *(("VGG16CIFAR", "HetConv", macs / 313.74, top1 - 94.06) for macs, top1 in ((71.35, 93.92), (54.04, 93.96))),
    ("ResNet50", "HetConv", 2.85 / 4.09, 23.86 - 23.84),
    ("0.75 MobileNet", "OctConv", 213 / 325, 70.6 - 70.3),
    ("MobileNetV2", "OctConv", 256 / 300, 72.0 - 72.0),
)
COLORS = {"OctConv": "#3182bd", "HetConv": "#e6842a"}
MARKS = "osD^vP"


def define(flags):
    """Define the flags."""
    flags.list("rows", None, "CSV files of conversions.py; of equal rows the first counts.", required=True)
    flags.string("runtime", "openvino", "In which times are measured.")
    flags.integer("batch", 64, "Images at a time.", 1)


def run(flags, words):
    """Measure, print a table, and draw."""
    flags_only(words)
    from keras_effconv.utils.text_table import markdown

    found = {}
    for row in (row for path in flags.rows for row in _read(path) if row["top-1 %"]):
        found.setdefault((row["network"], row["kind"], row["steps"]), row)
    rows = list(found.values())
    times = _times(rows, flags.runtime, flags.batch)
    head = ("network", "kind", f"ms ({flags.runtime}, batch {flags.batch})", "of dense")
    table = [
        (network, f"`{kind}`", f"{ms:.2f}", f"{ms / times[network, DENSE]:.2f}")
        for (network, kind), ms in times.items()
    ]
    print(markdown([head, *table]))
    print(platform.processor() or platform.machine())
    _draw(rows, times, f"{flags.runtime}, batch {flags.batch}")


def _read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _times(rows, runtime, batch):
    """Return the milliseconds of a batch by (network, kind)."""
    import keras_effconv as ke
    from keras_effconv.converting.selecting.timing import Timer

    timer, times = Timer(runtime, batch), {}
    for network in dict.fromkeys(row["network"] for row in rows):
        kinds = dict.fromkeys([DENSE, *(row["kind"] for row in rows if row["network"] == network)])
        options = json.loads(next(row.get("options") for row in rows if row["network"] == network) or "{}")
        build = functools.partial(ke.applications.get(network), weights=None, **options)
        measured = timer.network_ms({kind: build(conv=kind) for kind in kinds})
        times.update({(network, kind): ms for kind, ms in measured.items()})
    return times


def _draw(rows, times, measured):
    from matplotlib.figure import Figure

    figure = Figure((11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    marks = dict(zip(dict.fromkeys(row["network"] for row in rows), MARKS))
    for row in rows:
        network, kind = row["network"], row["kind"]
        change = float(row["top-1 %"]) - float(row["dense top-1 %"])
        shares = times[network, kind] / times[network, DENSE], float(row["GMAC of dense"])
        color, stepped = COLORS[kind.split("(")[0]], row["steps"] != "0"
        for axes, share in zip((left, right), shares):
            axes.plot(share, change, marks[network], color=color, mfc=color if stepped else "none", ms=7)
    for axes, claims, label in ((left, CLAIMED_MS, f"time, {measured}"), (right, CLAIMED_MACS, "multiply-accumulates")):
        for _, kind, share, change in claims:
            axes.plot(share, change, "*", color=COLORS[kind], mec="black", mew=0.6, ms=12)
        axes.plot(1, 0, "x", color="black", ms=9)
        axes.axhline(0, color="grey", lw=0.8)
        axes.set_xlabel(f"share of the dense network's {label}")
        axes.grid(alpha=0.3)
    left.set_ylabel("top-1, points above the dense network")
    right.legend(handles=_legend(marks), fontsize=8, loc="lower right")
    figure.savefig(PICTURE, dpi=110)


def _legend(marks):
    from matplotlib.lines import Line2D

    def line(mark, label, **style):
        return Line2D([], [], ls="", marker=mark, label=label, **style)

    return [
        *(line("s", kind, color=color) for kind, color in COLORS.items()),
        *(line(mark, network, color="grey") for network, mark in marks.items()),
        line("o", "closed form alone: hollow", color="grey", mfc="none"),
        line("*", "the papers', trained from scratch", color="white", mec="black", ms=11),
        line("x", "dense", color="black"),
    ]


if __name__ == "__main__":
    main(__doc__, define, run)
