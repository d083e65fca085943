"""Kinds by themselves: names, errors, and what they make of feature maps."""

import dataclasses

import keras
import numpy as np
import pytest
from grid import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_effconv as ke
from keras_effconv import kinds
from keras_effconv.feature_maps import bands, channels, lift, shapes, split_channels


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_kind_is_its_repr(kind):
    assert kinds.get(repr(kind)) == kind
    assert kinds.get(kind) is kind


@given(st.integers(1, 64), st.sampled_from(["grouped", "shifted"]), st.floats(0, 1), st.integers(1, 64))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_every_argument_survives_its_repr(parts, layout, alpha, coarsest):
    for kind in (ke.HetConv(parts, layout), ke.OctConv(alpha, coarsest)):
        assert kinds.get(repr(kind)) == kind


@pytest.mark.parametrize("integer", [np.int64, np.int8, np.uint16, int])
@pytest.mark.parametrize("real", [np.float32, np.float64, float])
def test_numbers_of_numpy_are_numbers(integer, real):
    """A loop over `np.arange` or `np.linspace` gives such numbers, and names such strings."""
    many = [
        ke.HetConv(integer(2), np.str_("shifted")),
        ke.HetConv({integer(4): integer(2)}),
        ke.OctConv(real(0.5), integer(16), integer(8)),
        ke.OctConv({integer(4): real(0.5)}),
        ke.OctConv(integer(1)),
        kinds.GWCPWC(integer(2)),
    ]
    for kind in many:
        assert kinds.get(repr(kind)) == kinds.from_json(kinds.to_json(kind)) == kind
        assert "np." not in repr(kind)


def test_a_stride_has_one_value():
    with pytest.raises(ValueError, match=r"`parts` must be one value or a schedule .* each stride once"):
        ke.HetConv(((4, 8), (4, 2)))


@pytest.mark.parametrize("text", ["()" * 5000, "(" * 5000, "OctConv(" + "-" * 5000 + "1)", "a" * 5000])
def test_a_text_of_any_depth_is_one_short_line(text):
    with pytest.raises(ValueError, match="`conv` must be") as caught:
        kinds.get(text)
    assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


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


NAMES = st.text("abc_12", min_size=1, max_size=6)
PLAIN_KINDS = st.one_of(
    st.just(ke.Conv()),
    st.builds(ke.HetConv, st.integers(1, 64), st.sampled_from(["grouped", "shifted"])),
    st.builds(ke.OctConv, st.floats(0, 1), st.integers(1, 64), st.integers(1, 32)),
    st.builds(ke.OctConv, st.dictionaries(st.integers(1, 32), st.floats(0, 1), min_size=1)),
    st.builds(ke.GWCPWC, st.integers(1, 8)),
)


@given(PLAIN_KINDS, st.dictionaries(NAMES, PLAIN_KINDS, max_size=4))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_kinds_by_layer_survive_their_repr_and_json(default, layers):
    kind = ke.ByLayer(default, layers)
    assert kinds.get(repr(kind)) == kinds.from_json(kinds.to_json(kind)) == kind
    assert kind == ke.ByLayer(repr(default), {name: repr(each) for name, each in layers.items()})
    assert hash(kind) == hash(kinds.get(repr(kind)))
    for stride in (1, 8, 64):
        assert dict(kind.at(stride).layers) == {name: each.at(stride) for name, each in layers.items()}
    assert kinds.from_json(kinds.to_json(default)) == default


@given(st.dictionaries(NAMES, st.integers(2, 9), max_size=6), NAMES)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_longest_name_counts(parts, layer):
    kind = ke.ByLayer(layers={name: ke.HetConv(each) for name, each in parts.items()})
    matching = [name for name in parts if layer == name or layer.startswith(f"{name}_")]
    expected = ke.HetConv(parts[max(matching, key=len)]) if matching else ke.Conv()
    assert kind.of(layer) == expected


def test_a_kind_from_a_file(tmp_path):
    for kind in (ke.ByLayer("OctConv(alpha=0.5)", {"conv1": "HetConv()"}), ke.ByLayer(), ke.OctConv(0.125)):
        kinds.save(kind, tmp_path / "kind.json")
        assert kinds.get(f"@{tmp_path / 'kind.json'}") == kinds.load(tmp_path / "kind.json") == kind


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "must be a JSON file behind '@'"), ("{", "must be a JSON file"), ("[]", "must hold a JSON object"),
     ('{"layer": {}}', "must have the keys `default` and `layers`"), ('{"layers": 3}', "`layers` must be a dict"),
     ('{"layers": {"conv1": "HatConv()"}}', "did you mean HetConv"), ('{"default": 3}', "must be a kind like")],
)  # fmt: skip
def test_a_wrong_file_is_one_clear_line(content, message, tmp_path):
    path = tmp_path / "kind.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        kinds.get(f"@{path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    ["ByLayer(layers=3)", "ByLayer(layers={3: 'Conv()'})", "ByLayer(layers={'a': 'Octave'})", "ByLayer('ByLayer()')",
     "ByLayer(layers={'': 'Conv()'})", "ByLayer(layers={'a': Conv()})", "OctConv(multiple=0)", "OctConv(multiple=1.5)"],
)  # fmt: skip
def test_wrong_entries_are_one_clear_line(wrong):
    with pytest.raises(ValueError, match="`conv` must be a kind like") as caught:
        kinds.get(wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Conv()", "Conv()"), ("HetConv(parts=1)", "Conv()"), ("OctConv(alpha=0, multiple=16)", "Conv()"),
     ("PC()", "PC()"), ("ByLayer()", "Conv()"), ("ByLayer('HetConv()', {'a': 'HetConv(4)'})", "HetConv()"),
     ("ByLayer(layers={'a': 'OctConv(alpha=0)', 'b': 'HetConv(1)'})", "Conv()")],
)  # fmt: skip
def test_the_simplest_kind_of_the_same_networks(kind, expected):
    assert kinds.get(kind).reduced() == kinds.get(expected)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.has_bands()], ids=repr)
def test_what_writes_one_map_reads_bands(kind, kernel_size):
    """Plain kernels read both bands at their own resolution; others read the merged map. No layer is made twice."""
    image = keras.Input((9, 7, 8))
    y = kind.at(8).conv(ke.OctConv(alpha=0.5).conv(image, 8, 1, name="split"), 12, kernel_size, 2, name="next")
    assert shapes(y) == {"high": (None, 5, 4, 12)}
    layers = [layer.name for layer in keras.Model(image, y).layers]
    assert layers.count("next") == 1 and not any(name.endswith(("_high", "_low")) for name in layers)


@given(st.integers(1, 300), st.floats(0, 1), st.integers(2, 32))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_bands_of_whole_vectors(total, alpha, multiple):
    counts = split_channels(total, alpha, multiple)
    low = counts.get("low", 0)
    assert sum(counts.values()) == total and all(counts.values())
    if alpha < 1:
        legal = range(0, total, multiple)  # some of the high band is left
        assert low in legal
        assert abs(low - alpha * total) == min(abs(each - alpha * total) for each in legal)
        assert total % multiple or counts["high"] % multiple == 0
    else:
        assert low == total


def test_one_by_one_nothing_is_rounded():
    assert all(split_channels(n, a) == split_channels(n, a, 1) for n in range(1, 40) for a in (0, 0.1, 0.25, 0.5, 1))
    assert repr(ke.OctConv()) == "OctConv(alpha=0.25)"
    assert repr(ke.OctConv(multiple=16)) == "OctConv(alpha=0.25, multiple=16)"
    assert "low" not in bands(ke.OctConv(multiple=16).conv(keras.Input((8, 8, 3)), 16, 3, name="plain"))
