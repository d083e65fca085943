"""What a file, or the configuration next to it, states of its network: weights fit networks that compute otherwise."""

import numpy as np
import pytest
from grid import NETWORKS
from reference import numpy

import keras_effconv as ke
from keras_effconv.architecture import ARCHITECTURES
from keras_effconv.network_info import info_of
from keras_effconv.zoo import writers

FORMATS = (".weights.h5", ".keras", ".h5", ".safetensors")
OTHER = {  # values of a setting, one of which is not the default
    "padding": ("symmetric", "same"),
    "stride_position": ("middle", "first"),
    "downsampling": ("pool", "stride"),
    "depth_multiplier": (2, 1),
    "activation": ("relu", "relu6"),
    "strides_last": (False, True),
}
SETTINGS = {
    "EfficientNetB0": ("padding",),
    "MobileNet": ("padding", "depth_multiplier", "activation", "downsampling"),
    "MobileNetV2": ("padding", "downsampling"),
    "ResNet50": ("stride_position", "padding", "downsampling"),
    "ResNet50V2": ("padding", "strides_last", "downsampling"),
    "ResNet20": ("padding",),
}
SMALL = {network.name: network for network in NETWORKS if network.name in SETTINGS}


@pytest.fixture(scope="module")
def usual():
    """Networks with the default options, built once."""
    return {name: network.build() for name, network in SMALL.items()}


def saved(model, path):
    model.save(path) if path.suffixes == [".h5"] else writers.write(model, path)
    return path


def state(model):
    return [numpy(v).copy() for v in model.weights]


def test_the_grid_has_every_setting_of_every_family(usual):
    assert {setting for build in ARCHITECTURES.values() for setting in build({}).settings} == set(OTHER)
    assert {name: info_of(model).architecture.settings for name, model in usual.items()} == SETTINGS


@pytest.mark.parametrize(("name", "setting"), [(name, each) for name, row in SETTINGS.items() for each in row])
def test_weights_of_another_setting_are_refused_by_the_option(name, setting, usual, tmp_path):
    model, before = usual[name], state(usual[name])
    own = info_of(model).design.options[setting]
    other = next(value for value in OTHER[setting] if value != own)
    tuned = SMALL[name].build(**{setting: other})
    line = rf"weights=.*` of {name} are for {setting}={other!r} \(received {own!r}\)"
    for suffix in FORMATS:
        with pytest.raises(ValueError, match=line) as caught:
            ke.load_weights(model, saved(tuned, tmp_path / f"tuned{suffix}"))
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=f"{setting}={other!r}"):
        SMALL[name].build(weights=str(tmp_path / "tuned.keras"))
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    ke.load_weights(tuned, tmp_path / "tuned.safetensors")
    if tuned.count_params() == model.count_params():
        with pytest.raises(ValueError, match=rf"`weights` of {name} are for {setting}={other!r} \(received {own!r}\)"):
            model.load_weights(tmp_path / "tuned.weights.h5")


def test_weights_of_another_network_are_refused_by_its_name(usual, tmp_path):
    for suffix in FORMATS[:2]:
        path = saved(usual["ResNet20"], tmp_path / f"a{suffix}")
        with pytest.raises(ValueError, match=r"`weights` must be of ResNet50. Received: .*, which is ResNet20$"):
            ke.load_weights(usual["ResNet50"], path)
