"""HetConv2D against brute force, in every layout and execution form."""

import itertools
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    ACTIVATIONS,
    assert_close,
    check_config,
    check_export,
    check_fit,
    check_gradients,
    check_late_build,
    check_policy,
    check_saved,
    check_shapes,
    conv2d,
    feature_map,
    fill,
    het_meets,
    het_parameters,
    het_support,
    numpy,
    same_weights,
    xla_functions,
)

from keras_effconv.layers.het_conv import HetConv2D

LAYOUTS = ["grouped", "shifted"]
EXECUTIONS = ["dense", "grouped", "split", "auto"]
# (channels, filters, parts): one part; one channel a block; blocks of two sizes; more parts than channels,
# than filters, than both.
WIDTHS = [(4, 6, 1), (4, 8, 4), (5, 7, 3), (3, 8, 5), (8, 3, 5), (2, 3, 7)]
every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_execution = pytest.mark.parametrize("execution", EXECUTIONS)
every_width = pytest.mark.parametrize(("channels", "filters", "parts"), WIDTHS)
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's graphs")


def expected(layer, x, activation=None, use_bias=True, **config):
    """The plain convolution by the layer's equivalent kernel."""
    geometry = {key: config[key] for key in ("strides", "padding", "dilation_rate") if key in config}
    y = conv2d(x, numpy(layer.dense_kernel()), **geometry)
    return ACTIVATIONS[activation](y + (numpy(layer.bias) if use_bias else 0))


def model_of(*layers, channels=3):
    x = keras.Input((None, None, channels))
    y = x
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


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


@every_execution
@every_layout
@pytest.mark.parametrize(("channels", "filters", "parts"), WIDTHS[1:])
def test_executions_agree(channels, filters, parts, layout, execution):
    x = feature_map(2, 5, 6, channels)
    dense = fill(HetConv2D(filters, 3, parts=parts, layout=layout, execution="dense"), x)
    layer = same_weights(dense, execution=execution)
    assert_close(layer(x), expected(dense, x))


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


# What the kernel is.


@pytest.mark.parametrize(
    ("layout", "parts", "table"),
    [
        ("grouped", 2, ["110", "110", "110", "001", "001"]),
        ("grouped", 3, ["100", "100", "010", "010", "001"]),
        ("grouped", 4, ["100", "100", "010", "001", "000"]),
        ("shifted", 2, ["101", "010", "101", "010", "101"]),
        ("shifted", 3, ["100", "010", "001", "100", "010"]),
        ("shifted", 4, ["100", "010", "001", "000", "100"]),
    ],
)
def test_who_meets_whom(layout, parts, table):
    layer = fill(HetConv2D(3, 3, parts=parts, layout=layout), feature_map(1, 3, 3, 5))
    corner = numpy(layer.dense_kernel())[0, 0]
    assert ["".join("01"[int(weight != 0)] for weight in row) for row in corner] == table


@every_layout
@pytest.mark.parametrize(
    ("kernel_size", "widths"), [(3, widths) for widths in WIDTHS] + [(k, (5, 7, 3)) for k in (1, 2, 5, (2, 3))]
)
def test_each_parameter_stands_once_in_the_dense_kernel(kernel_size, widths, layout):
    case = kernel_size, *widths, layout
    channels, filters, parts = widths
    layer = fill(HetConv2D(filters, kernel_size, parts=parts, layout=layout), feature_map(1, 5, 5, channels))
    sizes = [w.size for w in layer.get_weights()[:-1]]
    assert layer.count_params() - filters == sum(sizes) == het_parameters(*case)

    numbers = np.split(1 + np.arange(sum(sizes), dtype="float32"), np.cumsum(sizes))
    *kernels, bias = layer.get_weights()
    layer.set_weights([n.reshape(w.shape) for n, w in zip(numbers, kernels, strict=False)] + [bias])
    dense, support = numpy(layer.dense_kernel()), het_support(*case)
    assert dense.shape == support.shape
    assert not dense[~support].any()
    assert sorted(dense[support]) == list(range(1, sum(sizes) + 1))


@every_layout
def test_share_of_the_parameters(layout):
    """The paper's R = 1 / P + (1 - 1 / P) / k^2."""
    layer = fill(HetConv2D(16, 3, parts=4, layout=layout, use_bias=False), feature_map(1, 3, 3, 8))
    assert layer.count_params() == 3 * 3 * 8 * 16 * (1 / 4 + (1 - 1 / 4) / 9)


@every_execution
@every_layout
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (3, 1), (1, 2)])
def test_one_part_is_a_plain_convolution(strides, dilation_rate, padding, layout, execution):
    x = feature_map(2, 8, 7, 3)
    config = {"strides": strides, "dilation_rate": dilation_rate, "padding": padding, "activation": "relu"}
    layer = fill(HetConv2D(4, 3, parts=1, layout=layout, execution=execution, **config), x)
    plain = fill(keras.layers.Conv2D(4, 3, **config), x)
    plain.set_weights([layer.dense_kernel(), layer.bias])
    assert layer.count_params() == plain.count_params()
    assert_close(layer(x), numpy(plain(x)))


def test_weights():
    layer = fill(HetConv2D(6, 3, parts=2), feature_map(1, 4, 4, 4))
    assert [id(v) for v in layer.weights] == [id(layer.kernel), id(layer.pointwise_kernel), id(layer.bias)]
    assert [v.name for v in layer.weights] == ["kernel", "pointwise_kernel", "bias"]
    assert len(layer.trainable_weights) == 3
    assert len(fill(HetConv2D(6, 3, parts=2, use_bias=False), feature_map(1, 4, 4, 4)).weights) == 2


@every_layout
@every_width
def test_initial_weights(channels, filters, parts, layout):
    layer = HetConv2D(filters, 3, parts=parts, layout=layout)
    layer.build((None, None, None, channels))
    dense = numpy(layer.dense_kernel())
    assert np.isfinite(dense).all()
    np.testing.assert_array_equal(dense != 0, het_support(3, channels, filters, parts, layout))


@every_layout
@pytest.mark.parametrize("kernel_size", [3, (5, 3), 4])
@pytest.mark.parametrize(("pointwise", "neighbours"), [("center", 0.0), ("sum", 1.0), ("correlated", 0.5)])
def test_what_it_keeps_of_a_plain_kernel(layout, kernel_size, pointwise, neighbours):
    """The kernels of its part; elsewhere each tap counts as much as its pixel correlates with the one in the middle."""
    channels, filters, parts = 5, 7, 3
    layer = HetConv2D(filters, kernel_size, parts=parts, layout=layout)
    layer.build((None, None, None, channels))
    plain = np.random.default_rng(0).normal(size=(*layer.kernel_size, channels, filters))
    wide, narrow = layer.cut(plain, pointwise=pointwise)
    layer.kernel.assign(wide)
    layer.pointwise_kernel.assign(narrow)
    height, width = layer.kernel_size
    middle = ((height - 1) // 2, (width - 1) // 2)
    meets = het_meets(channels, filters, parts, layout)
    for c, n in itertools.product(range(channels), range(filters)):
        kept = plain[:, :, c, n].copy()
        if not meets[c, n]:
            taps = np.ndindex(height, width)
            total = sum(neighbours ** math.dist(tap, middle) * plain[(*tap, c, n)] for tap in taps)
            kept = np.zeros_like(kept)
            kept[middle] = total
        np.testing.assert_allclose(numpy(layer.dense_kernel())[:, :, c, n], kept, rtol=1e-5, atol=1e-6)


# What Keras asks of a layer.


@every_execution
@every_layout
@pytest.mark.parametrize(("channels", "filters", "parts"), [(5, 7, 3), (2, 3, 7)])
def test_gradients(channels, filters, parts, layout, execution):
    x = feature_map(2, 5, 6, channels)
    check_gradients(fill(HetConv2D(filters, 3, parts=parts, layout=layout, execution=execution), x), x)


@every_execution
@pytest.mark.parametrize("config", [{"strides": 2}, {"dilation_rate": 2}, {"padding": "valid"}, {"use_bias": False}])
def test_gradients_of_other_geometries(config, execution):
    x = feature_map(2, 7, 7, 4)
    check_gradients(fill(HetConv2D(4, 3, parts=2, execution=execution, **config), x), x)


@pytest.mark.parametrize("size", [(7, 8), (1, 2)])
@pytest.mark.parametrize("config", [{}, {"strides": 2}, {"strides": 3, "kernel_size": 2}, {"dilation_rate": 2}])
def test_shapes(config, size):
    x = feature_map(2, *size, 4)
    check_shapes(fill(HetConv2D(6, **{"kernel_size": 3, "parts": 2, **config}), x), x)


@pytest.mark.parametrize("size", [(7, 8), (5, 5)])
@pytest.mark.parametrize("config", [{}, {"strides": 2}, {"strides": 3, "kernel_size": 2}, {"dilation_rate": 2}])
def test_shapes_without_padding(config, size):
    x = feature_map(2, *size, 4)
    check_shapes(fill(HetConv2D(6, **{"kernel_size": 3, "parts": 2, "padding": "valid", **config}), x), x)


@pytest.mark.parametrize(
    ("policy", "execution"), [("mixed_float16", execution) for execution in EXECUTIONS] + [("mixed_bfloat16", "auto")]
)
def test_mixed_precision(policy, execution):
    x = feature_map(2, 5, 6, 5)
    check_policy(fill(HetConv2D(7, 3, parts=3, execution=execution), x), x, policy)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {
            "kernel_size": (3, 5),
            "strides": (2, 1),
            "padding": "valid",
            "parts": 3,
            "layout": "shifted",
            "execution": "split",
            "activation": "relu",
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "bias_initializer": keras.initializers.Constant(2.0),
            "kernel_regularizer": keras.regularizers.L2(0.1),
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
            "kernel_constraint": keras.constraints.MaxNorm(2.0),
            "bias_constraint": "non_neg",
            "name": "het",
            "trainable": False,
            "dtype": "mixed_bfloat16",
        },
        {"dilation_rate": (1, 2)},
    ],
)
def test_config(config):
    layer = HetConv2D(**{"filters": 6, "kernel_size": 3, **config})
    check_config(layer)
    plain = {
        key: value for key, value in config.items() if isinstance(value, (int, tuple)) or key in ("layout", "padding")
    }
    assert {key: layer.get_config()[key] for key in plain} == plain


@every_execution
def test_saved(execution, tmp_path):
    model = model_of(HetConv2D(5, 3, parts=3, layout="shifted", execution=execution), HetConv2D(4, 2, 2, parts=2))
    model.set_weights([np.random.normal(size=w.shape) for w in model.get_weights()])
    check_saved(model, feature_map(2, 7, 6, 3), tmp_path / "model.keras")


@pytest.mark.parametrize("jit_compile", [True, pytest.param(False, marks=on_tensorflow)])
@every_execution
def test_fit(execution, jit_compile):
    layer = HetConv2D(6, 3, parts=3, execution=execution)
    model = model_of(layer, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2))
    check_fit(model, feature_map(4, 6, 5, 3), jit_compile)


@every_layout
def test_late_build(layout):
    check_late_build(HetConv2D(4, 3, parts=2, layout=layout), x=feature_map(2, 5, 5, 4))


@pytest.mark.parametrize("parts", [1, 3])
def test_regularizers(parts):
    """As for a plain convolution by the dense kernel: what the layer does not have costs nothing."""
    x = feature_map(2, 5, 5, 3)
    config = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": keras.regularizers.L2(0.5)}
    layer = fill(HetConv2D(4, 3, parts=parts, **config), x)
    y = layer(x)
    losses = 0.01 * (numpy(layer.dense_kernel()) ** 2).sum() + 0.01 * np.abs(numpy(layer.bias)).sum()
    np.testing.assert_allclose(sum(numpy(layer.losses)), losses + 0.5 * (numpy(y) ** 2).sum() / len(x), rtol=1e-5)


def test_constraints():
    layer = HetConv2D(4, 3, parts=2, kernel_constraint="non_neg", bias_constraint="max_norm")
    layer.build((None, None, None, 4))
    kernel, bias = keras.constraints.NonNeg, keras.constraints.MaxNorm
    assert [type(v.constraint) for v in layer.weights] == [kernel, kernel, bias]


def test_initializers():
    layer = HetConv2D(4, 3, parts=2, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(2.0))
    layer.build((None, None, None, 4))
    np.testing.assert_array_equal(numpy(layer.dense_kernel()), het_support(3, 4, 4, 2, "grouped"))
    np.testing.assert_array_equal(numpy(layer.bias), np.full(4, 2.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filters", 0),
        ("filters", -3),
        ("kernel_size", 0),
        ("strides", 0),
        ("padding", "full"),
        ("parts", 0),
        ("parts", -2),
        ("parts", 1.5),
        ("layout", "diagonal"),
        ("execution", "fast"),
        ("dilation_rate", 0),
    ],
)
def test_bad_arguments(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*Received: {name}=['(]*{re.escape(str(value))}") as error:
        HetConv2D(**{"filters": 4, "kernel_size": 3, name: value})
    assert "\n" not in str(error.value)


def test_channels_first_is_refused():
    with pytest.raises(ValueError, match="data_format"):
        HetConv2D(4, 3, data_format="channels_first")


# What only TensorFlow can get wrong.


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


@on_tensorflow
def test_trains_without_onednn():
    """There, TensorFlow has no gradient of a grouped convolution."""
    env = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", TRAIN], cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
