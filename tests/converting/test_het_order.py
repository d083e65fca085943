"""The order for heterogeneous convolutions: channels and filters that belong together share a part."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers
from weights import filled

import keras_effconv as ke
from keras_effconv.converting.ordering.het_energy import covariance, lost_energy
from keras_effconv.converting.ordering.het_order import het_order, parts_at
from keras_effconv.converting.ordering.observing import Moments
from keras_effconv.converting.ordering.permuting import permuted
from keras_effconv.converting.ordering.students import layouts_of
from keras_effconv.layers.het_parts import Packing


@pytest.mark.parametrize(("channels", "filters", "parts"), [(8, 8, 4), (5, 7, 3), (6, 4, 5), (3, 8, 5)])
@pytest.mark.parametrize("layout", ["grouped", "shifted"])
def test_parts_are_those_of_the_layer(channels, filters, parts, layout):
    ones = Packing(channels, filters, parts, layout).cut(np.ones((3, 3, channels, filters)))
    layer = ke.layers.HetConv2D(filters, 3, parts=parts, layout=layout)
    layer.build((None, None, None, channels))
    layer.kernel.assign(ones[0])
    wide = keras.ops.convert_to_numpy(layer.dense_kernel())[0, 0] != 0
    same = parts_at(channels, parts, layout)[:, None] == parts_at(filters, parts, layout)
    assert np.array_equal(wide, same)


def blocks_of(layer, parts):
    """The energy around the centre that the parts keep, over all of it."""
    squares = np.square(layer.kernel.numpy()).sum((0, 1)) - np.square(layer.kernel.numpy()[1, 1])
    same = np.equal.outer(*(parts_at(count, parts, "grouped") for count in squares.shape))
    return squares[same].sum(), squares.sum()


def chain(widths, seed):
    image = x = keras.Input((8, 8, 3))
    for i, width in enumerate(widths):
        x = layers.Conv2D(width, 3, padding="same", name=f"conv{i}")(x)
    return filled(image, x)


def test_what_is_kept_is_reported():
    model = chain((6, 8, 7, 5), seed=0)
    result, replaced = het_order(model, ke.HetConv(parts=2)), layouts_of(model, ke.HetConv(parts=2))
    assert list(replaced) == ["conv1", "conv2", "conv3"]  # the first one reads the image
    for network, share in ((model, result.before), (permuted(model, result.orders), result.after)):
        kept = [blocks_of(layer, 2) for layer in network.layers if layer.name in replaced]
        assert np.isclose(sum(a for a, _ in kept) / sum(b for _, b in kept), share)
    assert result.before < result.after
    again = het_order(model, ke.HetConv(parts=2))
    assert all(np.array_equal(again.orders[group], order) for group, order in result.orders.items())


def test_hidden_parts_are_found():
    """Kernels of two parts, shuffled: the order finds all of them again."""
    model, rng = chain((8, 8, 8), seed=0), np.random.default_rng(0)
    kernel = model.get_layer("conv1").kernel
    halves = [rng.permutation(8) < 4 for _ in range(2)]
    value = kernel.numpy()
    value[:, :, halves[0][:, None] != halves[1]] = 0
    kernel.assign(value)
    for name in ("conv0", "conv2"):
        model.get_layer(name).kernel.assign(model.get_layer(name).kernel * 1e-3)
    assert het_order(model, ke.HetConv(parts=2)).after > 0.999


def test_the_best_order_of_few_channels():
    model = chain((4, 2), seed=0)
    result, layer = het_order(model, ke.HetConv(parts=2), starts=8), model.get_layer("conv1")
    orders = [permuted(model, {0: np.array(order)}) for order in itertools.permutations(range(4))]
    kept = [blocks_of(m.get_layer("conv1"), 2)[0] for m in orders]
    total = blocks_of(model.get_layer("conv1"), 2)[1]
    assert layer.kernel.shape[2] == 4 and np.isclose(result.after, max(kept) / total)


def test_variances_that_a_pixel_leaves():
    """Against a regression of a window's weighted sum on its middle pixel, over all positions of a cyclic map."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 64, 64, 2))
    x = (x + np.roll(x, 1, 1) + 0.5 * np.roll(x, 1, 2) + 1).astype("float32")
    kernel = rng.normal(size=(3, 3, 2, 3))
    moments = keras.ops.convert_to_numpy(Moments((2, 2))(x)).mean(0).astype("float64")
    lost = lost_energy(kernel, covariance(moments, (3, 3)))
    for channel, filter in np.ndindex(2, 3):
        taps = kernel[:, :, channel, filter]
        seen = sum(taps[i, j] * np.roll(x[0, :, :, channel], (1 - i, 1 - j), (0, 1)) for i, j in np.ndindex(3, 3))
        middle = x[0, :, :, channel]
        left = seen - np.polyval(np.polyfit(middle.ravel(), seen.ravel(), 1), middle)
        assert np.isclose(lost[channel, filter], left.var(), rtol=0.15)


def test_which_layers_are_replaced():
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    by_stride = layouts_of(model, ke.HetConv(parts=((2, 2), (4, 3)), layout="shifted"))
    assert set(by_stride.values()) == {(2, "shifted"), (3, "shifted")} and len(by_stride) == 4
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="a")(layers.Conv2D(8, 1, name="pointwise")(image))
    other = keras.Model(image, layers.Conv2D(8, 3, groups=2, name="grouped")(layers.Conv2D(8, 3, name="b")(x)))
    assert layouts_of(other, ke.HetConv(parts=((2, 4),))) == dict.fromkeys("ab", (4, "grouped"))
    assert layouts_of(other, ke.PC())["b"] == (8, "grouped")
