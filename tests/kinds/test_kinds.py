"""Kinds by themselves: names, errors, and what they make of feature maps."""

import dataclasses

import keras
import pytest
from grid import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_effconv as ke
from keras_effconv import kinds
from keras_effconv.feature_maps import bands, channels, lift, shapes


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_kind_is_its_repr(kind):
    assert kinds.get(repr(kind)) == kind
    assert kinds.get(kind) is kind


@given(st.integers(1, 64), st.sampled_from(["grouped", "shifted"]), st.floats(0, 1), st.integers(1, 64))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_every_argument_survives_its_repr(parts, layout, alpha, coarsest):
    for kind in (ke.HetConv(parts, layout), ke.OctConv(alpha, coarsest)):
        assert kinds.get(repr(kind)) == kind


def test_short_names():
    assert kinds.get(None) == kinds.get("Conv") == ke.Conv()
    assert kinds.get(" OctConv() ") == ke.OctConv(alpha=0.25)
    assert kinds.get("HetConv(8)") == ke.HetConv(parts=8)


@pytest.mark.parametrize(
    "wrong",
    ["", "Octave", "OctConv(alpha=2)", "OctConv(beta=1)", "HetConv(parts=0)", "HetConv(parts=1.5)", "HetConv(", 3, [],
     "HetConv(parts=__import__('os').getpid())", "keras.layers.Conv2D(1)", "OctConv(alpha='x')", "OctConv(alpha=True)"],
)  # fmt: skip
def test_what_is_no_kind_is_one_clear_line(wrong):
    with pytest.raises(ValueError, match=r"`conv` must be a kind like .*Received: conv=") as caught:
        kinds.get(wrong)
    assert "\n" not in str(caught.value)


def test_a_wrong_name_is_told_from_a_near_one():
    with pytest.raises(ValueError, match=r"Received: conv='OctConv2D\(alpha=0.5\)'; did you mean OctConv"):
        kinds.get("OctConv2D(alpha=0.5)")


def test_a_kind_of_ones_own_is_known_by_name():
    @dataclasses.dataclass(frozen=True, repr=False)
    class TestOnlyConv(ke.Conv):
        factor: int = 2

    try:
        assert kinds.get("TestOnlyConv(factor=3)") == TestOnlyConv(3)
    finally:
        del kinds.KINDS["TestOnlyConv"]


def test_a_kind_that_needs_arguments_does_not_hide_the_error_of_another():
    @dataclasses.dataclass(frozen=True, repr=False)
    class TestOnlyConv(ke.Conv):
        factor: int

    try:
        with pytest.raises(
            ValueError, match=r"a kind like Conv\(\), .*TestOnlyConv\(\.\.\.\), or its repr. Received: conv=3"
        ):
            kinds.get(3)
        with pytest.raises(ValueError, match=r"Received: conv='TestOnlyConv' \(.*factor"):
            kinds.get("TestOnlyConv")
    finally:
        del kinds.KINDS["TestOnlyConv"]


@pytest.mark.grid
@pytest.mark.parametrize("kind", KINDS, ids=repr)
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [8, 9])
def test_conv_then_conv_keeps_filters_and_size(kind, strides, size):
    kind = kind.at(8)
    x = kind.conv(keras.Input((size, size + 1, 6)), 12, 3, name="first")
    y = kind.conv(x, 16, 3, strides, name="second")
    high = bands(y).get("high", bands(y).get("low"))
    assert channels(y) == 16
    if "high" in bands(y):
        assert high.shape[1:3] == (-(-size // strides), -(-(size + 1) // strides))


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_depthwise_keeps_the_bands(kind):
    kind = kind.at(8)
    x = kind.conv(keras.Input((9, 8, 6)), 12, 1, name="first")
    assert shapes(kind.depthwise(x, 3, name="depthwise")) == shapes(x)


def test_octaves_end_where_the_kind_says():
    kind = ke.OctConv(alpha=0.5, coarsest=16)
    assert kind.at(8) == kind
    x = kind.conv(keras.Input((8, 8, 6)), 12, 1, name="split")
    assert set(bands(x)) == {"high", "low"}
    assert set(bands(kind.at(16).conv(x, 12, 1, name="joined"))) == {"high"}


def test_lift_names_layers_by_band():
    x = ke.OctConv(alpha=0.5).conv(keras.Input((8, 8, 4)), 4, 1, name="split")
    y = lift(keras.layers.ReLU, x, name="relu")
    model = keras.Model(keras.utils.get_source_inputs(y["high"]), y)
    assert {"relu_high", "relu_low"} <= {layer.name for layer in model.layers}
