"""Files of other networks, and variables of shapes that nobody has: one line that says what does not fit."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from grid import NETWORKS
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import readers

RECORDS = sorted(path for path in (Path(__file__).parents[1] / "fixtures" / "producers").glob("*-6?.json.gz"))
TABLE = {network.name: network for network in NETWORKS}
OWN = ("EfficientNetB0", "MobileNet", "MobileNetV2", "ResNet50", "ResNet20", "VGG13")


@pytest.fixture(scope="module")
def built():
    """Networks by name and kind, built once."""
    models = {}

    def build(name, conv="Conv()", **options):
        key = name, conv, *options
        if key not in models:
            models[key] = random_weights(TABLE[name].build(conv=conv, **options))
        return models[key]

    return build


def refused(model, content, layout, monkeypatch):
    """The line that a file of these variables is refused with."""
    form = readers.FORMATS["keras_v3" if layout == "HWIO" else "safetensors"]
    monkeypatch.setattr(readers, "read", lambda path, choose=None: (form, dict(content)))
    before = [np.asarray(v) for v in model.weights]
    with pytest.raises(ValueError) as caught:
        ke.load_weights(model, "somewhere/a.file")
    text = str(caught.value)
    assert "\n" not in text and len(text) < 3000, text
    for old, v in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, v)
    return text


@pytest.mark.grid
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_the_file_of_every_producer_into_every_small_network(record, name, built, monkeypatch):
    """Neither the network's own family nor another one has room for a network of full size."""
    said = json.loads(gzip.decompress(record.read_bytes()))
    content = {key: np.zeros(shape, "f4") for key, shape, kind in said["variables"]}
    for options in ({}, {"padding": "symmetric"} if name in ("EfficientNetB0", "MobileNet", "MobileNetV2") else {}):
        text = refused(built(name, **options), content, "OIHW", monkeypatch)
        assert "a.file" in text or re.match(r"`(weights|model|preprocessing)` must ", text)


SHAPES = {"0-d": (), "1-d": (2,), "2-d": (2, 3), "empty": (1, 1, 0, 0), "5-d": (1,) * 5}
KINDS = ("Conv()", "HetConv(parts=2)", "OctConv(alpha=0.5)", "GWCPWC(groups=2)", "DWCPWC()")


def sample(content):
    """A variable of each name without numbers: of each role."""
    roles = {re.sub(r"\d+[a-z]?(?=_)", "#", name): name for name in content}
    return sorted(roles.values())


@pytest.mark.grid
@pytest.mark.parametrize("conv", KINDS)
@pytest.mark.parametrize("theirs", ["Conv()", "same"])
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNet", "ResNet20", "VGG13"])
def test_a_variable_of_a_shape_that_none_has(name, theirs, conv, built, monkeypatch):
    source = built(name, conv if theirs == "same" else "Conv()")
    content = {f"{layer.name}/{v.name}": np.asarray(v) for layer in source.layers for v in layer.weights}
    for key in sample(content):
        for shape in SHAPES.values():
            if shape != content[key].shape and not key.endswith("/count"):
                text = refused(built(name, conv), {**content, key: np.ones(shape, "f4")}, "HWIO", monkeypatch)
                assert "a.file" in text and key.split("/")[0].removesuffix("_spatial") in text, (key, shape, text)


@pytest.mark.grid
@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("conv", KINDS)
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNet", "MobileNetV2"])
def test_a_variable_of_too_few_channels_is_not_repeated(name, conv, size, built, monkeypatch):
    """Arithmetic would take an array of one channel for all of them."""
    source = built(name)
    content = {f"{layer.name}/{v.name}": np.asarray(v) for layer in source.layers for v in layer.weights}
    for key in sample(content):
        shape = content[key].shape
        for axis in range(len(shape)):
            other = (*shape[:axis], size, *shape[axis + 1 :])
            if shape[axis] not in (1, size) and not key.endswith("/count"):
                text = refused(built(name, conv), {**content, key: np.ones(other, "f4")}, "HWIO", monkeypatch)
                assert "a.file" in text, (key, other, text)
