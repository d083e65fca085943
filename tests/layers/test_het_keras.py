"""What Keras asks of a layer, of HetConv2D."""

import itertools
import re

import keras
import numpy as np
import pytest
from het_cases import EXECUTIONS, every_execution, every_layout, model_of, on_tensorflow
from reference import (
    activity_loss,
    check_config,
    check_fit,
    check_gradients,
    check_late_build,
    check_policy,
    check_saved,
    check_shapes,
    feature_map,
    fill,
    het_support,
    numpy,
)

from keras_effconv.layers import HetConv2D


@pytest.mark.grid
@every_execution
@every_layout
@pytest.mark.parametrize(("channels", "filters", "parts"), [(5, 7, 3), (2, 3, 7)])
def test_gradients(channels, filters, parts, layout, execution):
    x = feature_map(2, 5, 6, channels)
    check_gradients(fill(HetConv2D(filters, 3, parts=parts, layout=layout, execution=execution), x), x)


@pytest.mark.grid
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


@pytest.mark.long
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
    np.testing.assert_allclose(sum(numpy(layer.losses)), losses + activity_loss(0.5, y), rtol=1e-5)


def constrained(constraint, parts):
    """Return a layer of 5 filters on 4 channels whose weights have been constrained, as an optimizer does it."""
    layer = HetConv2D(5, 3, parts=parts, kernel_constraint=constraint, bias_constraint="non_neg")
    fill(layer, feature_map(1, 5, 5, 4))
    for weight in layer.weights:
        weight.assign(weight.constraint(3.0 * weight))
    return layer


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_constraint_sees_the_axes_of_a_convolution(parts):
    """Parts of one size, and of unequal ones: of each filter the k x k kernels and the 1 x 1 have a norm each."""
    layer = constrained(keras.constraints.UnitNorm(axis=[0, 1, 2]), parts)
    dense, held = numpy(layer.dense_kernel()), layer.packing.held((3, 3)).reshape(3, 3, 4, 5)
    is_wide = held.all((0, 1))
    wide, narrow = (np.square(dense * mask).sum((0, 1, 2)) for mask in (is_wide, ~is_wide))
    np.testing.assert_allclose(wide, np.any(is_wide, 0), atol=1e-5)
    np.testing.assert_allclose(narrow, np.any(~is_wide, 0), atol=1e-5)
    assert (numpy(layer.bias) >= 0).all()
    assert (numpy(constrained("non_neg", parts).dense_kernel()) >= 0).all()
    restored = HetConv2D.from_config(layer.get_config())
    assert isinstance(restored.kernel_constraint, keras.constraints.UnitNorm)


def test_a_kernel_larger_than_its_map_is_refused_where_a_plain_convolution_refuses_it():
    for size, kernel, dilation, parts in itertools.product(range(1, 6), (1, 2, 3), (1, 2), (1, 2)):
        options = {"kernel_size": kernel, "dilation_rate": dilation, "padding": "valid"}
        ours, plain = HetConv2D(4, parts=parts, **options), keras.layers.Conv2D(4, **options)
        x = feature_map(2, size, size + 1, 4)
        if size < dilation * (kernel - 1) + 1:
            for layer in (ours, plain):
                with pytest.raises(ValueError):
                    layer(x)
            built = HetConv2D(4, parts=parts, **options)
            built.build((None, None, None, 4))
            with pytest.raises(ValueError, match="no larger than its map"):
                built(x)
        else:
            assert ours(x).shape == plain(x).shape


def test_arguments_are_spelled_as_keras_takes_them():
    layer = HetConv2D(4, np.array([3, 3]), padding="SAME", data_format=None)
    assert (layer.kernel_size, layer.padding, layer.data_format) == ((3, 3), "same", "channels_last")


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
