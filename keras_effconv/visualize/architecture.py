"""A network as a compact diagram: its stages, the sizes of their maps, their kinds and what they cost."""

import math
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.counting import count
from keras_effconv.counting.calls import shapes_in
from keras_effconv.network_info import info_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import BLUE, GREEN, INK, ORANGE, PINK, SKY, SOFT, YELLOW, axes_or_new, figure_of

HEAD = "head"
# What a convolution is called in the diagram, and its colour; several of one kind have one name.
KINDS = {
    "OctConv2D": ("OctConv", ORANGE),
    "HetConv2D": ("HetConv", GREEN),
    "GroupConv2D": ("grouped", PINK),
    "Conv2D": ("Conv", BLUE),
    "OctDepthwiseConv2D": ("depthwise, octave", YELLOW),
    "DepthwiseConv2D": ("depthwise", SKY),
    "SeparableConv2D": ("separable", SKY),
    "Dense": ("Dense", SOFT),
}
OTHER = ("other", SOFT)


class Stage(NamedTuple):
    """The layers of a network that write maps of one size.

    Attributes:
        size: pair of ints, rows and columns of the map, of the high band if it has two; `None` of the head.
        channels: dict of ints by band, of the last map: `{"high": 256}`.
        layers: int, calls with multiply-accumulates.
        macs: dict of ints, by the name of the kind of convolution, the most expensive first.
    """

    size: tuple[int, int] | None
    channels: dict[str, int]
    layers: int
    macs: dict[str, int]


def stages(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> list[Stage]:
    """List the stages of a model: what `plot_architecture` draws.

    Layers of one size of map are one stage. Layers that write no map, such as those of squeeze-and-excite, belong to
    the stage that they are in, and those behind the last map are the head.

    Args:
        model: `keras.Model`, built.
        input_shape: tuple of ints, see `keras_effconv.count`. Default: the model's own.

    Returns:
        list of `Stage`.

    Raises:
        ValueError: a size is unknown, or no layer has multiply-accumulates.

    Example:

    >>> import keras_effconv
    >>> [each.size for each in stages(keras_effconv.ResNet20(weights=None))]
    [(32, 32), (16, 16), (8, 8), None]
    """
    return _stages(model, count(model, input_shape))


def _stages(model, counted):
    rows = [row for row in counted.layers if row.macs]
    if not rows:
        raise ValueError(f"`model` must have layers with multiply-accumulates. Received: {model.name!r}")
    last = max((i for i, row in enumerate(rows) if _map(row.output_shape)), default=-1)
    groups, size = {}, None
    for i, row in enumerate(rows):
        shape = _map(row.output_shape)
        size = tuple(shape["high"][:2]) if shape else (None if i > last else size)
        groups.setdefault(size, []).append(row)
    ends, deepest = _ends(model, counted.calls), _map(rows[last].output_shape)
    ends |= {tuple(deepest["high"][:2]): deepest} if deepest else {}
    return [_stage(size, group, ends.get(size)) for size, group in groups.items()]


def _ends(model, calls):
    """Return the last map of each stride, where the network says which: dict of size -> shapes by band."""
    info = info_of(model, required=False)
    names = [ends for _, ends in sorted(info.ends.items())] if info else []
    shapes = {call.name.rpartition("/")[2]: shapes_in(call.outputs) for call in calls}
    maps = [
        {band: shapes[name][index][1:] for band, (name, index) in ends.items()}
        for ends in names
        if all(name in shapes for name, _ in ends.values())
    ]
    maps = [each for each in map(_map, maps) if each]
    return {tuple(each["high"][:2]): each for each in maps}


def _map(shape):
    """Return the shape of each band of a map of more than one position; `None` for anything else."""
    shapes = shape if isinstance(shape, dict) else {"high": shape}
    if not all(isinstance(each, tuple) and len(each) == 3 for each in shapes.values()):
        return None
    if set(shapes) == {"low"}:
        rows, columns, channels = shapes["low"]
        shapes = {"high": (2 * rows, 2 * columns, 0), "low": (rows, columns, channels)}
    return shapes if max(shapes["high"][:2]) > 1 else None


def _stage(size, rows, end):
    macs = {}
    for row in rows:
        name = KINDS.get(row.kind, OTHER)[0]
        macs[name] = macs.get(name, 0) + row.macs
    maps = [end] if end and size else [shape for shape in map(_map, (row.output_shape for row in rows)) if shape]
    final = maps[-1] if maps and size else {"high": (rows[-1].output_shape or (0,))}
    channels = {band: shape[-1] for band, shape in final.items() if shape[-1]}
    return Stage(size, channels, len(rows), dict(sorted(macs.items(), key=lambda item: -item[1])))


def plot_architecture(model: keras.Model, input_shape: tuple[int, ...] | None = None, ax=None):
    """Draw a network: a box for each stage, and below it the share of the multiply-accumulates.

    A box is as high as the map and as wide as its channels, both on a logarithmic scale. Maps of two bands have two
    boxes, and the low band is lower.

    Args:
        model: `keras.Model`, built: of this package, of `keras.applications`, or another.
        input_shape: tuple of ints, see `keras_effconv.count`. Default: the model's own.
        ax: `matplotlib.axes.Axes` to draw in. Default: those of a new figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: a size is unknown, or no layer has multiply-accumulates.

    Example:

    >>> import keras_effconv
    >>> plot_architecture(keras_effconv.ResNet20(weights=None)).axes[0].get_title(loc="left")
    'ResNet20, Conv(): 0.27 M parameters, 0.041 G multiply-accumulates'
    """
    total = count(model, input_shape)
    listed = _stages(model, total)
    ax = axes_or_new(ax, (max(6.0, 1.45 * len(listed) + 0.6), 4.2))
    most = max(math.log2(2 * each.size[0]) for each in listed if each.size) if any(s.size for s in listed) else 1
    dearest = max(sum(each.macs.values()) for each in listed)
    for place, stage in enumerate(listed):
        _draw_box(ax, place, stage, most)
        _draw_costs(ax, place, stage, total.macs, dearest)
        ax.text(place, -0.07, _described(stage), ha="center", va="top", fontsize=8.5, color=INK, linespacing=1.35)
    ax.set(xlim=(-0.6, len(listed) - 0.4), ylim=(-1.2, 1.04))
    ax.set_axis_off()
    ax.set_title(_title(model, total), fontsize=10, loc="left", parse_math=False)
    _legend(ax, listed)
    return figure_of(ax)


WIDTH = 0.78  # of a stage's boxes at most
BARS, TALL = -1.15, 0.42  # where the bars of costs begin, and how tall the largest is


def _draw_box(ax, place, stage, most):
    box = require("matplotlib.patches").FancyBboxPatch
    height = math.log2(2 * max(stage.size)) / most if stage.size else 0.12
    total = sum(stage.channels.values())
    width = WIDTH * min(1.0, math.log2(1 + total) / 11)
    left, colour = place - width / 2, _colour(_main(stage))
    for band, channels in stage.channels.items():
        own = width * channels / total
        tall = height * (1 - 1 / math.log2(2 * max(stage.size))) if band == "low" else height
        light = 0.55 if band == "low" else 0.9
        shape = box((left, 0), own, tall, "round,pad=0,rounding_size=0.02", fc=colour, ec="white", alpha=light, lw=1)
        ax.add_patch(shape)
        left += own


def _draw_costs(ax, place, stage, total, dearest):
    bottom = BARS
    for name, macs in stage.macs.items():
        tall = TALL * macs / dearest
        ax.bar(place, tall, 0.5, bottom=bottom, color=_colour(name))
        bottom += tall
    share = sum(stage.macs.values()) / total
    text = f"{share:.0%}" if share >= 0.005 else f"{share:.1%}" if share >= 0.0005 else "< 0.1%"
    ax.text(place, bottom + 0.02, text.replace("%", " %"), ha="center", va="bottom", fontsize=8.5, color=INK)


def _main(stage):
    """Return the kind that a stage is of: the one that a network is built with, if it is another than the plain one."""
    return next((name for name, _ in KINDS.values() if name in stage.macs), OTHER[0])


def _described(stage):
    channels = " + ".join(map(str, stage.channels.values()))
    layers = f"{stage.layers} layer{'s' * (stage.layers != 1)}"
    where = f"{stage.size[0]} x {stage.size[1]}" if stage.size else HEAD
    return f"{where}\n{channels} ch.\n{layers}"


def _colour(name):
    return next((colour for known, colour in KINDS.values() if known == name), OTHER[1])


def _title(model, total):
    info = info_of(model, required=False)
    name = f"{info.design.name}, {info.conv}" if info else model.name
    name = name if len(name) <= 60 else f"{name[:57]}..."
    return f"{name}: {total.params / 1e6:.2f} M parameters, {total.macs / 1e9:.3f} G multiply-accumulates"


def _legend(ax, listed):
    used = {name for stage in listed for name in stage.macs}
    names = [name for name, _ in (*KINDS.values(), OTHER) if name in used]
    patch = require("matplotlib.patches").Patch
    marks = [patch(color=_colour(name), label=name) for name in dict.fromkeys(names)]
    if any("low" in stage.channels for stage in listed):
        marks.append(patch(color=ORANGE, alpha=0.55, label="low band"))
    ax.legend(handles=marks, loc="upper right", fontsize=8.5, frameon=False)
    ax.text(-0.58, -0.6, "share of the multiply-accumulates:", fontsize=8, color=SOFT, va="bottom", ha="left")
    ax.plot([-0.6, len(listed) - 0.4], [BARS] * 2, color=np.array([0.75] * 3), lw=0.8)
