"""Whole models in another kind of convolution: their structure, padding and sizes, and what one does with them."""

import keras
import numpy as np
import pytest
from keras import layers
from weights import names, random_statistics, random_weights

import keras_effconv as ke
from keras_effconv.converting.rewriting.rewritten import rewritten
from keras_effconv.graph import writer_of
from keras_effconv.inference.compare import difference
from keras_effconv.inference.kernels import array
from keras_effconv.kinds import Conv
from keras_effconv.layers import HetConv2D, MergeBands, OctConv2D, SamePadding2D
from keras_effconv.zoo.warm_start.decoupling import couple

KINDS = (ke.OctConv(alpha=0.5), ke.HetConv(parts=2), ke.PC(), ke.GWCPWC(groups=2), ke.DWCPWC())


def block(x, filters, name, stride=1):
    """A residual block."""
    y = layers.ZeroPadding2D(1, name=f"{name}_pad")(x) if stride > 1 else x
    y = layers.Conv2D(filters, 3, stride, "valid" if stride > 1 else "same", name=f"{name}_conv")(y)
    y = layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(y))
    y = layers.BatchNormalization(name=f"{name}_bn2")(layers.Conv2D(filters, 1, name=f"{name}_conv2")(y))
    x = layers.Conv2D(filters, 1, stride, name=f"{name}_skip")(x) if stride > 1 else x
    return layers.Add(name=f"{name}_add")([x, y])


def residual(size=(17, 14)):
    """A small residual network."""
    image = keras.Input((*size, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(image)
    x = block(block(block(x, 8, "a"), 12, "b", stride=2), 16, "c", stride=2)
    scores = layers.Dense(5, name="scores")(layers.GlobalAveragePooling2D(name="pool")(x))
    return random_statistics(keras.Model(image, scores, name="residual"))


@pytest.mark.parametrize("size", [(17, 14), (None, None)], ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_model_is_saved_deployed_and_counted(kind, size, tmp_path):
    model = residual(size)
    result = rewritten(model, kind)
    assert result.left["stem"] == "it reads the image"
    assert {"a_conv", "b_conv", "c_conv"} <= result.kinds.keys()
    assert result.model.name == "residual"
    result.model.save(tmp_path / "model.keras")
    assert difference(result.model, keras.models.load_model(tmp_path / "model.keras")) == 0
    assert ke.deploy(result.model).deploy_report.max_difference < 1e-4
    counts = [ke.count(each, input_shape=(17, 14, 3)) for each in (result.model, model)]
    assert not counts[0].uncounted
    assert counts[0].macs < counts[1].macs


def test_bands_have_the_names_that_the_families_use():
    present = {layer.name for layer in rewritten(residual(), ke.OctConv(alpha=0.5)).model.layers}
    assert {"a_conv", "a_bn_high", "a_bn_low", "a_relu_high", "a_add_low", "pool_high", "pool_low"} <= present
    assert "b_pad" not in present, "octave convolutions pool"
    assert "a_add_split" in present, "what goes past the block was plain"


def test_strides_choose_the_kind():
    """Of 17 x 14 pixels, 9 x 7 are a stride of 2, and 5 x 4 one of 4."""
    for size in ((17, 14), (None, None)):
        kinds = rewritten(residual(size), ke.OctConv(alpha=((2, 0.25), (4, 0.5)))).kinds
        assert kinds["b_conv"] == kinds["b_skip"] == "OctConv(alpha=0.25)"
        assert kinds["c_conv"] == "OctConv(alpha=0.5)" and "a_conv" not in kinds


def test_inputs_and_outputs_keep_their_structure_and_names():
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 4), name="right")
    x, y = (layers.Conv2D(8, 1)(layers.Conv2D(8, 3, padding="same")(image)) for image in (left, right))
    x = layers.ReLU(name="map")(layers.Concatenate(name="joined")([x, y]))
    outputs = {"map": x, "joined": layers.BatchNormalization(name="norm")(x), "image": left}
    outputs["scores"] = layers.Dense(3, name="dense")(layers.GlobalMaxPooling2D()(layers.Conv2D(8, 1)(x)))
    model = random_weights(keras.Model({"left": left, "right": right}, outputs))
    result = rewritten(model, ke.OctConv(alpha=0.5)).model
    written = [{key: writer_of(x) for key, x in each.output.items()} for each in (result, model)]
    assert written[0] == written[1], "by layers of the same names"
    assert [x.name for x in result.inputs] == ["left", "right"]
    assert {key: x.shape for key, x in result.output.items()} == {key: x.shape for key, x in model.output.items()}
    images = {"left": np.ones((1, 8, 8, 3), "float32"), "right": np.ones((1, 8, 8, 4), "float32")}
    received = result(images)
    assert received.keys() == outputs.keys()
    for key, expected in model(images).items():
        if key != "scores":  # away from the borders
            maps = [array(value)[:, 2:6, 2:6] for value in (received[key], expected)]
            np.testing.assert_allclose(*maps, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("size", range(6, 14))
@pytest.mark.parametrize("pad", [1, ((0, 1), (0, 1)), ((1, 1), (0, 1)), 2, "same", None], ids=str)
def test_padding_is_the_kind_s_where_it_is_as_same(pad, size):
    """An octave convolution pools by itself, if it writes the size of the dense one; else that stays dense."""
    image = keras.Input((size, size, 3))
    x = layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(image))
    if pad == "same":
        x = SamePadding2D(3, 2, name="pad")(x)
    elif pad is not None:
        x = layers.ZeroPadding2D(pad, name="pad")(x)
    x = layers.Conv2D(8, 3, 2, name="strided")(x)
    model = random_weights(keras.Model(image, layers.Conv2D(8, 1)(x)))
    fits = tuple(x.shape[1:3]) == (-(-size // 2),) * 2
    octave = rewritten(model, ke.OctConv(alpha=0.5))
    assert octave.model.output_shape == model.output_shape
    assert isinstance(octave.model.get_layer("strided"), OctConv2D) == fits
    assert fits or "another size" in octave.left["strided"]
    het = rewritten(model, ke.HetConv(parts=2))
    assert isinstance(het.model.get_layer("strided"), HetConv2D)
    assert ("pad" in [layer.name for layer in het.model.layers]) == (pad is not None)
    assert difference(model, rewritten(model, ke.HetConv(parts=1)).model) == 0


def test_padding_of_unknown_sizes_is_the_octave_s_only_if_it_is_for_all():
    for pad, fits in ((1, True), (((0, 1), (0, 1)), False), (2, False)):
        image = keras.Input((None, None, 3))
        x = layers.ZeroPadding2D(pad)(layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(image)))
        model = keras.Model(image, layers.Conv2D(8, 1)(layers.Conv2D(8, 3, 2, name="strided")(x)))
        assert ("strided" in rewritten(model, ke.OctConv(alpha=0.5)).kinds) == fits
        assert "strided" in rewritten(model, ke.HetConv(parts=2)).kinds


def test_what_stays_dense_says_why():
    image = keras.Input((8, 8, 4), name="image")
    x = layers.Conv2D(8, 3, padding="same", name="image_conv")(layers.Rescaling(2.0)(image))
    x = layers.Conv2D(8, 3, padding="same", groups=2, name="groups")(x)
    x = layers.Conv2DTranspose(8, 2, 2, name="transposed")(x)
    shared = layers.Conv2D(8, 3, padding="same", name="shared")
    x = layers.DepthwiseConv2D(3, padding="same", name="dilated", dilation_rate=2)(shared(shared(x)))
    x = layers.Conv2D(8, 3, 3, padding="same", name="three")(x)
    x = layers.Conv2D(8, 3, padding="same", name="last")(x)
    squeezed = layers.Conv2D(8, 1, name="squeeze")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    model = keras.Model(image, layers.Multiply()([x, squeezed]))
    left = rewritten(model, ke.OctConv(alpha=0.5)).left
    reasons = {
        "image_conv": "reads the image",
        "groups": "has groups",
        "transposed": "no rule for the class Conv2DTranspose",
        "shared": "used more than once",
        "dilated": "plain in",
        "three": "power of two",
        "squeeze": "1 x 1",
    }
    assert {name: reason for name, reason in left.items() if reasons.get(name, "?") not in reason} == {}
    uneven = rewritten(model, ke.GWCPWC(groups=3)).left
    assert "`groups` must divide the channels" in uneven["last"]


def test_het_conv_keeps_the_correlated_sum_of_a_kernel():
    model = residual()
    layer, dense = (each.get_layer("a_conv") for each in (rewritten(model, ke.HetConv(parts=2)).model, model))
    wide, narrow = layer.cut(array(dense.kernel), "correlated")
    np.testing.assert_allclose(array(layer.kernel), wide, rtol=1e-6)
    np.testing.assert_allclose(array(layer.pointwise_kernel), narrow, rtol=1e-6)


@pytest.mark.parametrize(("kind", "groups"), [(ke.GWCPWC(groups=2), 2), (ke.DWCPWC(), 8)], ids=repr)
def test_a_pair_is_the_nearest_one_and_loses_no_bias(kind, groups):
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(image)
    x = layers.Conv2D(4, 3, padding="same", name="normalized")(x)
    model = random_weights(keras.Model(image, layers.BatchNormalization(name="bn")(x)))
    dense = model.get_layer("normalized")
    result = rewritten(model, kind)
    spatial, pointwise = (array(result.model.get_layer(name).kernel) for name in ("normalized_gwc", "normalized"))
    spatial = np.swapaxes(spatial, 2, 3) if groups == 8 else spatial
    dense.kernel.assign(couple(spatial, pointwise, groups))
    assert difference(model, rewritten(model, kind).model) < 1e-5, "what such a pair can hold is exact"


def test_kinds_may_differ_from_layer_to_layer():
    """No bands are written that no kind behind could read."""
    kind = ke.ByLayer(layers={"a": "OctConv(alpha=0.5)", "b": "HetConv(parts=2)"})
    result = rewritten(residual(), kind)
    model = result.model
    assert result.kinds["a_conv"] == "OctConv(alpha=0.5)" and result.kinds["b_conv"] == "HetConv(parts=2)"
    assert result.left["c_conv"] == "it is plain in Conv()"
    assert [model.get_layer(name).alpha for name in ("a_conv", "a_conv2")] == [0.5, 0.5], "b_skip reads its bands"
    assert isinstance(model.get_layer("b_conv"), HetConv2D)
    assert type(model.get_layer("c_conv")) is layers.Conv2D
    assert names(model, MergeBands) == ["a_add_merge"]


def test_bands_are_merged_once_ahead_of_kinds_that_read_none():
    image = keras.Input((8, 8, 4))
    x = layers.Conv2D(8, 1, name="first")(layers.Conv2D(8, 1, name="stem")(image))
    y = [layers.Conv2D(8, (3, 1), padding="same", name=name)(x) for name in ("left", "right")]
    outputs = [*y, layers.Conv2D(8, 1, name="last")(x)]
    model = random_weights(keras.Model(image, outputs))
    het = dict.fromkeys(("left", "right"), "HetConv(parts=8)")
    result = rewritten(model, ke.ByLayer(layers={"first": "OctConv(alpha=0.5)", **het}))
    assert names(result.model, MergeBands) == ["first_merge"]
    without_last = keras.Model(image, y)
    result = rewritten(without_last, ke.ByLayer(layers={"first": "OctConv(alpha=0.5)", **het}))
    assert not names(result.model, MergeBands), "nobody is left who reads bands"
    assert result.left["first"] == "it is plain in OctConv(alpha=0)"


@pytest.mark.parametrize("kind", [ke.OctConv(alpha=0.5), ke.HetConv(parts=4)], ids=repr)
@pytest.mark.parametrize("name", ["ResNet20", "MobileNetV2", "EfficientNetLite0"])
def test_a_family_of_ours_is_rewritten_as_any(name, kind):
    size = {"input_shape": (32, 32, 3), "classes": 5}
    model = random_statistics(ke.applications.get(name)(weights=None, width=0.25, depth=0.3, **size))
    result = rewritten(model, kind)
    assert result.model.output_shape == (None, 5)
    assert bool(result.kinds) == (name == "ResNet20" or "Oct" in repr(kind)), "HetConv is for windows over channels"
    assert ke.deploy(result.model).deploy_report.max_difference < 1e-4
    assert difference(model, rewritten(model, Conv()).model) == 0


def test_half_precision_stays():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = residual()
    finally:
        keras.config.set_dtype_policy("float32")
    result = rewritten(model, ke.OctConv(alpha=0.5)).model
    types = {layer.compute_dtype for layer in result.layers if not isinstance(layer, layers.InputLayer)}
    assert types == {"bfloat16"}
