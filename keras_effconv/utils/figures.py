"""Pictures without pyplot's global state or a display."""

from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing


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


def save_figure(figure, path):
    """Write a figure as PNG."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
