"""HetConv2D as its tests vary it."""

import keras
import pytest

LAYOUTS = ["grouped", "shifted"]
EXECUTIONS = ["dense", "grouped", "split", "auto"]
# (channels, filters, parts): one part; one channel a block; blocks of two sizes; more parts than channels,
# than filters, than both.
WIDTHS = [(4, 6, 1), (4, 8, 4), (5, 7, 3), (3, 8, 5), (8, 3, 5), (2, 3, 7)]
every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_execution = pytest.mark.parametrize("execution", EXECUTIONS)
every_width = pytest.mark.parametrize(("channels", "filters", "parts"), WIDTHS)
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's graphs")


def model_of(*layers, channels=3):
    x = keras.Input((None, None, channels))
    y = x
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)
