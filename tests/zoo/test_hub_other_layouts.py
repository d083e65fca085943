"""What the `config.json` of transformers, KerasHub and Keras says."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from hub_files import BUILD, MEAN, STD, error_of, resnet, snapshot, timm_config, torch_state, transformers_name
from reference import numpy

import keras_effconv as ke
from keras_effconv.network_info import info_of
from keras_effconv.zoo import hub
from keras_effconv.zoo.hub import facts, transformers

MIDDLE = {"stride_position": "middle", "depth": 0.3}


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def resnet_config(**changes):
    return {
        "architectures": ["ResNetForImageClassification"],
        "model_type": "resnet",
        "layer_type": "bottleneck",
        "depths": [3, 4, 6, 3],
        "hidden_sizes": [256, 512, 1024, 2048],
        "embedding_size": 64,
        "hidden_act": "relu",
        "downsample_in_first_stage": False,
        "id2label": {str(i): f"kind {i}" for i in range(10)},
        **changes,
    }


IMAGES = {
    "crop_pct": 0.875,
    "do_normalize": True,
    "feature_extractor_type": "ConvNextFeatureExtractor",
    "image_mean": MEAN,
    "image_std": STD,
    "resample": 3,
    "size": 224,
}


def test_a_resnet_of_transformers_computes_the_same(tmp_path):
    model = resnet("ResNet50", **MIDDLE)
    tensors = torch_state(model, transformers_name)
    folder = snapshot(tmp_path / "a", resnet_config(), tensors, preprocessor_config=IMAGES)
    loaded = ke.ResNet50(weights=folder, **{**BUILD, **MIDDLE})
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    close(numpy(loaded(x)), numpy(model(x)))
    steps = ke.preprocessing_for(loaded).preprocessing
    np.testing.assert_allclose(steps.mean, [255 * m for m in MEAN])
    assert (steps.crop, steps.interpolation) == (0.875, "bicubic")
    assert "are for stride_position='middle'" in error_of(folder, ke.ResNet50)
    (tmp_path / "a" / "preprocessor_config.json").unlink()
    assert "must say the mean and the std" in error_of(folder, ke.ResNet50, **MIDDLE)


@pytest.mark.parametrize(
    "changes", [{"hidden_act": "gelu"}, {"depths": [1, 1, 1, 1]}, {"model_type": "vit", "architectures": ["ViTModel"]}]
)
def test_other_networks_of_transformers_are_refused_by_name(tmp_path, changes):
    config = resnet_config(**changes)
    folder = snapshot(tmp_path / "a", config, {"a": np.ones(1, "f4")}, preprocessor_config=IMAGES)
    assert f"which is {config['architectures'][0]}, a network that this package does not build" in error_of(
        folder, ke.ResNet50
    )


@pytest.mark.parametrize(
    ("change", "size", "crop"),
    [
        (
            {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
            224,
            0.875,
        ),
        ({"size": {"height": 224, "width": 224}}, 224, None),
    ],
)
def test_other_image_processors_of_transformers(change, size, crop):
    images = {**IMAGES, "feature_extractor_type": None, "image_processor_type": "ViTImageProcessor", **change}
    view = transformers.facts(resnet_config(), images).view()
    assert (view.size, view.crop) == (size, crop)


def test_kerashub_is_one_clear_line(tmp_path):
    config = {
        "module": "keras_hub.src.models.resnet.resnet_backbone",
        "class_name": "ResNetBackbone",
        "config": {"stackwise_num_blocks": [3, 4, 6, 3]},
        "registered_name": "keras_hub>ResNetBackbone",
    }
    folder = snapshot(tmp_path / "a", config, {"a": np.ones(1, "f4")}, metadata={"keras_version": "3.13"})
    assert "which is ResNetBackbone of KerasHub, a network that this package does not build" in error_of(folder)


def test_a_model_in_keras_own_layout_says_what_it_is(tmp_path):
    """`model.save("hf://...")` writes a `.keras` file's parts: config.json, model.weights.h5, metadata.json."""
    model = ke.ResNet20(weights=None, width=0.25)
    info_of(model).preprocessing = dataclasses.replace(info_of(model).preprocessing, mean=(1.0, 2.0, 3.0))
    model.save_weights(tmp_path / "model.weights.h5")
    config = keras.saving.serialize_keras_object(model)
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = ke.ResNet20(weights=str(tmp_path), width=0.25)
    assert np.array_equal(numpy(loaded.weights[0]), numpy(model.weights[0]))
    assert ke.preprocessing_for(loaded).preprocessing.mean == (1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="which is ResNet20"):
        ke.ResNet32(weights=str(tmp_path))
    (tmp_path / "b").mkdir()
    model.save(tmp_path / "b" / "model.keras")
    (tmp_path / "b" / "config.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match=r"are for width=0.25 \(received 1.0\)"):
        ke.ResNet20(weights=str(tmp_path / "b"))


def test_a_deep_configuration_of_keras_ends():
    config = value = {"class_name": "Functional", "config": {}}
    for _ in range(5000):
        value["config"] = {"class_name": "A", "config": {}}
        value = value["config"]
    assert facts.of_keras(config) is None


ODD = (None, [], {}, "x", -1, 0, 1e99, float("nan"), True, [["x"]], {"a": [1]}, "../x", [1.0] * 3)
PROCESSOR = {
    **{"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "size": {"shortest_edge": 224}},
    **{"crop_pct": 0.875, "image_processor_type": "ConvNextImageProcessor", "resample": 3, "do_rescale": True},
    **{"rescale_factor": 1 / 255, "do_normalize": True},
}
CUT = {"image_processor_type": "ViTImageProcessor", "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
SAID = {  # config.json, preprocessor_config.json
    "timm": ({**timm_config("resnet18"), "model_args": {"drop_rate": 0.1}, "label_names": ["a", "b"]}, None),
    "transformers": (
        {
            **{"architectures": ["ResNetForImageClassification"], "model_type": "resnet", "layer_type": "basic"},
            **{"depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512], "id2label": {"0": "a"}, "num_labels": 1},
        },
        PROCESSOR,
    ),
    "another processor": ({"architectures": ["ResNetForImageClassification"], "model_type": "resnet"}, PROCESSOR | CUT),
    "ours": (None, None),
}


def places(value, path=()):
    """Every place in a JSON value; of a list the first two."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, child in inside:
        yield from places(child, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("what", SAID)
def test_any_value_in_a_configuration_is_read_or_one_line(what, tmp_path):
    """Every leaf of what tools write, in turn of each type."""
    info = info_of(ke.ResNet18(weights=None))
    config, images = (json.loads(json.dumps(each)) for each in SAID[what])
    config = config or json.loads(json.dumps(facts.written(info, info.preprocessing, ["a", "b"])))
    (tmp_path / "model.safetensors").write_bytes(b"")
    kept = (tmp_path / "config.json", config), (tmp_path / "preprocessor_config.json", images)
    for file, content in kept:
        for other, usual in kept:
            if usual is not None:
                other.write_text(json.dumps(usual))
        for path in places(content) if content is not None else ():
            for value in ODD:
                file.write_text(json.dumps(changed(content, path, value)))
                try:
                    hub.source(str(tmp_path), info.design, 64)
                except ValueError as error:
                    line = str(error)
                    assert "\n" not in line and len(line) < 700 and str(tmp_path) in line, (path, value, line)
