"""Pictures that explain: where a network looks, bands, parts, architectures, accuracy against cost.

Each function draws with matplotlib, without pyplot's global state, and returns the `matplotlib.figure.Figure`, which a
notebook shows. Those of one panel take `ax=`, axes of a figure of your own.
"""

from keras_effconv.utils.figures import COLOURS
from keras_effconv.visualize.accuracy import Point, plot_accuracy, read_runs
from keras_effconv.visualize.architecture import plot_architecture, stages
from keras_effconv.visualize.bands import plot_bands, plot_spectrum, spectrum
from keras_effconv.visualize.heat import overlaid, plot_grad_cam
from keras_effconv.visualize.parts import plot_parts, plot_parts_sweep

__all__ = [
    "COLOURS",
    "Point",
    "overlaid",
    "plot_accuracy",
    "plot_architecture",
    "plot_bands",
    "plot_grad_cam",
    "plot_parts",
    "plot_parts_sweep",
    "plot_spectrum",
    "read_runs",
    "spectrum",
    "stages",
]
