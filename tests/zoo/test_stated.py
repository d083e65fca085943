"""What a file, or the configuration next to it, states of its network: weights fit networks that compute otherwise."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from grid import NETWORKS
from hub_files import BUILD, resnet, snapshot, timm_config, torch_state
from reference import numpy

import keras_effconv as ke
from keras_effconv import zoo
from keras_effconv.architecture import ARCHITECTURES
from keras_effconv.cli import models
from keras_effconv.network_info import info_of
from keras_effconv.training import Recipe
from keras_effconv.training.network import check
from keras_effconv.zoo import writers
from keras_effconv.zoo.hub.facts import written

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


@pytest.fixture(scope="module")
def narrow():
    model = resnet()
    return model, torch_state(model)


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home directory, which is the working one, too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own_config(**changes):
    """What `zoo push` writes for a narrow ResNet18, with other options."""
    info = info_of(ke.ResNet18(weights=None, **BUILD))
    config = written(info, info.preprocessing, list("abcdefghij"))
    config["keras_effconv"]["options"].update(changes)
    return config


CONFIGURATIONS = {
    "the network": lambda: timm_config("resnet18"),
    "ours": own_config,
    "another network": lambda: timm_config("resnet50"),
    "an unknown network": lambda: timm_config("wide_resnet18"),
    "another option": lambda: own_config(padding="same"),
    "other arguments": lambda: {**timm_config("resnet18"), "model_args": {"act_layer": "silu"}},
    "no network": lambda: {"lr": 0.1},
    "no object": lambda: [1],
}


@pytest.mark.parametrize("what", CONFIGURATIONS)
def test_a_configuration_says_the_same_of_its_folder_and_of_the_file_in_it(what, narrow, home):
    """The outcome is the error, or what the weights are said to want of an image."""
    snapshot(home / "net", CONFIGURATIONS[what](), narrow[1])
    outcomes = {}
    for weights in ("net", "~/net", "~/net/", "net/model.safetensors", "~/net/model.safetensors", home / "net"):
        try:
            outcomes[weights] = ke.preprocessing_for(ke.ResNet18(weights=weights, **BUILD)).preprocessing
        except ValueError as error:
            assert "\n" not in str(error)
            outcomes[weights] = str(error).replace("/model.safetensors", "").replace(f"{home}/", "")
    assert len(set(map(str, outcomes.values()))) == 1, outcomes
    assert isinstance(outcomes["net"], str) == what.startswith(("an", "other"))


def test_a_word_of_the_user_replaces_what_a_configuration_says_of_images(narrow, home):
    folder = snapshot(home / "net", timm_config("resnet18", mean=None), narrow[1])
    for path in (folder, f"{folder}/model.safetensors"):
        model = ke.ResNet18(weights=None, **BUILD)
        ke.load_weights(model, path, preprocessing=ke.preprocessing.UNIT)
        assert ke.preprocessing_for(model).preprocessing.mean == (127.5,) * 3


def load_into(path):
    return ke.load_weights(ke.ResNet18(weights=None, **BUILD), path)


TAKERS = {  # of a folder, of a file of weights, of a whole model
    "constructor": (lambda path: ke.ResNet18(weights=path, **BUILD), "repository net.pth net.keras"),
    "load_weights": (load_into, "repository net.pth net.keras"),
    "load": (lambda path: zoo.load(ke.ResNet18(weights=None, **BUILD), path), "repository net.pth net.keras"),
    "training": (lambda path: check(Recipe(model="ResNet18", weights=os.fspath(path))), "repository net.pth net.keras"),
    "path_and_tag": (lambda path: zoo.path_and_tag(path)[0] or pytest.fail("nothing"), "repository net.pth net.keras"),
    "load_model": (zoo.load_model, "net.keras"),
    "load_classifier": (zoo.load_classifier, "net.keras"),
    "cli": (lambda path: models.load(os.fspath(path)), "repository.keras net.keras"),
}
SPELLINGS = {
    "text": lambda home, name: str(home / name),
    "path": lambda home, name: home / name,
    "home": lambda home, name: f"~/{name}",
    "path home": lambda home, name: Path("~", name),
    "relative": lambda home, name: f"./{name}",
    "slash": lambda home, name: f"~/{name}/" if Path(home, name).is_dir() else f"~//{name}",
}


@pytest.mark.parametrize("taker", TAKERS)
def test_every_taker_of_a_path_takes_every_spelling(taker, narrow, home):
    model, arrays = narrow
    snapshot(home / "repository", timm_config("resnet18"), arrays)
    model.save(home / "net.keras")
    snapshot(home / "repository.keras", own_config(), arrays)
    os.remove(home / "repository.keras/model.safetensors")
    shutil.copy(home / "net.keras", home / "repository.keras/model.keras")
    shutil.copy(home / "repository/model.safetensors", home / "net.pth")  # the content says what it is
    take, names = TAKERS[taker]
    for name in names.split():
        for spell in SPELLINGS.values():
            take(spell(home, name))


def test_a_tag_is_not_shadowed_by_a_folder_that_is_called_so(home):
    (home / "cifar10").mkdir()
    network = info_of(ke.ResNet20(weights=None)).design
    for weights in (Path("cifar10"), "./cifar10", "~/cifar10"):
        assert os.path.samefile(zoo.resolve(weights, network).path, "cifar10")
    with pytest.raises(zoo.WeightsUnavailable):  # the tests' mirror is empty
        zoo.resolve("cifar10", network)
    check(Recipe(model="ResNet20", weights="cifar10"))
