"""Hand-made graphs in another kind of convolution.

Bands lose nothing of maps that are constant over space. So a network of 1 x 1 convolutions gives the same on images of
one color once octave convolutions are poured, whatever goes on in between: each rule is tested by that.
"""

import keras
import numpy as np
import pytest
from keras import layers, ops
from weights import random_weights

import keras_effconv as ke
from keras_effconv.converting.rewriting.rewritten import rewritten
from keras_effconv.graph import layers_of, with_structure
from keras_effconv.inference.compare import difference, largest_relative


def conv(x, filters=8, **config):
    return layers.Conv2D(filters, 1, **config)(x)


def depthwise(x, multiplier=1, **config):
    return layers.DepthwiseConv2D(1, depth_multiplier=multiplier, **config)(x)


def gate(x, channels=8):
    y = layers.GlobalAveragePooling2D()(x)
    y = conv(layers.Reshape((1, 1, channels))(y), 3, activation="relu")
    return conv(y, channels, activation="sigmoid")


def joined(*counts):
    """A map that is concatenated of several, so that its bands are in another order than its channels."""

    def build(x):
        return layers.Concatenate()([conv(x, count) for count in counts])

    return build


@keras.saving.register_keras_serializable(package="test_rewritten")
class Doubled(layers.Layer):
    """A layer that nobody knows."""

    def call(self, inputs):
        return 2 * inputs


@keras.saving.register_keras_serializable(package="test_rewritten")
class Halves(layers.Layer):
    """A layer of two outputs that nobody knows."""

    def call(self, inputs):
        return {"first": inputs[..., :4], "second": inputs[..., 4:]}


@keras.saving.register_keras_serializable(package="test_rewritten")
class OwnConv2D(layers.Conv2D):
    """A convolution that may do anything."""


def shared(x):
    layer = layers.Conv2D(8, 1)
    return conv(layer(layer(conv(x))))


def shared_norm(x):
    layer = layers.BatchNormalization()
    return conv(layer(layer(conv(x))))


def nested(calls):
    def build(x):
        inputs = keras.Input(x.shape[1:])
        inner = keras.Model(inputs, layers.BatchNormalization(name="bn")(conv(inputs, name="inner")), name="nested")
        for _ in range(calls):
            x = conv(layers.BatchNormalization(name="bn")(inner(conv(x)))) if calls == 1 else inner(x)
        return x

    return build


# What stands between two convolutions: feature map of 8 channels -> feature map.
BETWEEN = {
    "nothing": lambda x: x,
    "normalization": lambda x: layers.ReLU()(layers.BatchNormalization()(x)),
    "normalization of joined": lambda x: layers.BatchNormalization()(joined(8, 4)(x)),
    "normalization, no scale": lambda x: layers.BatchNormalization(scale=False, center=False)(joined(4, 8)(x)),
    "prelu": lambda x: layers.PReLU(shared_axes=[1, 2])(joined(4, 8)(x)),
    "prelu of columns": lambda x: layers.PReLU(shared_axes=[1], alpha_initializer="ones")(x),
    "rescaling": lambda x: layers.Rescaling(2.0, offset=0.5)(x),
    "rescaling of channels": lambda x: layers.Rescaling(list(range(1, 13)), [0.5] * 12)(joined(4, 8)(x)),
    "elementwise": lambda x: layers.ELU()(layers.LeakyReLU()(layers.Activation("hard_swish")(x))),
    "softmax": lambda x: layers.Activation("softmax")(joined(8, 8)(x)),
    "a convolution's softmax": lambda x: conv(x, activation="softmax"),
    "layer norm": lambda x: layers.LayerNormalization()(joined(4, 8)(x)),
    "dropout": lambda x: layers.SpatialDropout2D(0.1)(layers.Dropout(0.5)(x)),
    "stochastic depth": lambda x: layers.Add()([x, layers.Dropout(0.5, noise_shape=(None, 1, 1, 1))(conv(x))]),
    "add": lambda x: layers.Add()([x, conv(x), conv(conv(x))]),
    "add of joined": lambda x: layers.Add()([joined(8, 4)(x), joined(4, 8)(x), conv(x, 12)]),
    "subtract": lambda x: layers.Subtract()([x, conv(x)]),
    "multiply": lambda x: layers.Multiply()([x, conv(x)]),
    "average": lambda x: layers.Average()([x, conv(x)]),
    "extremes": lambda x: layers.Maximum()([layers.Minimum()([x, conv(x)]), conv(x)]),
    "gate": lambda x: layers.Multiply()([x, gate(x)]),
    "gate of joined": lambda x: layers.Multiply()([gate(joined(4, 8)(x), 12), joined(4, 8)(x)]),
    "gate of all": lambda x: layers.Multiply()([x, conv(layers.GlobalMaxPooling2D(keepdims=True)(x), 1)]),
    "gate of positions": lambda x: layers.Multiply()([x, conv(x, 1, activation="sigmoid")]),
    "joined": joined(8, 4, 8),
    "joined with pixels": lambda x: layers.Concatenate()([conv(x), layers.AveragePooling2D(3, 1, "same")(x), conv(x)]),
    "joined twice": lambda x: layers.Concatenate()([joined(4, 8)(x), x, joined(8, 4)(x)]),
    "joined rows": lambda x: layers.Concatenate(axis=1)([conv(x), conv(x)]),
    "depthwise": lambda x: depthwise(joined(4, 8)(x), activation="relu"),
    "depthwise, more": lambda x: depthwise(joined(4, 8)(x), 3),
    "groups": lambda x: layers.Conv2D(8, 1, groups=4)(joined(4, 8)(x)),
    "own class": lambda x: OwnConv2D(8, 1)(joined(4, 8)(x)),
    "transposed": lambda x: layers.Conv2DTranspose(8, 2, 2)(joined(4, 8)(x)),
    "separable": lambda x: layers.SeparableConv2D(8, 1, depth_multiplier=2)(joined(4, 8)(x)),
    "max pooling": lambda x: layers.MaxPooling2D()(joined(4, 8)(x)),
    "average pooling": lambda x: layers.AveragePooling2D(2)(joined(4, 8)(x)),
    "overlapping pooling": lambda x: layers.MaxPooling2D(3, 2, "same")(layers.MaxPooling2D(3, 1, "same")(x)),
    "strided pooling": lambda x: layers.MaxPooling2D(1, 2)(x),
    "up-sampling": lambda x: layers.UpSampling2D()(joined(4, 8)(x)),
    "even borders": lambda x: layers.Cropping2D(2)(layers.ZeroPadding2D(2)(joined(4, 8)(x))),
    "odd borders": lambda x: layers.Cropping2D(1)(layers.ZeroPadding2D(1)(joined(4, 8)(x))),
    "stride": lambda x: conv(x, strides=2),
    "stride of three": lambda x: conv(x, strides=3),
    "numbers": lambda x: ops.relu(x + 3.0) * (1.0 / 6.0) - x,
    "numbers of channels": lambda x: x * np.arange(8, dtype="float32"),
    "gate by hand": lambda x: x * gate(x),
    "mean by hand": lambda x: x - ops.mean(x, axis=(1, 2), keepdims=True),
    "unknown layer": lambda x: Doubled()(joined(4, 8)(x)),
    "unknown layer of two outputs": lambda x: layers.Add()(list(Halves()(x).values())),
    "training": lambda x: layers.BatchNormalization()(conv(x), training=False),
    "shared": shared,
    "shared normalization": shared_norm,
    "nested": nested(1),
    "nested, called twice": nested(2),
}
CASES = (((8, 8), 0.5), ((9, 6), 0.25), ((None, None), 0.25), ((8, 8), 1))
FIXED = ("nested, called twice", "prelu of columns")  # need sizes


def model_of(between, size, read=None):
    """A network of 1 x 1 convolutions with something in between."""
    image = keras.Input((*size, 3), name="image")
    x = conv(image, name="stem")
    x = between(conv(x, name="before"))
    outputs = (read or (lambda x: layers.GlobalAveragePooling2D()(conv(x, 12, name="behind"))))(x)
    return random_weights(keras.Model(image, outputs))


def colors(model, seed=1):
    """Images of one color each, for each input of a model."""
    rng = np.random.default_rng(seed)
    shapes = [(2, *(size or 12 for size in x.shape[1:3]), x.shape[-1]) for x in model.inputs]
    arrays = [rng.normal(size=(2, 1, 1, shape[-1])) * np.ones(shape) for shape in shapes]
    return with_structure(model, [array.astype("float32") for array in arrays])


def distance(model, other):
    """The largest relative difference on images of one color."""
    images = colors(model)
    pairs = zip(*(keras.tree.flatten(each(images, training=False)) for each in (model, other)), strict=True)
    return max(largest_relative(*pair) for pair in pairs)


def check_all_said(model, result):
    """Every convolution was made by a kind, or is left with a reason."""
    is_conv = [layer for layer in layers_of(model) if "Conv" in type(layer).__name__]
    assert {layer.name for layer in is_conv} <= result.kinds.keys() | result.left.keys()
    assert not result.kinds.keys() & result.left.keys()
    assert all(result.left.values())


@pytest.mark.grid
@pytest.mark.parametrize(("size", "alpha"), CASES, ids=str)
@pytest.mark.parametrize("name", BETWEEN)
def test_octaves_lose_nothing_of_constant_maps(name, size, alpha):
    model = model_of(BETWEEN[name], (10, 10) if name in FIXED and None in size else size)
    result = rewritten(model, ke.OctConv(alpha=alpha))
    check_all_said(model, result)
    assert distance(model, result.model) < 1e-5
    assert [x.shape for x in result.model.outputs] == [x.shape for x in model.outputs]
    if alpha < 1:
        assert any("alpha=0" not in kind or "alpha=0." in kind for kind in result.kinds.values()), "there are bands"


@pytest.mark.parametrize("kind", [ke.Conv(), ke.HetConv(parts=1), ke.OctConv(alpha=0)], ids=repr)
@pytest.mark.parametrize("name", BETWEEN)
def test_an_identity_changes_nothing(name, kind):
    model = model_of(BETWEEN[name], (9, 6))
    result = rewritten(model, kind)
    check_all_said(model, result)
    assert not result.kinds
    assert difference(model, result.model) == 0
    if "nested" not in name:
        assert [layer.name for layer in result.model.layers] == [layer.name for layer in model.layers]
