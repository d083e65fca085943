"""Hand-made graphs, deployed: which layers are folded, and which must stay."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from weights import filled, names, random_statistics

import keras_effconv as ke
from keras_effconv.inference.affine import Shift
from keras_effconv.layers import GroupConv2D, HetConv2D, OctConv2D, OctDepthwiseConv2D


def test_one_map_with_two_readers_and_a_layer_with_two_uses_are_not_folded():
    image = keras.Input((9, 8, 3))
    shared, read_twice, output = (layers.Conv2D(3, 3, padding="same", name=n) for n in ("shared", "twice", "output"))
    y = read_twice(image)
    y = layers.Add()([y, layers.BatchNormalization(name="bn_of_twice")(y)])
    y = layers.BatchNormalization(name="bn_of_shared")(shared(y))
    result = output(layers.BatchNormalization(name="again")(shared(y)))
    fast = ke.deploy(filled(image, [result, layers.BatchNormalization(name="bn_of_output")(result)]))
    assert names(fast, layers.BatchNormalization) == ["bn_of_twice", "bn_of_shared", "bn_of_output"]
    assert isinstance(fast.get_layer("again"), Shift), "its scale goes into the convolution behind it"


class Noise(layers.Layer):
    """Random numbers at inference too."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seed = keras.random.SeedGenerator()

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seed)


class Forgetful(layers.Layer):
    """A layer whose configuration does not say all."""

    factor = 1.0

    def call(self, inputs):
        return self.factor * inputs


def test_what_is_not_equal_is_refused():
    image = keras.Input((8,))
    forgetful = Forgetful()
    forgetful.factor = 1.001
    for layer in (Noise(), forgetful):
        with pytest.raises(ValueError, match=r"must compute the same once deployed, up to tolerance=0.0001.*differ by"):
            ke.deploy(filled(image, layer(layers.Dense(4)(image))))


def test_dropout_that_is_always_on_is_kept():
    image = keras.Input((8,))
    fast = ke.deploy(filled(image, layers.Dropout(0.5, name="drop")(layers.Dense(4)(image), training=True)))
    ones = np.ones((1, 8))
    assert names(fast, layers.Dropout) == ["drop"] and not np.array_equal(fast(ones), fast(ones))


def test_normalisation_by_the_batch_is_not_folded():
    image = keras.Input((8, 8, 3))
    model = filled(image, layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3)(image), training=True))
    assert names(ke.deploy(model), layers.BatchNormalization) == ["bn"]


class Standardized(layers.Conv2D):
    """A subclass that computes something else."""

    def call(self, inputs):
        return super().call(inputs) / (1 + keras.ops.std(self.kernel))


class Uncopied(layers.Layer):
    """A layer without a configuration."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


def test_layers_of_ones_own_are_kept():
    image = keras.Input((8, 8, 3))
    x = layers.BatchNormalization(name="bn1")(Standardized(4, 3, name="own")(image))
    x = layers.BatchNormalization(name="bn2")(layers.Conv2D(4, 3)(Uncopied(keras.ops.ones(()))(x)))
    fast = ke.deploy(filled(image, x))
    assert names(fast, layers.BatchNormalization) == ["bn1"]
    assert type(fast.get_layer("own")) is Standardized and names(fast, Uncopied)


def test_scales_go_forward_and_shifts_where_no_zeros_are_padded():
    image = keras.Input((9, 9, 3))
    x = layers.Rescaling(1 / 255, name="first")(image)
    x = layers.Rescaling([2.0, 1.0, 3.0], [0.5, -1.0, 0.0], name="second")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="padded")(x)
    x = layers.Conv2D(4, 1, padding="same", name="pointwise")(layers.BatchNormalization(name="bn1")(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="valid")(
        layers.BatchNormalization(name="bn2")(layers.ReLU()(x))
    )
    x = layers.Dense(3, name="dense")(layers.BatchNormalization(name="bn3")(layers.LeakyReLU(name="leaky")(x)))
    fast = ke.deploy(filled(image, x))
    assert [layer.name for layer in fast.layers[1:]] == ["first", "padded", "pointwise", "valid", "leaky", "dense"]
    assert isinstance(fast.get_layer("first"), Shift)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX computes in 32 bits by default")
def test_a_model_in_double_precision_is_exact():
    """In float32, rounding hides what is wrong by less."""
    image = keras.Input((9, 9, 3), dtype="float64")
    x = layers.BatchNormalization(dtype="float64")(layers.Conv2D(8, 3, padding="same", dtype="float64")(image))
    x = layers.BatchNormalization(dtype="float64")(layers.ReLU(dtype="float64")(x))
    x = layers.Conv2D(4, 3, padding="same", dtype="float64")(x)
    fast = ke.deploy(filled(image, x))
    assert names(fast, Shift) and fast.deploy_report.max_difference < 1e-14


def test_nested_models_become_one_graph():
    def block(name):
        x = keras.Input((None, None, 4))
        y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, padding="same", name="conv")(x))
        return keras.Model(x, layers.Dropout(0.1, name="drop")(y), name=name)

    image = keras.Input((None, None, 4), name="x")
    once, twice = block("once"), block("twice")
    stack = keras.Sequential([layers.Conv2D(4, 1), layers.BatchNormalization(), layers.Activation("relu")])
    model = filled({"x": image}, {"y": stack(twice(twice(once(image)))), "z": image + 1.0})
    fast = ke.deploy(model)
    assert names(fast, keras.Model) == [] and fast.deploy_report.max_difference < 1e-4
    assert len(names(fast, layers.BatchNormalization)) == 1, "that of the model used twice"
    assert sorted(fast.output) == ["y", "z"]


def test_a_sequential_model_is_deployed():
    stack = [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="bn")]
    fast = ke.deploy(random_statistics(keras.Sequential(stack)))
    assert fast.deploy_report.folded == ("bn -> conv",)


LAYERS = (
    lambda name: layers.Conv2D(4, 3, padding="same", name=name),
    lambda name: layers.Conv2D(4, 1, use_bias=False, name=name),
    lambda name: layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=name),
    lambda name: layers.SeparableConv2D(4, 3, padding="same", name=name),
    lambda name: layers.Conv2DTranspose(4, 3, padding="same", name=name),
    lambda name: GroupConv2D(4, 3, padding="same", groups=2, name=name),
    lambda name: HetConv2D(4, 3, parts=3, layout="shifted", use_bias=False, name=name),
    lambda name: layers.Dense(4, name=name),
    lambda name: layers.BatchNormalization(name=name),
    lambda name: layers.BatchNormalization(scale=False, center=False, axis=-1, name=name),
    lambda name: layers.BatchNormalization(axis=1, name=name),
    lambda name: layers.Rescaling(-0.5, [0.0, 1.0, 2.0, 3.0], name=name),
    lambda name: layers.Rescaling([0.0, 1.0, 2.0, 3.0], name=name),
    lambda name: layers.ReLU(name=name),
    lambda name: layers.ReLU(max_value=6.0, threshold=1.0, name=name),
    lambda name: layers.Activation("swish", name=name),
    lambda name: layers.Activation("linear", name=name),
    lambda name: layers.Dropout(0.5, name=name),
)


@given(st.lists(st.tuples(st.sampled_from(range(len(LAYERS))), st.integers(0, 2)), min_size=2, max_size=9), st.data())
@settings(max_examples=12)
def test_any_graph_of_known_layers_is_equal(chain, data):
    """Each layer reads the last map, or one before it; some layers are called again; two maps are the outputs."""
    maps, made = [keras.Input((6, 5, 4))], []
    for number, (which, back) in enumerate(chain):
        again = made and data.draw(st.integers(0, 5)) == 0
        layer = data.draw(st.sampled_from(made)) if again else LAYERS[which](f"layer{number}")
        made.append(layer)
        maps.append(layer(maps[max(-1 - back, -len(maps))]))
    model = filled(maps[0], [maps[-1], maps[-2]])
    assert ke.deploy(model, tolerance=1e-3).deploy_report.max_difference < 1e-3


def test_bands_are_folded_one_by_one():
    image = keras.Input((9, 8, 4))
    maps = OctConv2D(8, 3, alpha=0.25, name="oct")(image)
    maps = {**maps, "low": layers.BatchNormalization(name="low")(maps["low"])}
    maps = OctDepthwiseConv2D(3, depth_multiplier=2, use_bias=False, name="depthwise")(maps)
    fast = ke.deploy(filled(image, {**maps, "high": layers.BatchNormalization(name="high")(maps["high"])}))
    assert fast.deploy_report.folded == ("low -> oct", "high -> depthwise")
