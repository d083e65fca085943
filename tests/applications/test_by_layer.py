"""Networks with another kind in each layer: sound, with every sum of the plain network, and weights that pour."""

import itertools
import re

import keras
import numpy as np
import pytest
from grid import NETWORKS
from weights import names, random_statistics, random_weights, run

import keras_effconv as ke
from keras_effconv.inference.compare import difference
from keras_effconv.layers import HetConv2D, MergeBands, OctConv2D, OctDepthwiseConv2D
from keras_effconv.zoo import pour

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
# Four kinds that take turns over the layers meet each other in another order in every block.
TURNS = {
    "bands": (ke.OctConv(0.25), ke.Conv(), ke.OctConv(0.5), ke.HetConv(4), ke.OctConv(0.5, multiple=8)),
    "sparse": (ke.HetConv(2), ke.OctConv(0.5), ke.DWCPWC(), ke.OctConv(0.25), ke.PC(), ke.Conv()),
}
every_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
KINDS = (ke.HetConv(parts=4), ke.OctConv(alpha=((2, 0.5), (8, 0.25))))


def covering(*others):
    """Every network with each of the others; of two, a network's quick test has one."""
    for i, network in enumerate(NETWORKS):
        for j, other in enumerate(others):
            marks = [pytest.mark.slow] * ((i + j) % 2)
            yield pytest.param(network, other, id=f"{network.name}-{other}", marks=marks)


@pytest.fixture(scope="module")
def plain_networks():
    """The networks of the grid by name, plain and with random weights; made once."""
    built = {}

    def of(network):
        if network.name not in built:
            built[network.name] = random_weights(network.build())
        return built[network.name]

    return of


def mixed(plain, turns):
    """A kind with an entry for each convolution of a plain network's blocks."""
    blocks = ke.network_info.info_of(plain).architecture.blocks
    convolutions = [n for n in names(plain, *CONVOLUTIONS) if "_se_" not in n and any(b.holds(n) for b in blocks)]
    return ke.ByLayer(layers=dict(zip(convolutions, itertools.cycle(turns))))


def images(network, n=2):
    return np.random.default_rng(0).uniform(0, 255, (n, *network.shape)).astype("float32")


def sums(model):
    """The names of a model's sums, those of the bands of one map once."""
    return {re.sub("_(high|low)$", "", name) for name in names(model, keras.layers.Add)}


@pytest.mark.grid
@pytest.mark.parametrize(("network", "turns"), list(covering(*TURNS)))
def test_a_mixed_network_has_every_sum_and_comes_back(network, turns, plain_networks, tmp_path):
    plain = plain_networks(network)
    kind = mixed(plain, TURNS[turns])
    model = network.build(conv=kind)
    assert sums(model) == sums(plain)
    assert names(model, OctConv2D, HetConv2D)  # projections of MobileNetV2 write one map
    for layer in model.layers:
        if isinstance(layer, keras.layers.Add):
            assert len({tuple(x.shape) for x in layer.input}) == 1
    x = images(network)
    before = run(model, x)
    assert np.isfinite(before).all() and before.shape == (2, *model.output_shape[1:])
    assert not ke.count(model).uncounted
    assert ke.kinds.get(ke.network_info.info_of(model).conv) == kind
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(run(keras.models.load_model(tmp_path / "model.keras"), x), before, atol=1e-6)


@pytest.mark.grid
@every_network
def test_plain_weights_pour_into_a_mixed_network(network, plain_networks):
    plain = plain_networks(network)
    dense = {f"{layer.name}/{v.name}": keras.ops.convert_to_numpy(v) for layer in plain.layers for v in layer.weights}
    model = network.build(conv=mixed(plain, TURNS["bands"]))
    report = pour(model, dense)
    own = {f"{layer.name}/{v.name}" for layer in model.layers for v in layer.weights}
    assert set(report.loaded) >= own - {"normalization/count"}
    assert report.approximate
    assert all(np.isfinite(keras.ops.convert_to_numpy(v)).all() for v in model.weights)


@pytest.mark.grid
@pytest.mark.parametrize(("network", "turns"), list(covering(*TURNS)))
def test_a_mixed_network_deploys(network, turns, plain_networks):
    kind = mixed(plain_networks(network), TURNS[turns])
    model = random_statistics(network.build(conv=kind, classifier_activation=None))
    fast = ke.deploy(model)
    assert fast.deploy_report.max_difference < 1e-4
    assert difference(model, fast) < 1e-4
    assert ke.count(fast).macs == ke.count(model).macs
    assert len(names(fast, keras.layers.BatchNormalization)) < len(names(model, keras.layers.BatchNormalization))


@pytest.mark.grid
@pytest.mark.parametrize(("network", "kind"), list(covering(*KINDS)))
def test_one_kind_for_all_layers_is_that_kind(network, kind, plain_networks):
    expected = network.build(conv=kind)
    for same in (ke.ByLayer(kind), mixed(plain_networks(network), (kind,))):
        model = network.build(conv=same)
        assert [layer.name for layer in model.layers] == [layer.name for layer in expected.layers]
        assert [(v.path, v.shape) for v in model.weights] == [(v.path, v.shape) for v in expected.weights]
        assert [type(layer) for layer in model.layers] == [type(layer) for layer in expected.layers]


@pytest.mark.grid
@every_network
def test_entries_that_change_nothing_are_the_plain_network(network, plain_networks):
    plain = plain_networks(network)
    other = random_weights(network.build(conv=mixed(plain, (ke.Conv(), ke.HetConv(parts=1), ke.OctConv(alpha=0)))))
    assert [layer.name for layer in plain.layers] == [layer.name for layer in other.layers]
    np.testing.assert_array_equal(run(plain, images(network)), run(other, images(network)))


def test_weights_of_a_mixed_network_load_into_it_again(tmp_path):
    kind = "ByLayer(layers={'conv2_block1': 'OctConv(alpha=0.5)', 'conv4_block1': 'HetConv(parts=4)'})"
    options = {"weights": None, "depth": 0.3, "width": 0.5}
    model = random_weights(ke.ResNet20(conv=kind, **options))
    model.save_weights(tmp_path / "own.weights.h5")
    other = ke.ResNet20(conv=kind, **options)
    report = ke.load_weights(other, tmp_path / "own.weights.h5")
    assert not report.approximate
    for ours, theirs in zip(other.weights, model.weights):
        np.testing.assert_array_equal(ours, theirs)
    assert ke.load_weights(ke.ResNet20(**options), tmp_path / "own.weights.h5").approximate


def test_a_kind_holds_for_its_block_alone():
    model = ke.ResNet20(weights=None, conv="ByLayer(layers={'conv3_block2': 'HetConv()'})")
    assert names(model, HetConv2D) == ["conv3_block2_1_conv", "conv3_block2_2_conv"]
    assert not names(model, OctConv2D, MergeBands)


def test_the_kind_of_the_second_of_two_decides_whether_they_are_one():
    options = {"weights": None, "depth": 0.3, "width": 0.5, "input_shape": (47, 33, 3)}
    entries = {"block2a_dwconv": "HetConv()", "block3a_expand_conv": "HetConv()", "block4a_expand_conv": "OctConv()"}
    model = ke.EfficientNetLite0(conv=ke.ByLayer(layers=entries), **options)
    assert names(model, HetConv2D) == ["block2a_dwconv"]
    assert names(model, OctDepthwiseConv2D) == ["block4a_dwconv"]  # keeps what the expansion wrote
    assert "block2a_expand_conv" not in {layer.name for layer in model.layers}
    assert len(model.get_layer("block4a_expand_conv").output) == 2


def test_a_pointwise_convolution_writes_the_bands_of_its_own_kind():
    model = ke.MobileNet(weights=None, conv="ByLayer(layers={'conv_pw_3': 'OctConv(alpha=0.5)'})")
    assert names(model, OctConv2D, OctDepthwiseConv2D) == ["conv_pw_3", "conv_dw_4", "conv_pw_4"]


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [("ResNet20", "conv3_blok1", "did you mean"), ("VGG16CIFAR", "block6", ""), ("MobileNet", "conv_dw_", "")],
)
def test_a_name_that_the_network_lacks_is_one_clear_line(name, wrong, hint):
    message = rf"`conv` must have names of the network's convolutions.*Received: layers=.*'{wrong}'.*{hint}"
    with pytest.raises(ValueError, match=message) as caught:
        ke.applications.get(name)(weights=None, conv=ke.ByLayer(layers={wrong: "HetConv()"}))
    assert "\n" not in str(caught.value)


@pytest.mark.grid
@every_network
def test_low_bands_of_whole_vectors(network):
    model = network.build(conv=ke.OctConv(alpha=0.25, multiple=8))
    outputs = [layer.output for layer in model.layers if isinstance(layer, OctConv2D)]
    low = [output[1].shape[-1] for output in outputs if isinstance(output, list)]  # "high", "low"
    assert low and not any(count % 8 for count in low)
    assert run(model, images(network)).shape[0] == 2
