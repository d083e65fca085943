"""Networks with their channels in another order: they compute the same."""

import keras
import numpy as np
import pytest
from grid import NETWORKS
from keras import layers
from weights import filled, random_statistics, run

import keras_effconv as ke
from keras_effconv.converting.ordering.channels import Channels
from keras_effconv.converting.ordering.permuting import permuted
from keras_effconv.inference.rewriting import Graph
from keras_effconv.network_info import info_of


def groups_of(model):
    return Channels(Graph(model)).groups


def random_orders(model, seed=0):
    rng = np.random.default_rng(seed)
    return {i: rng.permutation(len(group.members)) for i, group in enumerate(groups_of(model))}


def inputs_of(model, count=2):
    rng = np.random.default_rng(1)
    return [rng.normal(size=(count, *x.shape[1:])).astype("float32") for x in model.inputs]


def assert_same(model, smallest=1, tolerance=1e-5):
    orders = random_orders(model)
    assert len(orders) >= smallest
    other, x = permuted(model, orders), inputs_of(model)
    x = x[0] if len(x) == 1 else x
    for a, b in zip(keras.tree.flatten(run_all(model, x)), keras.tree.flatten(run_all(other, x)), strict=True):
        assert np.abs(a - b).max() <= tolerance * np.abs(a).max()
    return other


def run_all(model, x):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x))


@pytest.mark.grid
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_our_families(network):
    model = random_statistics(network.build(classifier_activation=None))
    other = assert_same(model, smallest=5)
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    assert info_of(other).design == info_of(model).design
    assert any(not np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights()))


KERAS = ("ResNet50", "VGG16", "DenseNet121", "InceptionV3", "MobileNetV3Small", "MobileNetV2", "EfficientNetB0")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("name", (*KERAS, "Xception"))
def test_networks_of_keras(name):
    size = 75 if name in ("InceptionV3", "Xception") else 64
    build = getattr(keras.applications, name)
    model = random_statistics(build(weights=None, input_shape=(size, size, 3), classifier_activation=None))
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert_same(model, smallest=len(convolutions) // 4, tolerance=3e-5)


def test_what_a_group_is_made_of():
    """By hand: the sum ties, the concatenation lists, the flattened map has each channel at every position."""
    image = keras.Input((4, 4, 3))
    a = layers.Conv2D(4, 1)(image)
    b = layers.PReLU(shared_axes=(1, 2))(layers.Conv2D(4, 3, padding="same")(a))
    both = layers.Concatenate()([layers.Add()([a, b]), layers.Conv2D(6, 1)(image)])
    hidden = layers.Dense(5)(layers.Flatten()(layers.BatchNormalization()(both)))
    model = filled(image, layers.Dense(2)(hidden))
    assert sorted(len(group.members) for group in groups_of(model)) == [4, 5, 6]
    assert_same(model)


def test_gates_and_depthwise_convolutions_with_several_filters():
    image = keras.Input((5, 6, 3))
    x = layers.Conv2D(4, 1)(image)
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 4))(gate)])
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.ReLU()(x * 2.0 + 1.0))
    x = layers.SeparableConv2D(6, 3, depth_multiplier=3, padding="same")(layers.LayerNormalization()(x))
    model = filled(image, layers.Conv2DTranspose(2, 2)(layers.Conv2DTranspose(5, 2)(x)))
    assert sorted(len(group.members) for group in groups_of(model)) == [4, 5, 6]
    assert_same(model)


def test_grouped_convolutions_keep_their_groups():
    image = keras.Input((5, 6, 3))
    x = ke.layers.GroupConv2D(8, 3, groups=2)(layers.Conv2D(6, 1)(image))
    model = filled(image, layers.Conv2D(2, 1)(layers.Conv2D(4, 1, groups=4)(x)))
    assert sorted(len(group.members) for group in groups_of(model)) == [2] * 4 + [3] * 2
    assert_same(model)


def test_padded_channels_stay_where_they_are_padded():
    image = keras.Input((5, 6, 3))
    x = layers.Conv2D(4, 1)(image)
    wide = layers.Add()([ke.layers.PadChannels(7)(x), layers.Conv2D(7, 1)(x)])
    model = filled(image, layers.Conv2D(2, 1)(wide))
    assert sorted(len(group.members) for group in groups_of(model)) == [3, 4]
    assert_same(model)


def test_shared_layers_several_inputs_and_nested_models():
    first, second = keras.Input((6, 6, 3), name="first"), keras.Input((6, 6, 3), name="second")
    inner_image = keras.Input((6, 6, 4))
    inner = keras.Model(inner_image, layers.Conv2D(4, 3, padding="same", activation="relu")(inner_image))
    shared, norm = layers.Conv2D(4, 1), layers.BatchNormalization()
    x, y = norm(shared(first)), norm(shared(second))
    z = layers.Subtract()([inner(inner(x)), layers.Average()([x, y])])
    model = filled([first, second], [layers.Conv2D(2, 1)(z), layers.Conv2D(5, 1)(z)])
    assert [len(group.members) for group in groups_of(model)] == [4]
    assert_same(model)


@pytest.mark.parametrize(
    "layer", [layers.Permute((2, 1, 3)), layers.Lambda(lambda x: x), layers.GroupNormalization(2)], ids=repr
)
def test_what_has_no_rule_keeps_its_channels(layer):
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(5, 1)(layer(layers.Conv2D(4, 1)(image)))
    model = filled(image, layers.Conv2D(2, 1)(x))
    assert [len(group.members) for group in groups_of(model)] == [5]
    assert_same(model)


def test_a_map_with_itself_shifted_keeps_its_channels():
    """Each channel of the sum is tied to two of the map, so all are one chain."""
    image = keras.Input((4, 4, 3))
    x, y = layers.Conv2D(4, 1)(image), layers.Conv2D(2, 1)(image)
    total = layers.Add()([layers.Concatenate()([x, y]), layers.Concatenate()([y, x])])
    assert_same(filled(image, layers.Conv2D(2, 1)(total)), smallest=0)


def test_an_order_must_be_a_permutation():
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    with pytest.raises(ValueError, match="`orders` must hold permutations of 4"):
        permuted(model, {0: np.array([0, 0, 1, 2])})
    assert np.array_equal(run(model, np.ones((1, 32, 32, 3))), run(permuted(model, {}), np.ones((1, 32, 32, 3))))
