"""Plain weights into every network of every kind, and weights of other kinds into plain networks."""

import dataclasses

import keras
import numpy as np
import pytest
from grid import KINDS, NETWORKS
from reference import numpy
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import pour
from keras_effconv.zoo.warm_start.decoupling import couple, decouple

SMALL = {"weights": None, "width": 0.5, "depth": 0.4}


def variables(model):
    return {f"{layer.name}/{v.name}": numpy(v) for layer in model.layers for v in layer.weights}


# The one pair that does not load: without a high band, rounding up leaves a map of 2 x 2 in front of the dense layers.
LARGER_MAP = ("VGG16CIFAR", ke.OctConv(alpha=1))


@pytest.fixture(scope="module")
def plain_weights():
    """The variables of each network of the grid, plain and with random weights; made once."""
    return {network.name: variables(random_weights(network.build())) for network in NETWORKS}


@pytest.mark.grid
@pytest.mark.parametrize("kind", KINDS, ids=repr)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_plain_weights_pour_into_every_network_of_every_kind(network, kind, plain_weights):
    dense, model = plain_weights[network.name], network.build(conv=kind)
    if (network.name, kind) == LARGER_MAP:
        with pytest.raises(ValueError, match=r"does not fit .* fc1/kernel is \(2048, 512\), in the file \(512, 512\)"):
            pour(model, dense)
        return
    report = pour(model, dense)
    assert set(report.loaded) >= {f"{layer.name}/{v.name}" for layer in model.layers for v in layer.weights} - {
        "normalization/count"
    }
    same = {name: value.shape for name, value in variables(model).items()} == {n: v.shape for n, v in dense.items()}
    bands = any("two bands" in rule for _, rule in report.adapted)
    assert report.approximate == (not same or bands)
    assert all(np.isfinite(value).all() for value in variables(model).values())


def small(name, **options):
    """A network by its name, narrow and with few blocks if it takes that."""
    constructor = ke.applications.get(name)
    known = {field.name for field in dataclasses.fields(constructor.options)}
    reduced = {key: value for key, value in {"width": 0.25, "depth": 0.3}.items() if key in known}
    if name.startswith("ResNeXt"):
        reduced = {"groups": 4, "depth": 0.1}  # groups must divide both bands
    head = {"include_top": not name.startswith("VGG"), "classes": 7}  # see LARGER_MAP
    return constructor(weights=None, input_shape=(32, 32, 3), **head, **reduced, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ke.applications.list_models())
def test_plain_weights_pour_into_every_kind_of_every_constructor(name):
    dense = variables(random_weights(small(name)))
    for kind in KINDS:
        assert pour(small(name, conv=kind), dense).loaded


@pytest.mark.grid
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_weights_of_a_kind_come_back_into_the_same_kind(network, tmp_path):
    for kind in (ke.HetConv(parts=3, layout="shifted"), ke.GWCPWC(groups=1), ke.OctConv(alpha=0.5)):
        model = random_weights(network.build(conv=kind))
        model.save_weights(tmp_path / "own.weights.h5")
        other = network.build(conv=kind)
        report = ke.load_weights(other, tmp_path / "own.weights.h5")
        assert not report.approximate and not report.adapted
        for one, two in zip(model.weights, other.weights, strict=True):
            if "count" not in one.path:
                np.testing.assert_array_equal(numpy(one), numpy(two))


HETS = (ke.HetConv(parts=4), ke.HetConv(parts=5, layout="shifted"), ke.HetConv(parts=3), ke.PC())


@pytest.mark.long
@pytest.mark.parametrize("kind", HETS, ids=repr)
def test_hetconv_weights_into_the_plain_network_are_exact(kind, tmp_path):
    small = {**SMALL, "classifier_activation": None}
    model = random_weights(ke.ResNet20(conv=kind, **small))
    model.save_weights(tmp_path / "het.weights.h5")
    plain = ke.ResNet20(**small)
    report = ke.load_weights(plain, tmp_path / "het.weights.h5")
    assert not report.approximate
    assert any("from HetConv(parts=" in rule and "as the file states" in rule for _, rule in report.adapted)
    x = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    expected = numpy(model(x))
    np.testing.assert_allclose(numpy(plain(x)), expected, atol=1e-5 * np.abs(expected).max())


def test_a_file_that_states_no_layout_is_read_by_its_shapes_and_says_so(tmp_path):
    small = {**SMALL, "classifier_activation": None}
    model = random_weights(ke.ResNet20(conv="HetConv(parts=4)", **small))
    plain = ke.ResNet20(**small)
    report = pour(plain, variables(model))
    assert any("by the shapes; its layout is taken as 'grouped'" in rule for _, rule in report.adapted)
    x = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    expected = numpy(model(x))
    np.testing.assert_allclose(numpy(plain(x)), expected, atol=1e-5 * np.abs(expected).max())


def test_hetconv_weights_into_other_parts_keep_what_both_hold(tmp_path):
    small = SMALL
    model = random_weights(ke.ResNet20(conv="HetConv(parts=4)", **small))
    model.save_weights(tmp_path / "het.weights.h5")
    other = ke.ResNet20(conv="HetConv(parts=2)", **small)
    assert ke.load_weights(other, tmp_path / "het.weights.h5").approximate
    ours, theirs = (numpy(m.get_layer("conv2_block1_1_conv").dense_kernel()) for m in (other, model))
    np.testing.assert_allclose(ours[:, :, :2, :2], theirs[:, :, :2, :2], rtol=1e-6)  # wide in both


@pytest.mark.long
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2", "EfficientNetB0"])
def test_one_hetconv_for_two_convolutions_has_no_way_back(name, tmp_path):
    network = next(n for n in NETWORKS if n.name == name)
    network.build(conv="HetConv(parts=4)").save_weights(tmp_path / "het.weights.h5")
    model = network.build()
    before = [numpy(v).copy() for v in model.weights]
    with pytest.raises(ValueError, match=r"no warm start .* cannot be taken apart") as caught:
        ke.load_weights(model, tmp_path / "het.weights.h5")
    assert "\n" not in str(caught.value)
    for v, old in zip(model.weights, before):
        np.testing.assert_array_equal(numpy(v), old)
    other = network.build(conv="HetConv(parts=2)")
    assert ke.load_weights(other, tmp_path / "het.weights.h5").approximate


def linear_between(dense, pair):
    """Statistics with which ReLU6 is the identity plus nothing: its inputs are near 3, far from 0 and 6."""
    dense[f"{pair.first.norm}/gamma"] = np.full_like(dense[f"{pair.first.norm}/gamma"], 1e-3)
    dense[f"{pair.first.norm}/beta"] = np.full_like(dense[f"{pair.first.norm}/beta"], 3.0)


def test_depthwise_and_pointwise_as_one_are_exact_where_the_activation_is_a_line():
    """MobileNet: with one filter a channel of which the part is wide, and one tap elsewhere."""
    from keras_effconv.network_info import info_of

    options = {"weights": None, "include_top": False, "input_shape": (32, 32, 3), "alpha": 0.25, "depth": 0.4}
    plain = random_weights(ke.MobileNet(**options))
    dense = variables(plain)
    pair = info_of(plain).architecture.pairs[0]
    linear_between(dense, pair)
    taps = np.zeros((3, 3, 1, 1))
    taps[1, 1] = 1
    dense["conv_dw_1/kernel"] = dense["conv_dw_1/kernel"] * taps  # so 1 x 1 holds all of it
    for layer in plain.layers:
        for v in layer.weights:
            v.assign(dense[f"{layer.name}/{v.name}"])
    other = ke.MobileNet(**options, conv="HetConv(parts=2)")
    report = pour(other, dense)
    assert report.fused and report.approximate
    x = np.random.default_rng(1).uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    ours, theirs = (numpy(keras.Model(m.input, m.get_layer("conv_pw_1_bn").output)(x)) for m in (other, plain))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2"])
def test_a_fused_network_keeps_the_size_of_what_each_block_writes(name):
    """The statistics behind a fused layer are those of the plain network, scaled with it."""
    network = next(n for n in NETWORKS if n.name == name)
    plain = random_weights(network.build())
    other = network.build(conv="HetConv(parts=2)")
    pour(other, variables(plain), pointwise="sum")
    x = np.random.default_rng(1).uniform(-1, 1, (4, *network.shape)).astype("float32")
    norm = "conv_pw_1_bn" if name == "MobileNet" else "block_1_depthwise_BN"
    ours, theirs = (numpy(keras.Model(m.input, m.get_layer(norm).output)(x)) for m in (other, plain))
    assert 0.2 < ours.std() / theirs.std() < 5


# --- grouped and pointwise in place of plain: network decoupling ------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_decoupling_is_the_nearest_pair(groups):
    """The error is that of the truncated singular value decomposition, group by group (Eckart and Young)."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 6, 5))
    near = couple(*decouple(kernel, groups), groups)
    least = 0.0
    for group in np.split(kernel, groups, axis=2):
        values = np.linalg.svd(group.reshape(-1, 5), compute_uv=False)
        least += np.square(values[6 // groups :]).sum()
    np.testing.assert_allclose(np.square(kernel - near).sum(), least, atol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("kind", [ke.GWCPWC(groups=2), ke.DWCPWC()], ids=repr)
def test_a_kernel_that_is_a_pair_is_poured_exactly(kind, batch_norm):
    """Bias, strides and normalisation behind it included; where the bias has no place, it reaches as far as it can."""
    options = {"weights": None, "include_top": False, "input_shape": (32, 32, 3), "width": 0.125}
    plain = random_weights(ke.VGG11(batch_norm=batch_norm, **options))
    dense, rng = variables(plain), np.random.default_rng(2)
    for name in [n for n in dense if n.endswith("/kernel") and not n.startswith("block1")]:
        _, _, channels, filters = dense[name].shape
        groups = channels if kind == ke.DWCPWC() else 2
        spatial = rng.normal(size=(3, 3, channels // groups, channels)) / 3
        pointwise = rng.normal(size=(1, 1, channels, filters)) / np.sqrt(channels)
        dense[name] = couple(spatial, pointwise, groups).astype("float32")
    if not batch_norm:  # VGG11's widths double, so that most biases are out of reach
        dense.update({n: np.zeros_like(v) for n, v in dense.items() if n.endswith("/bias") and "block1" not in n})
    for layer in plain.layers:
        for v in layer.weights:
            v.assign(dense[f"{layer.name}/{v.name}"])
    other = ke.VGG11(batch_norm=batch_norm, conv=kind, **options)
    report = pour(other, dense)
    assert not report.approximate
    x = rng.normal(size=(1, 32, 32, 3)).astype("float32")
    expected = numpy(plain(x))
    np.testing.assert_allclose(numpy(other(x)), expected, atol=2e-4 * np.abs(expected).max())


def test_a_bias_out_of_reach_is_reported():
    options = {"weights": None, "include_top": False, "input_shape": (32, 32, 3), "width": 0.125}
    report = pour(ke.VGG11(conv="DWCPWC()", **options), variables(random_weights(ke.VGG11(**options))))
    assert report.approximate
    assert any(rule.startswith("the bias, as far as") for _, rule in report.adapted)


def test_measuring_statistics_again_leaves_the_added_normalisations_without_effect():
    from keras_effconv.training import recalibrate

    options = {"weights": None, "width": 0.5, "depth": 0.4}
    model = ke.ResNet20(conv="DWCPWC()", **options)
    report = pour(model, variables(random_weights(ke.ResNet20(**options))))
    name = report.neutral[0]
    norm = model.get_layer(name)
    x = np.random.default_rng(1).normal(3, 2, (8, 32, 32, 3)).astype("float32")
    recalibrate(model, [(x, None)], neutral=report.neutral)
    assert not np.allclose(numpy(norm.moving_variance), 1)
    y = np.random.default_rng(2).normal(size=(1, 4, 4, norm.gamma.shape[0])).astype("float32")
    np.testing.assert_allclose(numpy(norm(y)), y, atol=1e-4)


@pytest.mark.long
def test_octave_weights_into_the_plain_network_say_that_they_are_approximate(tmp_path):
    small = SMALL
    random_weights(ke.ResNet20(conv="OctConv(alpha=0.25)", **small)).save_weights(tmp_path / "oct.weights.h5")
    for kind in ("Conv()", "OctConv(alpha=0.5)", "HetConv()"):
        assert ke.load_weights(ke.ResNet20(conv=kind, **small), tmp_path / "oct.weights.h5").approximate


@pytest.mark.parametrize("form", [[4, 2], [0, 0], [-1, 1], [10**9, 0], [4], [4, 0, 0]], ids=str)
def test_a_form_that_is_none_is_one_clear_error(form):
    model = random_weights(ke.ResNet20(conv="HetConv(parts=4)", **SMALL))
    dense = {**variables(model), "conv2_block1_1_conv/form": np.array(form)}
    with pytest.raises(ValueError, match="`conv2_block1_1_conv/form` must be the parts and the number of a layout"):
        pour(ke.ResNet20(**SMALL), dense)


def test_a_hetconv_layer_may_be_skipped():
    model = random_weights(ke.ResNet20(conv="HetConv(parts=4)", **SMALL))
    plain = ke.ResNet20(**SMALL)
    before = numpy(plain.get_layer("conv2_block1_1_conv").kernel)
    report = pour(plain, variables(model), skip=["conv2_block1_1_conv/.*"])
    np.testing.assert_array_equal(numpy(plain.get_layer("conv2_block1_1_conv").kernel), before)
    assert {name for name, _ in report.skipped} >= {"conv2_block1_1_conv/pointwise_kernel"}
