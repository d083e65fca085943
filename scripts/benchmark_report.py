"""The table, the CSV file and the picture of scripts/benchmark.py."""

import csv
import dataclasses
import math

from keras_effconv.extras import require
from keras_effconv.files import replacing

HEAD = (
    "| network | kind | runtime | batch | GMAC | executed | ms/image | spread | images/s | GMAC/s | of peak "
    "| over `Conv()` | over Keras |\n" + "|---" * 13 + "|\n"
)


def table(rows):
    """Markdown, a line per row."""
    return HEAD + "".join(map(_line, rows))


def _line(row):
    cells = [
        row.model,
        f"`{row.kind}`" if "(" in row.kind else row.kind,
        row.runtime,
        str(row.batch),
        f"{row.macs / 1e9:.3f}",
        f"{row.macs_executed / 1e9:.3f}",
        f"{1000 * row.seconds / row.batch:.2f}",
        f"{row.spread:.0%}",
        f"{row.images_per_second:.1f}",
        f"{row.gmacs:.1f}",
        f"{row.of_peak:.0%}",
        *("" if math.isnan(ratio) else f"{ratio:.2f}" for ratio in (row.over_plain, row.over_keras)),
    ]
    return "| " + " | ".join(cells) + " |\n"


def write(rows, folder):
    """Write `benchmark.csv` and `benchmark.png`, each whole."""
    with replacing(folder / "benchmark.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(rows[0])])
        writer.writeheader()
        writer.writerows(map(dataclasses.asdict, rows))
    figure = picture(rows)
    with replacing(folder / "benchmark.png") as temporary:
        figure.savefig(temporary, dpi=110)


def picture(rows):
    """Milliseconds per image against executed multiply-accumulates; a colour per runtime, a mark per kind."""
    figure = require("matplotlib.figure").Figure(figsize=(8.5, 5.5), layout="constrained")
    axes, marks = figure.subplots(), "osD^vP*X<>"
    kinds = list(dict.fromkeys(row.kind for row in rows))
    runtimes = list(dict.fromkeys(row.runtime for row in rows))
    for row in rows:
        colour, mark = f"C{runtimes.index(row.runtime)}", marks[kinds.index(row.kind) % len(marks)]
        axes.plot(row.macs_executed / 1e9, 1000 * row.seconds / row.batch, mark, color=colour, alpha=0.8)
    for i, runtime in enumerate(runtimes):
        axes.plot([], [], "s", color=f"C{i}", label=runtime)
    for i, kind in enumerate(kinds):
        axes.plot([], [], marks[i % len(marks)], color="grey", label=kind)
    axes.set(xscale="log", yscale="log", xlabel="executed GMAC per image", ylabel="ms per image")
    axes.set_title(", ".join(dict.fromkeys(f"{row.model} at batch {row.batch}" for row in rows)), fontsize=9)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    return figure
