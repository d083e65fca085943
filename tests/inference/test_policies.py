"""Models of half precision: built, deployed, put into float32, and loaded into."""

import keras
import numpy as np
import pytest
from grid import NETWORKS
from keras import layers
from weights import names, random_statistics

import keras_effconv as ke
from keras_effconv.inference.compare import difference
from keras_effconv.policies import assign, default_policy, half_policy_of

POLICIES = ("float16", "mixed_float16", "bfloat16", "mixed_bfloat16")
ROOM = {"float16": 0.01, "bfloat16": 0.05}  # some ten roundings in a row
KINDS = ("Conv()", "OctConv(alpha=0.25)", "HetConv(parts=4)", "DWCPWC()")


def under(policy, network=NETWORKS[8], **options):
    with default_policy(policy):
        return random_statistics(network.build(**options))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_constructor_obeys_the_policy_and_its_head_is_float32(policy):
    """`keras.config.set_dtype_policy` before the constructor, as Keras' guide to mixed precision has it."""
    for network in (NETWORKS[8], NETWORKS[2]):
        with default_policy(policy):
            model = network.build(depth=0.2)
        x = np.random.default_rng(0).uniform(0, 255, (1, *network.shape)).astype("float32")
        assert keras.backend.standardize_dtype(model(x).dtype) == "float32"
        assert half_policy_of(model.layers) == policy
        np.testing.assert_allclose(np.asarray(model(x)).sum(), 1, atol=1e-6)


@pytest.mark.grid
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", KINDS)
def test_deploying_is_exact_in_float32_and_keeps_the_policy(kind, policy):
    model = under(policy, conv=kind, depth=0.2, classifier_activation=None)
    fast = ke.deploy(model)
    report = fast.deploy_report
    assert report.max_difference < 1e-4 and not names(fast, layers.BatchNormalization)
    assert half_policy_of(fast.layers) == policy
    assert max(report.rounding) < ROOM[policy.removeprefix("mixed_")]
    assert "half precision moves them by" in str(report)
    assert ke.deploy(ke.in_float32(model)).deploy_report.rounding is None


@pytest.mark.parametrize("policy", POLICIES)
def test_a_model_in_float32_has_the_weights_and_no_half_precision(policy):
    model = under(policy, conv="OctConv(alpha=0.5)", depth=0.2)
    exact = ke.in_float32(model)
    assert {layer.dtype_policy.name for layer in exact.layers} == {"float32"}
    with default_policy("float32"):
        twin = NETWORKS[8].build(conv="OctConv(alpha=0.5)", depth=0.2)
    for mine, theirs in zip(twin.weights, model.weights, strict=True):
        assign(mine, theirs)
    assert difference(twin, exact) < 1e-6
    assert ke.in_float32(exact) is exact
    assert ke.preprocessing_for(exact).preprocessing == ke.preprocessing_for(model).preprocessing


def test_layers_of_one_model_may_have_policies_of_their_own():
    """Per-layer `dtype=`, also inside a wrapper, a lambda and a nested model."""
    image = keras.Input((8, 8, 3), dtype="float16")
    x = layers.TimeDistributed(layers.Conv1D(4, 3, dtype="mixed_bfloat16"))(image)
    x = layers.Lambda(lambda x: x * IMPORTED, dtype="bfloat16")(x)
    inner = keras.Sequential([keras.Input((8, 6, 4)), ke.layers.HetConv2D(4, 3, dtype="float16")])
    x = layers.Dense(2, dtype="float64")(layers.Flatten()(inner(x)))
    model = keras.Model(image, x)
    exact = ke.in_float32(model)
    assert half_policy_of(exact.layers) is None and exact.inputs[0].dtype == "float32"
    assert exact.layers[1].layer.dtype_policy.name == "float32" and exact.layers[-1].compute_dtype == "float64"
    assert difference(exact, model) < 0.05


IMPORTED = 2.0  # what a lambda's configuration would not know


def test_a_layer_without_a_configuration_is_named():
    class Own(layers.Layer):
        def __init__(self, size, **arguments):
            super().__init__(**arguments)
            self.size = size

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((4,)), Own(object(), dtype="float16", name="mine")])
    with pytest.raises(ValueError, match=r"`model` must have layers that their configuration describes.*'mine'"):
        ke.in_float32(model)


def test_a_variance_that_float16_cannot_hold_is_an_error(tmp_path):
    """65504 is the largest float16: infinity would be loaded without a word, and be a zero behind it."""
    source = random_statistics(NETWORKS[8].build(depth=0.2))
    variance = next(v for v in source.weights if v.name == "moving_variance")
    variance.assign(variance * 0 + 1e6)
    source.save_weights(tmp_path / "big.weights.h5")
    model = under("float16", depth=0.2)
    before = [keras.ops.convert_to_numpy(v) for v in model.weights]
    with pytest.raises(ValueError, match=r"`dtype` must be a type that holds the weights: .*moving_variance.* 1e\+06"):
        ke.load_weights(model, tmp_path / "big.weights.h5")
    assert all(np.array_equal(keras.ops.convert_to_numpy(v), old) for v, old in zip(model.weights, before))
    with pytest.raises(ValueError, match="`dtype` must be a type that holds the weights"):
        ke.quantize(source, "float16")
    ke.load_weights(under("mixed_float16", depth=0.2), tmp_path / "big.weights.h5")
    ke.load_weights(under("bfloat16", depth=0.2), tmp_path / "big.weights.h5")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_arithmetic_of_the_image_is_done_in_float32(dtype):
    """(201.5 - 200) / 2 is 0.75; in bfloat16, 201.5 is 202 or 201."""
    layer = ke.ImagePreprocessing(2, mean=(200.0,) * 3, std=(2.0,) * 3, dtype=dtype)
    received = layer(np.full((1, 2, 2, 3), 201.5, "float32"))
    assert keras.backend.standardize_dtype(received.dtype) == dtype
    assert float(keras.ops.cast(received, "float32")[0, 0, 0, 0]) == 0.75
