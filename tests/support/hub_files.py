"""Small repositories of the hub: our networks' random weights under the names of torch, and the configurations."""

import gzip
import json
import re
import string
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from weights import random_weights

import keras_effconv as ke

FIXTURES = Path(__file__).parents[1] / "fixtures"
sys.path.append(str(FIXTURES))
from deterministic import values  # noqa: E402

BUILD = {"width": 0.125, "depth": 0.5, "classes": 10, "input_shape": (64, 64, 3)}
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.21, 0.25)
VARIABLES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
EFFICIENT = {
    "stem_conv": "conv_stem",
    "stem_bn": "bn1",
    "top_conv": "conv_head",
    "top_bn": "bn2",
    "predictions": "classifier",
}
NARROW = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
WIDE = {"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2", "project_conv": "conv_pwl"}


def timm_config(architecture, classes=10, **pretrained):
    """`config.json` as timm writes it; `pretrained` changes `pretrained_cfg`, and `None` takes a field out."""
    described = {
        "tag": "a1_in1k",
        "input_size": [3, 64, 64],
        "test_input_size": [3, 96, 96],
        "interpolation": "bilinear",
        "crop_pct": 0.95,
        "test_crop_pct": 1.0,
        "crop_mode": "center",
        "mean": MEAN,
        "std": STD,
        "num_classes": classes,
        "first_conv": "conv1",
        "classifier": "fc",
        **pretrained,
    }
    described = {name: value for name, value in described.items() if value is not None}
    return {"architecture": architecture, "num_classes": classes, "pretrained_cfg": described}


def resnet(name="ResNet18", **options):
    """A narrow network with random weights; its batch normalizations have torch's epsilon in effect."""
    return random_weights(getattr(ke, name)(weights=None, **{**BUILD, **options}))


def torch_name(layer):
    """Torch's name of a ResNet's layer."""
    block = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", layer)
    if block is None:
        return {"conv1_conv": "conv1", "conv1_bn": "bn1", "predictions": "fc"}[layer]
    stage, place = f"layer{int(block[1]) - 1}.{int(block[2]) - 1}", int(block[3])
    return f"{stage}.{block[4]}{place}" if place else f"{stage}.downsample.{['conv', 'bn'].index(block[4])}"


def transformers_name(layer):
    """The name of a ResNet's layer in transformers."""
    kind = {"conv": "convolution", "bn": "normalization"}
    block = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", layer)
    if block is None:
        return "classifier.1" if layer == "predictions" else f"resnet.embedder.embedder.{kind[layer.split('_')[1]]}"
    place = f"layer.{int(block[3]) - 1}" if int(block[3]) else "shortcut"
    return f"resnet.encoder.stages.{int(block[1]) - 2}.layers.{int(block[2]) - 1}.{place}.{kind[block[4]]}"


def timm_name(layer):
    """Timm's name of an EfficientNet's layer."""
    block = re.fullmatch(r"block(\d)([a-z])_(.+)", layer)
    if block is None:
        return EFFICIENT[layer]
    ours, names = block[3], NARROW if block[1] == "1" else {**WIDE, "project_bn": "bn3"}
    theirs = names.get(ours) or ours.replace("se_", "se.conv_")
    return f"blocks.{int(block[1]) - 1}.{string.ascii_lowercase.index(block[2])}.{theirs}"


def torch_state(model, name=torch_name):
    """A model's weights as torch would have them: dict of name -> array, without biases of convolutions."""
    state, epsilon = {}, 1e-5
    for layer in model.layers:
        normalized = type(layer).__name__ == "BatchNormalization"
        for variable in layer.weights if layer.name != "normalization" else ():
            value = keras.ops.convert_to_numpy(variable)
            if variable.name == "bias" and value.ndim == 1 and re.search(r"conv\d?_conv|_\d_conv$", layer.name):
                variable.assign(np.zeros_like(value))
                continue
            if variable.name == "moving_variance" and normalized:
                value = value + np.float32(layer.epsilon - epsilon)
            if value.ndim == 4:
                value = value.transpose((2, 3, 0, 1) if type(layer).__name__ == "DepthwiseConv2D" else (3, 2, 0, 1))
            state[f"{name(layer.name)}.{VARIABLES[variable.name]}"] = np.ascontiguousarray(
                value.T if value.ndim == 2 else value
            )
    return state


def recorded(key):
    """The network of a real producer: its record, and the weights that it computed with."""
    record = json.loads(gzip.decompress((FIXTURES / "producers" / f"{key}.json.gz").read_bytes()))
    return record, {name: values(name, tuple(shape), kind, record["gain"]) for name, shape, kind in record["variables"]}


def snapshot(folder, config, tensors, **others):
    """A folder as the hub's tools copy a repository."""
    folder.mkdir(exist_ok=True)
    for name, content in {"config": config, **others}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    save_file(tensors, folder / "model.safetensors")
    return str(folder)


def error_of(weights, build=ke.ResNet18, kind=ValueError, **options):
    """The one line that a narrow network is refused with."""
    with pytest.raises(kind) as caught:
        build(weights=weights, **{**BUILD, **options})
    text = str(caught.value)
    assert "\n" not in text and ("Received: " in text or "are for " in text), text
    return text
