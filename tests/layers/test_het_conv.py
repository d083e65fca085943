"""HetConv2D against brute force, in every layout and execution form."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from het_cases import EXECUTIONS, LAYOUTS, WIDTHS, every_execution, every_layout, model_of, on_tensorflow
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    ACTIVATIONS,
    assert_close,
    check_export,
    conv2d,
    feature_map,
    fill,
    numpy,
    same_weights,
    xla_functions,
)

from keras_effconv.layers import HetConv2D


def expected(layer, x, activation=None, use_bias=True, **config):
    """The plain convolution by the layer's equivalent kernel."""
    geometry = {key: config[key] for key in ("strides", "padding", "dilation_rate") if key in config}
    y = conv2d(x, numpy(layer.dense_kernel()), **geometry)
    return ACTIVATIONS[activation](y + (numpy(layer.bias) if use_bias else 0))


@st.composite
def cases(draw):
    kernel_size = draw(st.sampled_from([1, 2, 3, 5]))
    strides = draw(st.sampled_from([1, 2, 3]))
    dilation_rate = draw(st.sampled_from([1, 2])) if strides == 1 else 1
    padding = draw(st.sampled_from(["same", "valid"]))
    side = st.integers(1 if padding == "same" else dilation_rate * (kernel_size - 1) + 1, 9)
    config = {
        "filters": draw(st.integers(1, 8)),
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "parts": draw(st.integers(1, 9)),
        "layout": draw(st.sampled_from(LAYOUTS)),
        "execution": draw(st.sampled_from(EXECUTIONS)),
        "dilation_rate": dilation_rate,
        "activation": draw(st.sampled_from([None, "relu", "tanh"])),
        "use_bias": draw(st.booleans()),
    }
    return config, (draw(st.integers(1, 2)), draw(side), draw(side), draw(st.integers(1, 8)))


@given(cases())
def test_outputs(case):
    config, shape = case
    x = feature_map(*shape)
    layer = fill(HetConv2D(**config), x)
    assert_close(layer(x), expected(layer, x, **config))


@pytest.mark.grid
@every_execution
@every_layout
@pytest.mark.parametrize(("channels", "filters", "parts"), WIDTHS[1:])
def test_executions_agree(channels, filters, parts, layout, execution):
    x = feature_map(2, 5, 6, channels)
    dense = fill(HetConv2D(filters, 3, parts=parts, layout=layout, execution="dense"), x)
    layer = same_weights(dense, execution=execution)
    assert_close(layer(x), expected(dense, x))


@pytest.mark.grid
@every_execution
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [2, 3])
def test_unknown_sizes(strides, padding, execution):
    layer = HetConv2D(6, 3, strides, padding, parts=2, execution=execution)
    model = model_of(layer, channels=4)
    for height, width in [(5, 6), (8, 7)]:
        x = feature_map(1, height, width, 4)
        fill(layer, x)
        assert_close(model.predict_on_batch(x), expected(layer, x, strides=strides, padding=padding))


@pytest.mark.grid
@every_execution
@pytest.mark.parametrize(
    "config",
    [
        {"kernel_size": (1, 4)},
        {"kernel_size": (2, 3), "dilation_rate": (2, 1)},
        {"kernel_size": (3, 4), "dilation_rate": (1, 3)},
        {"kernel_size": (3, 2), "strides": (2, 1)},
        {"kernel_size": (2, 3), "dilation_rate": (1, 3), "padding": "valid"},
    ],
)
def test_oblong(config, execution):
    x = feature_map(2, 7, 8, 4)
    layer = fill(HetConv2D(6, parts=2, execution=execution, **config), x)
    np.testing.assert_array_equal(
        np.any(numpy(layer.dense_kernel()), (2, 3)), np.ones(config["kernel_size"]), "a tap without a weight"
    )
    assert_close(layer(x), expected(layer, x, **config))


# What only TensorFlow can get wrong.


@pytest.mark.long
@on_tensorflow
@every_execution
@pytest.mark.parametrize("parts", [2, 3])
def test_export(parts, execution, tmp_path):
    model = model_of(HetConv2D(4, 3, 2, parts=parts, execution=execution), channels=4)
    check_export(model, [feature_map(n, n + 4, 7 - n, 4) for n in (1, 2)], tmp_path)


@on_tensorflow
def test_export_control(tmp_path):
    """The search for XLA finds the case it is there for, Keras' own grouped convolution."""
    model_of(keras.layers.Conv2D(4, 3, groups=2), channels=4).export(tmp_path, verbose=False)
    assert xla_functions(tmp_path)


TRAIN = """
import keras, numpy as np
from keras_effconv.layers.het_conv import HetConv2D

for parts in (1, 2, 3, 8, 32):
    for layout in ("grouped", "shifted"):
        layer = HetConv2D(32, 3, parts=parts, layout=layout)
        model = keras.Sequential([keras.Input((14, 14, 32)), layer, keras.layers.GlobalAveragePooling2D()])
        model.compile("sgd", "mse", jit_compile=False)
        loss = model.train_on_batch(np.random.normal(size=(2, 14, 14, 32)), np.ones((2, 32)))
        assert np.isfinite(loss), (parts, layout)
"""


@pytest.mark.long
@on_tensorflow
def test_trains_without_onednn():
    """There, TensorFlow has no gradient of a grouped convolution."""
    env = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", TRAIN], cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
