"""The plots of scripts/benchmarks/networks.py: a panel per network and batch size, a colour per runtime."""

import itertools

from keras_effconv import kinds
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import plain_numbers

MARKS = "osD^vP*X<>"
# A field of a kind and what it is at `Conv()`, the first point of the curve.
SWEEPS = {"parts": (kinds.HetConv, 1), "alpha": (kinds.OctConv, 0)}


def pictures(rows):
    """Pairs of (end of the file's name, figure): time against MACs, and a speed-up for each sweep that was measured."""
    yield "", latency(rows)
    for field in SWEEPS:
        if figure := speed_up(rows, field):
            yield f"-{field}", figure


def panels(rows, size=(6.2, 4.6)):
    """A figure, and (rows, axes) of each network and batch size."""
    groups = {}
    for row in rows:
        groups.setdefault(f"{row.model}, batch {row.batch}", []).append(row)
    columns = min(len(groups), 3)
    lines = -(-len(groups) // columns)
    figure = require("matplotlib.figure").Figure((size[0] * columns, size[1] * lines), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in axes[len(groups) :]:
        unused.set_visible(False)
    for title, each in zip(groups, axes):
        each.set_title(title, fontsize=10)
        each.grid(alpha=0.3, which="both")
    return figure, list(zip(groups.values(), axes))


def colours(rows):
    """Runtime -> colour, the same in all panels."""
    return {runtime: f"C{i % 10}" for i, runtime in enumerate(dict.fromkeys(row.runtime for row in rows))}


def latency(rows):
    """Milliseconds per image against executed multiply-accumulates; a mark per kind."""
    figure, drawn = panels(rows)
    colour, marks = colours(rows), dict(zip(dict.fromkeys(row.kind for row in rows), itertools.cycle(MARKS)))
    for group, axes in drawn:
        for row in group:
            point = row.macs_executed / 1e9, row.milliseconds
            axes.plot(*point, marks[row.kind], color=colour[row.runtime], markersize=8, alpha=0.85)
        axes.set(xscale="log", yscale="log", xlabel="executed GMAC per image", ylabel="ms per image")
        plain_numbers(axes.xaxis, axes.get_xlim())
        plain_numbers(axes.yaxis, axes.get_ylim())
    axes = drawn[-1][1]
    handles = [axes.plot([], [], "-", color=c, linewidth=5, label=runtime)[0] for runtime, c in colour.items()]
    handles += [axes.plot([], [], mark, color="0.35", label=kind)[0] for kind, mark in marks.items()]
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)
    return figure


def swept(rows, field):
    """Runtime -> sorted [(value, speed-up, speed-up that the MACs allow)] over `Conv()` of the same runtime."""
    cls, plain_value = SWEEPS[field]
    plain, curves = {row.runtime: row for row in rows if row.kind == "Conv()"}, {}
    for row in rows:
        value = value_of(row.kind, cls, field)
        if value is not None and row.runtime in plain:
            curve = curves.setdefault(row.runtime, [(plain_value, 1.0, 1.0)])
            curve.append((value, 1 / row.over_plain, plain[row.runtime].macs / row.macs))
    return {runtime: sorted(curve) for runtime, curve in curves.items() if len(curve) > 2}


def value_of(text, cls, field):
    """The field of a kind that differs from the default in it alone and holds one number; else `None`."""
    try:
        kind = kinds.get(text)
    except ValueError:  # keras.applications
        return None
    value = getattr(kind, field, None)
    return value if isinstance(value, (int, float)) and kind == cls(**{field: value}) else None


def speed_up(rows, field):
    """Speed-up over `Conv()` against a field of a kind, and what multiply-accumulates allow; `None` without rows.

    Figure 4 of the HetConv paper draws the same against P.
    """
    shown = {(row.model, row.batch) for row in rows}
    shown = {key for key in shown if swept([row for row in rows if (row.model, row.batch) == key], field)}
    rows = [row for row in rows if (row.model, row.batch) in shown]
    if not rows:
        return None
    (figure, drawn), colour = panels(rows), colours(rows)
    for group, axes in drawn:
        curves = swept(group, field)
        values, _, limits = zip(*max(curves.values(), key=len))
        axes.plot(values, limits, "k--", linewidth=1.2, label="limit: ratio of MACs")
        for runtime, curve in curves.items():
            axes.plot(*list(zip(*curve))[:2], "o-", color=colour[runtime], label=runtime)
        axes.axhline(1, color="grey", linewidth=0.8)
        axes.set(xlabel=f"{field} of {SWEEPS[field][0].__name__}", ylabel="speed-up over Conv()")
        if field == "parts":
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        axes.legend(fontsize=8)
    return figure
