"""The bands of a feature map next to each other, and which frequencies each holds."""

from collections.abc import Mapping

import numpy as np

from keras_effconv.utils.arguments import positive
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import BLUE, COLOURS, GREEN, LINE, ORANGE, SOFT, axes_or_new, figure_of, named_legend

COLOUR = {"high": BLUE, "low": ORANGE}


def spectrum(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure how much of a map is of each frequency, whatever its direction.

    Each channel is freed of its mean and of the jumps at its borders (a Hann window), before its power is taken.

    Args:
        values: array (h, w) or (h, w, c).

    Returns:
        A pair of arrays: frequencies in cycles a pixel, up to 0.5; and the share of the power at each, which add up to
        1. All shares are 0 if the map is constant.

    Raises:
        ValueError: for a map of other dimensions, or of fewer than 4 pixels a side.

    Example:

    >>> stripes = np.tile([0.0, 0.0, 1.0, 1.0], (16, 4))
    >>> frequencies, power = spectrum(stripes)
    >>> float(frequencies[power.argmax()])  # one stripe of each colour in four pixels
    0.25
    """
    values = np.asarray(values, "float64")
    if values.ndim not in (2, 3) or min(values.shape[:2]) < 4:
        raise ValueError(f"`values` must be (h, w) or (h, w, c) of at least 4 x 4. Received: shape {values.shape}")
    values = values.reshape(*values.shape[:2], -1)
    window = np.hanning(values.shape[0])[:, None, None] * np.hanning(values.shape[1])[None, :, None]
    centred = values - (values * window).sum((0, 1)) / window.sum()
    power = (np.abs(np.fft.fft2(centred * window, axes=(0, 1))) ** 2).sum(-1)
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in power.shape), indexing="ij"))
    bins = max(2, min(power.shape) // 2)
    place = np.round(radius * 2 * bins).astype(int)
    shares = np.bincount(place[place <= bins], power[place <= bins], bins + 1)
    shares[0] = 0  # the mean
    total = shares.sum()
    return np.arange(bins + 1) / (2 * bins), shares / total if total > 1e-20 * values.size else np.zeros(bins + 1)


def plot_spectrum(maps: Mapping[str, np.ndarray], ax=None):
    """Draw the frequencies that maps hold, a line for each.

    A map of half the height of the highest one, such as a low band, has its frequencies on the scale of that one: it
    ends at a quarter of a cycle a pixel.

    Args:
        maps: dict of arrays (h, w) or (h, w, c) by name, such as `{"high": ..., "low": ...}`.
        ax: `matplotlib.axes.Axes` to draw in. Default: those of a new figure.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: there is no map, or one that `spectrum` refuses.

    Example:

    >>> noise = np.random.default_rng(0).normal(size=(16, 16))
    >>> [line.get_label() for line in plot_spectrum({"noise": noise}).axes[0].lines]
    ['noise']
    """
    maps = _checked(maps)
    ax, height = axes_or_new(ax, (4.6, 3.4)), max(each.shape[0] for each in maps.values())
    others = iter((GREEN, *COLOURS[3:], *COLOURS))
    lines = []
    for name, each in maps.items():
        frequencies, power = spectrum(each)
        scale, known = each.shape[0] / height, power > 0
        density = power / (frequencies[1] * scale)
        style = {"label": name, "color": COLOUR.get(name) or next(others), "lw": 1.8}
        lines += ax.plot((frequencies * scale)[known], density[known], **style)
    ax.set(yscale="log", xlim=(0, 0.5), xlabel="cycles a pixel of the largest map", ylabel="density of the power")
    ax.grid(color=LINE)
    ax.spines[["top", "right"]].set_visible(False)
    named_legend(ax, lines, list(maps), frameon=False, fontsize=9)
    return figure_of(ax)


def plot_bands(maps: Mapping[str, np.ndarray], channels: int = 4, figure=None):
    """Draw the strongest channels of each band of a feature map, and the frequencies of the bands.

    Args:
        maps: dict by band of arrays (h, w, c), or (1, h, w, c), as `keras_effconv.explaining.feature_map` gives them.
        channels: int, how many of each band, those of the largest variance. Default 4.
        figure: `matplotlib.figure.Figure`, or a subfigure, to draw in. Default: a new one.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: there is no map, a map is of several images, or one is too small for `spectrum`.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> maps = {"high": rng.normal(size=(16, 16, 6)), "low": rng.normal(size=(8, 8, 2))}
    >>> len(plot_bands(maps, channels=2).axes)  # two channels of each band, and the frequencies
    5
    """
    maps, channels = _checked(maps), positive("channels", channels)
    if figure is None:
        size = (2.1 * channels + 4.2, 2.3 * len(maps) + 0.3)
        figure = require("matplotlib.figure").Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(maps), channels + 2)
    for row, (name, values) in enumerate(maps.items()):
        values = values.reshape(*values.shape[:2], -1)
        strongest = np.argsort(-values.var((0, 1)), kind="stable")[:channels]
        for column, channel in enumerate(strongest):
            ax = figure.add_subplot(grid[row, column])
            _draw_channel(ax, values[..., channel])
            size = " x ".join(map(str, values.shape))
            title = f"{name} band, {size}\nchannel {channel}" if not column else f"channel {channel}"
            colour = SOFT if column else COLOUR.get(name, SOFT)
            ax.set_title(title, fontsize=9, loc="left", color=colour, parse_math=False)
    plot_spectrum(maps, figure.add_subplot(grid[:, channels:]))
    return figure


def _draw_channel(ax, values):
    """Show a channel in grey, its few extreme values left out of the scale."""
    low, high = np.percentile(values, (1, 99))
    ax.imshow(values, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest")
    ax.set(xticks=(), yticks=())
    ax.spines[:].set_color(LINE)


def _checked(maps):
    """Return maps as a dict of arrays (h, w) or (h, w, c)."""
    if not isinstance(maps, Mapping) or not maps:
        raise ValueError(f"`maps` must be a dict of at least one array by name. Received: {type(maps).__name__}")
    arrays = {name: np.asarray(each) for name, each in maps.items()}
    arrays = {name: each[0] if each.ndim == 4 and len(each) == 1 else each for name, each in arrays.items()}
    for name, each in arrays.items():
        if each.ndim not in (2, 3):
            raise ValueError(f"`maps` must be of one image, (h, w, c). Received: shape {each.shape} of {name!r}")
    return arrays
