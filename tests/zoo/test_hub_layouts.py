"""What timm's `config.json` says: the network, its options and its images; nothing is guessed."""

import dataclasses

import numpy as np
import pytest
from hub_files import (
    BUILD,
    MEAN,
    STD,
    error_of,
    recorded,
    resnet,
    snapshot,
    timm_config,
    timm_name,
    torch_state,
)
from reference import numpy
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo.hub import timm
from keras_effconv.zoo.readers import FormatError
from keras_effconv.zoo.records import RECORDS

MIDDLE = {"stride_position": "middle", "depth": 0.3}


@pytest.fixture(scope="module")
def state():
    return torch_state(resnet())


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def test_a_snapshot_folder_is_read_as_the_repository(state, tmp_path):
    folder = snapshot(tmp_path / "a", timm_config("resnet18"), state)
    model = ke.ResNet18(weights=folder, **BUILD)
    assert model.load_report.source == f"{folder} (torch)"
    assert ke.preprocessing_for(model).preprocessing.mean == tuple(255 * m for m in MEAN)


@pytest.mark.parametrize("size", [64, 96])
def test_the_crop_is_that_of_the_nearer_of_the_two_sizes(state, tmp_path, size):
    folder = snapshot(tmp_path / "a", timm_config("resnet18"), state)
    model = ke.ResNet18(weights=folder, **{**BUILD, "input_shape": (size, size, 3)})
    assert ke.preprocessing_for(model).preprocessing.crop == {64: 0.95, 96: 1.0}[size]


def test_the_architecture_must_be_that_of_the_network(state, tmp_path):
    folder = snapshot(tmp_path / "a", timm_config("resnet34"), state)
    text = error_of(folder, ke.ResNet50)
    assert text == f"`weights` must be of ResNet50. Received: {folder}, which is resnet34 (ResNet34 here)"
    assert "which is resnet34" in error_of(folder, ke.EfficientNetB0)
    folder = snapshot(tmp_path / "b", timm_config("resnet50d.ra2_in1k"), state)
    assert "which is resnet50d.ra2_in1k, a network that this package does not build" in error_of(folder, ke.ResNet50)


def test_the_options_of_the_network_must_be_those_that_the_weights_need(tmp_path):
    """Timm's ResNet50 strides in the 3 x 3; its shapes are those of Keras' network, which strides ahead of it."""
    folder = snapshot(tmp_path / "a", timm_config("resnet50"), torch_state(resnet("ResNet50", **MIDDLE)))
    assert "are for stride_position='middle' (received 'first')" in error_of(folder, ke.ResNet50)
    model = ke.ResNet50(weights=folder, **{**BUILD, **MIDDLE})
    assert not model.load_report.approximate
    folder = snapshot(tmp_path / "b", timm_config("seresnet50"), {"a": np.ones(1, "f4")})
    assert "are for stride_position='middle' (received 'first'), se=True" in error_of(folder, ke.ResNet50)
    folder = snapshot(tmp_path / "c", timm_config("mobilenetv2_140"), {"a": np.ones(1, "f4")})
    with pytest.raises(
        ValueError, match=r"are for padding='symmetric' \(received 'same'\), alpha=1.4 \(received 1.0\)"
    ):
        ke.MobileNetV2(weights=folder)


@pytest.mark.parametrize("field", ["mean", "std"])
def test_without_mean_or_deviation_nothing_is_guessed(state, tmp_path, field):
    folder = snapshot(tmp_path / "a", timm_config("resnet18", **{field: None}), state)
    assert "`weights` must say the mean and the std of the images that they want" in error_of(folder)
    # The zoo knows what a published set wants.
    known = timm.facts(timm_config("resnet18", **{field: None}), "timm/resnet18.a1_in1k")
    assert known.view() == next(r for r in RECORDS if r.tag == "timm/a1_in1k" and r.model == "ResNet18").preprocessing


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("mean", [0.5], "`mean` must be 3 numbers"),
        ("mean", "imagenet", "`mean` must be 3 numbers"),
        ("mean", [0.5, None, 0.5], "`mean` must be 3 numbers"),
        ("std", [0, 0.1, 0.1], "`std` must be positive"),
        ("std", [float("nan")] * 3, "`std` must be 3 numbers"),
        ("input_size", [3, 224, 192], "`input_size` must be of square images"),
        ("mean", [123.7, 116.3, 103.5], "`mean` and `std` must be of pixels from 0 to 1"),
        ("mean", [True] * 3, "`mean` must be 3 numbers"),
        ("crop_pct", 1.5, r"`crop_pct` must be a number in (0, 1]"),
        ("crop_mode", "border", "`crop_mode` must be"),
        ("interpolation", "random", "`interpolation` must be one of"),
        ("num_classes", -3, "`num_classes` in config.json must be a whole number"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_field(state, tmp_path, field, value, text):
    config = timm_config("resnet18", **{field: value})
    if field == "num_classes":
        config[field] = value
    folder = snapshot(tmp_path / "a", config, state)
    found = error_of(folder)
    assert text in found and folder in found and "Received: " in found


def test_other_arguments_of_the_network_are_refused(state, tmp_path):
    config = {**timm_config("resnet18"), "model_args": {"act_layer": "silu", "drop_rate": 0.1, "global_pool": "avg"}}
    found = error_of(snapshot(tmp_path / "a", config, state))
    assert "`model_args` must be of a network that this package builds. Received: act_layer='silu'" in found
    config["model_args"] = {"num_classes": 10, "drop_path_rate": 0.1}
    ke.ResNet18(weights=snapshot(tmp_path / "a", config, state), **BUILD)


def test_the_normalization_inside_an_efficientnet_is_that_of_the_configuration(tmp_path):
    """The 3 numbers are weights of the network: with the producer's usual ones, every output would be another."""
    options = {"classes": 10, "input_shape": (64, 64, 3), "width": 0.25, "depth": 0.3, "padding": "symmetric"}
    model = random_weights(ke.EfficientNetB0(weights=None, **options))
    folder = snapshot(tmp_path / "a", timm_config("efficientnet_b0"), torch_state(model, timm_name))
    layer = ke.EfficientNetB0(weights=folder, **options).get_layer("normalization")
    np.testing.assert_allclose(numpy(layer.mean).ravel(), MEAN, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(numpy(layer.variance)).ravel(), STD, rtol=1e-6)
    # timm's port of TensorFlow's weights has the same names, and another padding and epsilon.
    folder = snapshot(tmp_path / "b", timm_config("tf_efficientnet_b0"), torch_state(model, timm_name))
    with pytest.raises(ValueError, match=r"are for padding='same' \(received 'symmetric'\)"):
        ke.EfficientNetB0(weights=folder, **options)


@pytest.mark.long
@pytest.mark.parametrize(
    ("key", "architecture", "build", "options"),
    [
        ("timm-efficientnet_b0-64", "efficientnet_b0", ke.EfficientNetB0, {"padding": "symmetric"}),
        ("torchvision-mobilenet_v2-65", "mobilenet_v2", ke.MobileNetV2, {"padding": "symmetric"}),
    ],
)
def test_a_network_of_torch_with_a_configuration_computes_what_it_did_there(
    tmp_path, key, architecture, build, options
):
    from deterministic import images

    record, tensors = recorded(key)
    pixels = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    folder = snapshot(tmp_path / "a", timm_config(architecture, **pixels), tensors)
    size = record["size"]
    model = build(weights=folder, input_shape=(size, size, 3), classes=10, classifier_activation=None, **options)
    x = images(size)
    close(numpy(model(x if build is ke.EfficientNetB0 else (x - 127.5) / 127.5))[:, :32], np.array(record["outputs"]))


def test_a_configuration_that_names_no_network_leaves_it_to_the_names_and_says_so(state, tmp_path):
    folder = snapshot(tmp_path / "a", {"hidden": 3}, state)
    model = ke.ResNet18(weights=folder, **BUILD)
    assert (
        "preprocessing",
        "as of the names in the file: its config.json names no network",
    ) in model.load_report.adapted


@pytest.mark.parametrize("content", ["{", "[" * 200_000, '"text"', '{"keras_effconv": {"model": 3}}'])
def test_a_damaged_configuration_is_one_line(state, tmp_path, content):
    folder = snapshot(tmp_path / "a", {}, state)
    (tmp_path / "a" / "config.json").write_text(content)
    if content == '"text"':
        assert ke.ResNet18(weights=folder, **BUILD).load_report
    else:
        with pytest.raises(FormatError, match="Received: "):
            ke.ResNet18(weights=folder, **BUILD)


def test_every_network_of_timm_exists_with_its_options_and_producer():
    for network, options, producer in timm.networks().values():
        constructor = ke.applications.get(network)
        fields = {field.name for field in dataclasses.fields(constructor.options)}
        assert set(options) <= fields, (network, options)
        assert constructor.__name__ == network and producer in ("torch", "torch bn", "timm", "timm tf", "torchvision")
