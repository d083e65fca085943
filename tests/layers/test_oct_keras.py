"""What Keras asks of a layer, of OctConv2D and OctDepthwiseConv2D."""

import re

import keras
import numpy as np
import pytest
from octave_cases import LAYERS, every_layer, every_split, inputs, octave_net, on_tensorflow, randomise, with_bias
from reference import (
    activity_loss,
    assert_close,
    check_config,
    check_fit,
    check_gradients,
    check_late_build,
    check_policy,
    check_saved,
    check_shapes,
    feature_map,
    fill,
    numpy,
    oct_conv,
)

from keras_effconv.layers import MergeBands, OctConv2D, OctDepthwiseConv2D, OctMaxPooling2D, SplitBands
from keras_effconv.layers.oct_conv import EXECUTIONS


@pytest.mark.grid
@every_layer
@every_split
def test_gradients(split, make):
    x = feature_map(2, 7, 8, *split)
    check_gradients(fill(make(), x), x)


OTHER = {
    "more channels": feature_map(2, 8, 8, 16),
    "fewer channels": feature_map(2, 8, 8, 4),
    "bands": {"high": feature_map(2, 8, 8, 8), "low": feature_map(2, 4, 4, 8)},
    "another share": {"high": feature_map(2, 8, 8, 4), "low": feature_map(2, 4, 4, 4)},
    "a low band alone": {"low": feature_map(2, 4, 4, 8)},
    "a low band of another size": {"high": feature_map(2, 8, 8, 6), "low": feature_map(2, 8, 8, 2)},
}


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize(
    "make",
    [lambda: OctConv2D(8, 3, alpha=0), lambda: OctConv2D(8, 3), lambda: OctDepthwiseConv2D(3)],
    ids=["without a low band", "with one", "depthwise"],
)
@pytest.mark.parametrize(
    "built_for",
    [feature_map(2, 8, 8, 8), {"high": feature_map(2, 8, 8, 6), "low": feature_map(2, 4, 4, 2)}],
    ids=["a map", "bands"],
)
def test_a_layer_is_called_with_what_it_was_built_for(make, built_for, name):
    layer, other = make(), OTHER[name]
    layer(built_for)
    symbolic = keras.tree.map_structure(lambda x: keras.KerasTensor((None, *x.shape[1:])), other)
    for wrong in (other, symbolic):
        with pytest.raises(ValueError, match=r"expects (the channels that it was built for|a low band of half)"):
            layer(wrong)
    layer(built_for)


SMALL = {"high": feature_map(2, 8, 8, 6), "low": feature_map(2, 4, 4, 2)}
UNEVEN = {"high": feature_map(2, 8, 8, 6), "low": feature_map(2, 8, 8, 2)}


@pytest.mark.parametrize(
    ("layer", "right", "wrong"),
    [
        (MergeBands, SMALL, UNEVEN),
        (OctMaxPooling2D, SMALL, UNEVEN),
        (OctMaxPooling2D, SMALL, {"high": feature_map(2, 1, 2, 6), "low": feature_map(2, 1, 1, 2)}),
        (lambda: SplitBands({"high": 6, "low": 6}), feature_map(2, 8, 8, 12), feature_map(2, 8, 8, 8)),
        (lambda: SplitBands({"high": 2, "low": 2}), feature_map(2, 8, 8, 4), feature_map(2, 8, 8, 8)),
    ],
)
def test_layers_of_bands_refuse_what_does_not_fit(layer, right, wrong):
    for each in (wrong, keras.tree.map_structure(lambda x: keras.KerasTensor((None, *x.shape[1:])), wrong)):
        layer()(right)
        with pytest.raises(ValueError, match=r"expects|must add up"):
            layer()(each)


def test_bands_are_pooled_alike_whatever_keras_default_is():
    expected = OctMaxPooling2D()(SMALL)
    keras.config.set_image_data_format("channels_first")
    try:
        found = OctMaxPooling2D()(SMALL)
    finally:
        keras.config.set_image_data_format("channels_last")
    for band in SMALL:
        np.testing.assert_array_equal(numpy(found[band]), numpy(expected[band]))


@pytest.mark.parametrize("size", [(7, 8), (4, 6)])
@pytest.mark.parametrize("execution", EXECUTIONS)
def test_executions(execution, size):
    layer = OctConv2D(8, 3, alpha=0.25, execution=execution)
    maps = inputs(4, 2)
    model = keras.Model(maps, layer(maps))  # of unknown sizes
    x = feature_map(2, *size, 4, 2)
    check_gradients(fill(layer, x), x)
    wanted = oct_conv(x, *with_bias(layer, True), alpha=0.25)
    assert_close(model.predict_on_batch(x), wanted)


@pytest.mark.grid
@pytest.mark.parametrize("config", [{"strides": 2}, {"dilation_rate": 2}, {"use_bias": False}])
@every_layer
def test_gradients_of_other_geometries(make, config):
    x = feature_map(2, 7, 8, 4, 2)
    check_gradients(fill(make(**config), x), x)


@pytest.mark.grid
@pytest.mark.parametrize("size", [(7, 8), (1, 2)])
@pytest.mark.parametrize("config", [{}, {"strides": 2}, {"strides": 4}, {"dilation_rate": 2}])
@every_layer
@every_split
def test_shapes(split, make, config, size):
    x = feature_map(2, *size, *split)
    check_shapes(fill(make(**config), x), x)


@pytest.mark.parametrize(
    ("policy", "layer"), [("mixed_float16", layer) for layer in LAYERS] + [("mixed_bfloat16", "conv")]
)
def test_mixed_precision(policy, layer):
    x = feature_map(2, 5, 6, 4, 2)
    check_policy(fill(LAYERS[layer](), x), x, policy)


CONV = {"alpha": 0.5, "groups": 2, "kernel_initializer": "he_normal", "kernel_regularizer": keras.regularizers.L2(0.1)}
DEPTHWISE = {"depth_multiplier": 2, "depthwise_initializer": "he_normal", "depthwise_constraint": "non_neg"}
COMMON = {
    "strides": (2, 2),
    "activation": "relu",
    "use_bias": False,
    "bias_initializer": keras.initializers.Constant(2.0),
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "bias_constraint": "non_neg",
    "name": "octave",
    "trainable": False,
    "dtype": "mixed_bfloat16",
}


@pytest.mark.parametrize(
    ("layer", "config"),
    [
        (OctConv2D, {"filters": 8, "kernel_size": 3}),
        (OctConv2D, {"filters": 8, "kernel_size": (3, 5), **CONV, **COMMON, "kernel_constraint": "max_norm"}),
        (OctConv2D, {"filters": 8, "kernel_size": 1, "padding": "valid", "alpha": 1.0, "execution": "joined"}),
        (OctConv2D, {"filters": 8, "kernel_size": 3, "alpha": 0.0, "dilation_rate": (1, 2)}),
        (OctDepthwiseConv2D, {"kernel_size": 3}),
        (OctDepthwiseConv2D, {"kernel_size": (3, 5), **DEPTHWISE, **COMMON, "depthwise_regularizer": "l2"}),
    ],
)
def test_config(layer, config):
    config = {"name": "octave", **config}
    made = layer(**config)
    check_config(made)
    kept = {
        key
        for key, value in config.items()
        if isinstance(value, (int, float)) or key in ("name", "padding", "execution")
    }
    assert {key: made.get_config()[key] for key in kept if key != "kernel_size"} == {
        key: config[key] for key in kept if key != "kernel_size"
    }


def test_saved(tmp_path):
    check_saved(randomise(octave_net()), feature_map(2, 7, 6, 3), tmp_path / "model.keras")


def test_saved_with_two_outputs(tmp_path):
    x = inputs(3, 2)
    model = keras.Model(x, OctDepthwiseConv2D(3)(OctConv2D(8, 3, alpha=0.25)(x)))
    check_saved(randomise(model), feature_map(2, 7, 6, 3, 2), tmp_path / "model.keras")


@pytest.mark.long
@pytest.mark.parametrize("jit_compile", [True, pytest.param(False, marks=on_tensorflow)])
def test_fit(jit_compile):
    net = octave_net()
    y = keras.layers.GlobalAveragePooling2D()(net.output)
    check_fit(keras.Model(net.input, keras.layers.Dense(2)(y)), feature_map(4, 9, 6, 3), jit_compile)


def test_late_build():
    layers = OctConv2D(8, 3, alpha=0.5), OctDepthwiseConv2D(3), OctConv2D(4, 3, alpha=0)
    check_late_build(*layers, x=feature_map(2, 5, 5, 4))


@every_split
def test_regularizers(split):
    x = feature_map(2, 5, 5, *split)
    config = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": keras.regularizers.L2(0.5)}
    layer = fill(OctConv2D(8, 3, alpha=0.25, **config), x)
    y = layer(x)
    losses = 0.01 * (numpy(layer.kernel) ** 2).sum() + 0.01 * np.abs(numpy(layer.bias)).sum()
    losses += sum(activity_loss(0.5, band) for band in y.values())
    np.testing.assert_allclose(sum(numpy(layer.losses)), losses, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [(lambda **c: OctConv2D(8, 3, **c), "kernel"), (lambda **c: OctDepthwiseConv2D(3, **c), "depthwise")],
    ids=["conv", "depthwise"],
)
def test_initializers_and_constraints(layer, kernel):
    layer = layer(
        **{f"{kernel}_initializer": keras.initializers.Constant(3.0), f"{kernel}_constraint": "non_neg"},
        bias_initializer="ones",
        bias_constraint="max_norm",
    )
    layer(feature_map(1, 4, 4, 4, 4))
    assert [type(v.constraint) for v in layer.weights] == [keras.constraints.NonNeg, keras.constraints.MaxNorm]
    assert [set(w.ravel()) for w in layer.get_weights()] == [{3.0}, {1.0}]


# Bad arguments.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filters", 0),
        ("kernel_size", 0),
        ("strides", 0),
        ("strides", 3),
        ("strides", 6),
        ("padding", "full"),
        ("padding", "valid"),
        ("alpha", -0.1),
        ("alpha", 1.5),
        ("groups", 0),
        ("execution", "dense"),
        ("dilation_rate", 0),
    ],
)
def test_bad_arguments(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*Received: .*{name}=['(]*{re.escape(str(value))}") as error:
        OctConv2D(**{"filters": 8, "kernel_size": 3, name: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("kernel_size", 0), ("strides", 3), ("padding", "full"), ("depth_multiplier", 0), ("dilation_rate", 0)],
)
def test_bad_depthwise_arguments(name, value):
    with pytest.raises(ValueError, match=rf"{name}.*Received: .*{name}=['(]*{re.escape(str(value))}") as error:
        OctDepthwiseConv2D(**{"kernel_size": 3, name: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("filters", "alpha", "split"),
    [(8, 0.25, (4, 4)), (8, 0.5, (2, 4)), (8, 0.5, (4, 2)), (6, 0.0, (4, 0))],
    ids=["low_out", "high_in", "low_in", "out"],
)
def test_groups_divide_every_band(filters, alpha, split):
    with pytest.raises(ValueError, match=r"groups.*Received: .*groups=4"):
        OctConv2D(filters, 3, alpha=alpha, groups=4)(feature_map(1, 4, 4, *split))


@pytest.mark.parametrize("layer", [lambda **c: OctConv2D(8, 3, **c), lambda **c: OctDepthwiseConv2D(3, **c)])
def test_channels_first_is_refused(layer):
    with pytest.raises(ValueError, match="data_format"):
        layer(data_format="channels_first")
