"""The tables, the CSV file and the section of docs/benchmarks.md of scripts/benchmarks/networks.py."""

import math
from pathlib import Path

from plots import pictures
from runs import THEIRS
from runtimes import RUNTIMES
from sections import read_section, replace_section

from keras_effconv.cli.compare_report import markdown
from keras_effconv.utils.files import replacing, write_rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = (
    *("network", "kind", "runtime", "batch", "GMAC", "executed", "ms/image", "spread", "images/s", "MiB"),
    *("GMAC/s", "of peak", "over `Conv()`", "over Keras"),
)
CAPTIONS = {"-parts": "Speed-up against the parts of HetConv", "-alpha": "Speed-up against the alpha of OctConv"}
BEST = (
    *("network", "batch", "kind", "precision", "fastest runtime", "ms/image"),
    *("over the fastest of `Conv()`", "over that in float32", "over Keras"),
)


def table(rows):
    """A line per row."""
    return markdown(HEAD, map(_cells, rows))


def _cells(row):
    return (
        row.model,
        _kind(row.kind),
        row.runtime,
        str(row.batch),
        f"{row.macs / 1e9:.3f}",
        f"{row.macs_executed / 1e9:.3f}",
        f"{row.milliseconds:.2f}",
        f"{row.spread:.0%}",
        f"{row.images_per_second:.1f}",
        _known(row.memory / 2**20, ".0f"),
        f"{row.gmacs:.1f}",
        f"{row.of_peak:.0%}",
        *(_known(ratio, ".2f") for ratio in (row.over_plain, row.over_keras)),
    )


def _kind(kind):
    return f"`{kind}`" if "(" in kind else kind


def _known(value, form):
    return "" if math.isnan(value) else format(value, form)


def best(rows):
    """Each kind in its fastest runtime over `Conv()` in its own fastest, by precision; no steps of training."""
    fastest = {}
    for row in sorted(rows, key=lambda row: -row.seconds):
        runtime = RUNTIMES[row.runtime]
        if runtime.passes == 1 and row.kind != THEIRS:
            fastest[row.model, row.batch, row.kind, runtime.precision] = row
    lines = []
    for (model, batch, kind, precision), row in sorted(fastest.items(), key=lambda each: rows.index(each[1])):
        plain = [fastest.get((model, batch, "Conv()", each)) for each in (precision, "float32")]
        ratios = [row.seconds / each.seconds if each else math.nan for each in plain]
        shown = [_known(ratio, ".2f") for ratio in (*ratios, row.over_keras)]
        lines.append((model, str(batch), _kind(kind), precision, row.runtime, f"{row.milliseconds:.2f}", *shown))
    return markdown(BEST, lines) if lines else ""


def write(rows, folder):
    """Write `benchmark.csv` and the pictures, each whole; returns the pictures' paths."""
    write_rows(folder / "benchmark.csv", rows)
    return draw(rows, folder / "benchmark")


def draw(rows, stem):
    """Write `STEM.png`, `STEM-parts.png` and `STEM-alpha.png`, those for which there are rows; returns their paths."""
    paths = []
    for name, figure in pictures(rows):
        paths.append(stem.with_name(f"{stem.name}{name}.png"))
        with replacing(paths[-1]) as temporary:
            figure.savefig(temporary, dpi=110)
    return paths


def check_section(name, document=DOCUMENT):
    """Raise a `ValueError` unless a document has the section of that name."""
    read_section(document, f"benchmark {name}")


def fill(name, content, document=DOCUMENT):
    """Put text in a section, in place of what is there."""
    replace_section(document, f"benchmark {name}", content)


def section(command, machine, tables, paths):
    """What a section holds."""
    shown = "".join(f"![{_caption(path.stem)}]({path.name})\n\n" for path in paths)
    return f"\n```bash\n{command}\n```\n\n{machine}.\n\n" + "\n".join(filter(None, tables)) + "\n" + shown


def _caption(stem):
    return next((text for end, text in CAPTIONS.items() if stem.endswith(end)), "Time against multiply-accumulates")
