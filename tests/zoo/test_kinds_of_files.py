"""Files of one kind of convolution into networks of another: each pair loads, or says that it has no warm start."""

import itertools

import keras
import numpy as np
import pytest
from grid import NETWORKS
from reference import numpy
from weights import random_weights

import keras_effconv as ke

SMALL = {"weights": None, "width": 0.5, "depth": 0.3, "classifier_activation": None}
VGG = {"weights": None, "include_top": False, "input_shape": (32, 32, 3), "width": 0.125}
KINDS = ("Conv()", "HetConv(parts=4)", "GWCPWC(groups=2)", "DWCPWC()", "OctConv(alpha=0.25)")
MORE = ("PC()", "OctConv(alpha=0.5)")
QUICK, SLOW = ("ResNet20", "MobileNetV2"), ("VGG13", "MobileNet")
GRID = [
    pytest.param(
        network, kinds, id=f"{network.name}-{len(kinds)}", marks=pytest.mark.slow if slow else pytest.mark.long
    )
    for names, kinds, slow in ((QUICK, KINDS, 0), (SLOW, KINDS, 1), (QUICK + SLOW, KINDS + MORE, 1))
    for network in NETWORKS
    if network.name in names
]


@pytest.fixture(scope="module")
def models():
    return {}


def model_of(models, network, kind):
    key = network.name, kind
    if key not in models:
        models[key] = random_weights(network.build(conv=kind))
    return models[key]


@pytest.mark.grid
@pytest.mark.parametrize(("network", "kinds"), GRID)
def test_every_pair_of_kinds_loads_or_has_no_warm_start(network, kinds, models, tmp_path):
    """Messages name layers that are in one of the two networks."""
    saved = set()
    for theirs, ours in itertools.product(kinds, kinds):
        source = model_of(models, network, theirs)
        if theirs not in saved:
            source.save_weights(tmp_path / f"{theirs}.weights.h5")
            saved.add(theirs)
        model = model_of(models, network, ours)
        before = model.get_weights()
        try:
            report = ke.load_weights(model, tmp_path / f"{theirs}.weights.h5")
        except ValueError as error:
            assert "has no warm start" in str(error) and "\n" not in str(error)
            assert "Mobile" in network.name and ("HetConv" in theirs or theirs == "PC()")
            layers = {layer.name for each in (model, source) for layer in each.layers}
            assert {word for word in str(error).replace(",", "").split() if "_" in word and "/" not in word} & layers
        else:
            assert report.loaded and not (theirs == ours and (report.approximate or report.adapted))
        model.set_weights(before)


@pytest.mark.parametrize("kind", ["GWCPWC(groups=2)", "DWCPWC()"])
@pytest.mark.parametrize("name", ["ResNet20", "VGG11", "VGG11 with normalization"])
def test_pairs_of_convolutions_into_plain_ones_are_exact(name, kind, tmp_path):
    """Grouped or depthwise, normalization and 1 x 1 are linear, so they are one convolution and a constant."""
    if name == "ResNet20":
        build, options = ke.ResNet20, SMALL
    else:
        build, options = ke.VGG11, {**VGG, "batch_norm": " " in name}
    model = random_weights(build(conv=kind, **options))
    model.save_weights(tmp_path / "a.weights.h5")
    plain = build(**options)
    report = ke.load_weights(plain, tmp_path / "a.weights.h5")
    assert not report.approximate
    assert any("from a pair of convolutions" in rule for _, rule in report.adapted)
    x = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    expected = numpy(model(x))
    np.testing.assert_allclose(numpy(plain(x)), expected, atol=1e-4 * np.abs(expected).max())


def test_octave_weights_of_a_vgg_know_that_they_are(tmp_path):
    """Without normalization, no name and no shape tells OctConv's kernels from plain ones."""
    models = {
        kind: random_weights(ke.VGG11(conv=kind, **VGG))
        for kind in ("Conv()", "OctConv(alpha=0.25)", "OctConv(alpha=0.5)")
    }
    models["OctConv(alpha=0.25)"].save_weights(tmp_path / "a.weights.h5")
    own = ke.load_weights(models["OctConv(alpha=0.25)"], tmp_path / "a.weights.h5")
    assert not own.approximate and not own.adapted
    for kind in ("Conv()", "OctConv(alpha=0.5)"):
        report = ke.load_weights(models[kind], tmp_path / "a.weights.h5")
        assert report.approximate and report.adapted
    models["Conv()"].save_weights(tmp_path / "b.weights.h5")
    assert ke.load_weights(models["OctConv(alpha=0.25)"], tmp_path / "b.weights.h5").approximate
    assert not ke.load_weights(models["Conv()"], tmp_path / "b.weights.h5").approximate


def test_a_damaged_statement_of_the_network_is_one_clear_error(tmp_path):
    import h5py

    model = ke.ResNet20(**SMALL)
    model.save_weights(tmp_path / "a.weights.h5")
    for content in (b"[]", b"{", b'{"design": 1}', b"[" * 60_000, bytes(70_000)):
        with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
            group = file["layers/network_info/vars"]
            del group["facts"]
            group["facts"] = np.frombuffer(content, "uint8")
        with pytest.raises(ValueError, match="`path` must state its network in 'network/facts' as this package does"):
            ke.load_weights(model, tmp_path / "a.weights.h5")


def test_keras_networks_read_our_files(tmp_path):
    """What a file says besides weights is nothing to Keras' own networks."""
    options = {"weights": None, "input_shape": (32, 32, 3), "alpha": 0.25, "classes": 3}
    ours, theirs = ke.MobileNet(**options), keras.applications.MobileNet(**options)
    random_weights(ours).save_weights(tmp_path / "a.weights.h5")
    theirs.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(numpy(ours.get_layer("conv1").kernel), numpy(theirs.get_layer("conv1").kernel))
    theirs.save_weights(tmp_path / "b.weights.h5")
    ours.load_weights(tmp_path / "b.weights.h5")
