"""The picture of a conversion: what each layer keeps of the dense network, and what it costs."""

import numpy as np

from keras_effconv.utils.figures import new_figure, save_figure

FITTED, POURED, DENSE = "tab:blue", "tab:orange", "0.82"
ROW, LEAST, MARGIN = 0.19, 2.2, 1.5  # inches


def explained(report, path):
    """Draw the variance that each layer explains, before and after the fit, and its multiply-accumulates; PNG.

    Args:
        report: `ConvertReport`.
        path: of the picture.
    """
    layers = report.layers
    size = (12, MARGIN + max(LEAST, ROW * len(layers)))
    figure, (left, right) = new_figure(1, 2, size, sharey=True, width_ratios=(3, 2))
    places = np.arange(len(layers))
    _draw_explained(left, layers, places)
    _draw_macs(right, layers, places)
    left.set_yticks(places, [layer.name for layer in layers], fontsize=7, parse_math=False)
    left.set_ylim(len(layers) - 0.4, -0.6)
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    right.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.suptitle(_title(report), fontsize=10, parse_math=False)
    save_figure(figure, path)


def _draw_explained(axes, layers, places):
    for place, layer in zip(places, layers):
        if layer.explained is None:
            text = layer.reason or ("stays dense" if layer.kind == "dense" else layer.kind)
            axes.text(0.01, place, text, color="0.5", fontsize=6.5, va="center", parse_math=False)
    fitted = [(place, layer) for place, layer in zip(places, layers) if layer.explained is not None]
    if fitted:
        rows = [place for place, _ in fitted]
        after = [max(layer.explained, 0) for _, layer in fitted]
        axes.barh(rows, after, 0.7, color=FITTED)
        before = [(place, layer.poured) for place, layer in fitted if layer.poured is not None]
        inside = [(place, max(value, 0)) for place, value in before]
        style = {"color": POURED, "markersize": 7, "markeredgewidth": 2.2, "clip_on": False}
        axes.plot([x for _, x in inside], [y for y, _ in inside], "|", label="as poured, ahead of the fit", **style)
    axes.set(xlim=(0, 1.005), xlabel="share of the variance of the dense network's values that the layer explains")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")


def _draw_macs(axes, layers, places):
    total = max(sum(layer.macs_before for layer in layers), 1)
    axes.barh(places, [layer.macs_before / total for layer in layers], 0.7, color=DENSE, label="dense network")
    axes.barh(places, [layer.macs / total for layer in layers], 0.7, color=FITTED, label="converted")
    axes.set(xlabel="multiply-accumulates, share of the dense network's")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.1%}")


def _title(report):
    conv = report.conv if len(report.conv) <= 60 else f"{report.conv[:57]}..."
    macs = f"{report.macs / max(report.macs_before, 1):.0%} of the multiply-accumulates"
    same = "" if report.agreement is None else f", the same class on {report.agreement:.1%} of {report.held} images"
    return f"{conv}: {macs}{same}"
