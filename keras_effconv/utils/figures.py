"""Pictures without pyplot's global state or a display."""

from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing

# Okabe and Ito's colours, which the colour-blind tell apart: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY)
INK, SOFT, LINE = "#1d2430", "#5c6675", "#d9dee5"  # of text, of its smaller kind, of lines in the background


def new_figure(rows, columns, size, **options):
    """Create a figure, and return it with its axes.

    Args:
        rows: int.
        columns: int.
        size: pair of floats, inches.
        **options: of `matplotlib.figure.Figure.subplots`.
    """
    figure = require("matplotlib.figure").Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def axes_or_new(ax, size):
    """Return axes to draw in: those that a caller gives, or those of a new figure.

    Args:
        ax: `matplotlib.axes.Axes`, or `None`.
        size: pair of floats, inches, of a new figure.

    Raises:
        ValueError: `ax` is something else.
    """
    if ax is None:
        return new_figure(1, 1, size)[1]
    if not hasattr(ax, "get_figure") or not hasattr(ax, "imshow"):
        raise ValueError(f"`ax` must be a matplotlib Axes. Received: ax={ax!r}")
    return ax


def figure_of(ax):
    """Return the whole figure that axes are part of."""
    return ax.get_figure(root=True)


def named_legend(axes, handles, names, **options):
    """Add a legend of names as they are, and of what else has a label in these axes.

    Matplotlib leaves out names that begin with `_`, and reads what is between two `$` as a formula.

    Args:
        axes: `matplotlib.axes.Axes`.
        handles: sequence of artists.
        names: sequence of str, one for each.
        **options: of `matplotlib.axes.Axes.legend`.
    """
    others = [(each, label) for each, label in zip(*axes.get_legend_handles_labels()) if each not in handles]
    entries = [*others, *((each, "") for each in handles)]
    if not entries:
        return
    texts = axes.legend(*zip(*entries), **options).get_texts()
    for text, name in zip(texts[len(others) :], names, strict=True):
        text.set(text=name, parse_math=False)


def plain_numbers(axis, limits):
    """Write numbers at 1, 2 and 5 of each decade of a logarithmic axis, or at more places of less than a decade.

    Args:
        axis: `matplotlib.axis.Axis`.
        limits: pair of floats, where it begins and ends.
    """
    ticker, (low, high) = require("matplotlib.ticker"), limits
    digits = (1, 2, 5) if high > 6 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    axis.set_major_locator(ticker.LogLocator(subs=digits))
    axis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def save_figure(figure, path):
    """Write a figure as PNG."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
