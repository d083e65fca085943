"""What a filter of a heterogeneous convolution sees: which channels through k x k, and which through 1 x 1."""

from collections.abc import Sequence

import numpy as np

from keras_effconv.layers.het_parts import LAYOUTS, Packing
from keras_effconv.utils.arguments import one_of, positive
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import BLUE, axes_or_new, figure_of, new_figure

NARROW = "#dfe6ee"
K = 3


def plot_parts(parts: int = 4, channels: int = 16, filters: int = 16, layout: str = "grouped", ax=None):
    """Draw a `HetConv2D` as a table: a row for each filter, a column for each channel.

    A dark cell is a k x k kernel, a light one a 1 x 1 kernel.

    Args:
        parts: int, P. Default 4; 1 is a plain convolution.
        channels: int, M. Default 16.
        filters: int, N. Default 16.
        layout: str, `"grouped"` or `"shifted"`, see `HetConv2D`. Default `"grouped"`.
        ax: `matplotlib.axes.Axes` to draw in. Default: those of a new figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if an argument is not as above.

    Example:

    >>> plot_parts(parts=4).axes[0].get_title()
    'P = 4: 33 % of the weights of 3 x 3'
    """
    wide = _wide(parts, channels, filters, layout)
    ax = axes_or_new(ax, (4.2, 4.4))
    _draw(ax, wide)
    ax.set(xlabel="channel of the input", ylabel="filter")
    ax.set_title(f"P = {parts}: {_share(wide):.0%}".replace("%", " % of the weights of 3 x 3"), fontsize=10)
    patch = require("matplotlib.patches").Patch
    marks = [patch(color=BLUE, label="k x k"), patch(color=NARROW, label="1 x 1")]
    ax.legend(handles=marks, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False, fontsize=9)
    return figure_of(ax)


def plot_parts_sweep(
    parts: Sequence[int] = tuple(range(1, 17)), channels: int = 16, filters: int = 16, layout: str = "grouped"
):
    """Draw the tables of `plot_parts` for several numbers of parts next to each other.

    Args:
        parts: sequence of int. Default 1 to 16.
        channels: int, M. Default 16.
        filters: int, N. Default 16.
        layout: str, see `plot_parts`. Default `"grouped"`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if an argument is not as above.

    Example:

    >>> len(plot_parts_sweep([1, 2, 4]).axes)
    3
    """
    parts = list(parts)
    if not parts:
        raise ValueError("`parts` must be at least one number. Received: parts=[]")
    tables = [_wide(each, channels, filters, layout) for each in parts]
    columns = min(8, len(parts))
    rows = -(-len(parts) // columns)
    figure, axes = new_figure(rows, columns, (1.25 * columns, 1.55 * rows + 0.4), squeeze=False)
    for ax in axes.flat[len(parts) :]:
        ax.remove()
    for ax, each, wide in zip(axes.flat, parts, tables):
        _draw(ax, wide)
        ax.set(xticks=(), yticks=())
        ax.set_title(f"P = {each}\n{100 * _share(wide):.0f} %", fontsize=9)
    figure.supxlabel(
        "rows: filters, columns: channels; dark: k x k, light: 1 x 1; %: of the weights of 3 x 3", fontsize=9
    )
    return figure


def _wide(parts, channels, filters, layout):
    """Return where a filter sees a channel through k x k: bool (filters, channels)."""
    numbers = (positive("channels", channels), positive("filters", filters), positive("parts", parts))
    held = Packing(*numbers, one_of("layout", layout, LAYOUTS)).held((K, K))
    return held.reshape(K * K, channels, filters).all(0).T


def _share(wide):
    """Return the weights over those of a plain convolution of 3 x 3."""
    return float((wide * K * K + ~wide).sum() / (wide.size * K * K))


def _draw(ax, wide):
    colours = require("matplotlib.colors").ListedColormap([NARROW, BLUE])
    rows, columns = wide.shape
    ax.pcolormesh(
        np.arange(columns + 1) + 0.5,
        np.arange(rows + 1) + 0.5,
        wide,
        cmap=colours,
        vmin=0,
        vmax=1,
        edgecolors="white",
        linewidth=0.6,
    )
    ax.set(aspect="equal", ylim=(rows + 0.5, 0.5))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=8)
