"""A family of a user, made with the same machinery as those of the package."""

import dataclasses
import functools
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.applications import MODELS, publish
from keras_effconv.architecture import ARCHITECTURES, Architecture, Block
from keras_effconv.preprocessing import UNIT
from keras_effconv.training import Recipe, blocks, train


class Variant(NamedTuple):
    name: str
    filters: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of Tiny.

    Args:
        gain: int, multiplies the filters.
    """

    gain: int = 1


def body(x, kind, variant, options):
    maps, stride = {}, 1
    for i, filters in enumerate(variant.filters, 1):
        stride *= 2
        x = kind.at(stride).conv(x, options.gain * filters, 3, 2, name=f"step{i}_conv", use_bias=False)
        x = ke.applications.blocks.norm(x, f"step{i}_bn")
        x = maps[stride] = ke.applications.blocks.act(x, "relu", f"step{i}_relu")
    return ke.applications.blocks.merge(x), maps


def top(x, classes, activation):
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return layers.Dense(classes, activation=activation, name="scores")(x)


def architecture(variant, options):
    return Architecture(
        variant.name,
        32,
        UNIT.at(32),
        functools.partial(body, variant=variant, options=options),
        top,
        head=("scores",),
        blocks=tuple(Block(f"step{i}", (f"step{i}",)) for i in range(1, len(variant.filters) + 1)),
    )


@pytest.fixture
def tiny():
    constructor = publish(
        "Tiny", architecture, Options, "Tiny.", Variant("Tiny", (8, 16)), defaults={"weights": None, "classes": 10}
    )
    yield constructor
    del MODELS["Tiny"], ARCHITECTURES["Tiny"]


def test_its_signature_and_documentation(tiny):
    assert "gain: int, multiplies the filters. Default `1`." in tiny.__doc__
    with pytest.raises(TypeError, match=r"Tiny\(\) got an unexpected keyword argument 'depth'"):
        tiny(depth=2)


@pytest.mark.parametrize(
    "kind", ["Conv()", "HetConv(parts=2)", "PC()", "OctConv(alpha=0.25)", "DWCPWC()", "GWCPWC(groups=1)"]
)
def test_it_loads_into_every_kind_and_counts(tiny, kind, tmp_path):
    tiny().save_weights(tmp_path / "tiny.weights.h5")
    model = tiny(weights=str(tmp_path / "tiny.weights.h5"), conv=kind, input_shape=(32, 32, 3), classes=3)
    assert ("scores", "new head: 3 classes, the file has 10") in model.load_report.adapted
    assert ke.count(model).macs > 0 and not ke.count(model).uncounted
    assert list(blocks(model)) == ["step1", "step2"]
    assert [tuple(shape[1:3]) for shape in ke.features(model, (2, 4)).output_shape] == [(16, 16), (8, 8)]


def test_it_survives_saving(tiny, tmp_path):
    tiny().save(tmp_path / "tiny.keras")
    loaded = keras.models.load_model(tmp_path / "tiny.keras")
    assert ke.preprocessing_for(loaded).preprocessing == UNIT.at(32)


def test_it_fine_tunes(tiny, tmp_path):
    tiny().save_weights(tmp_path / "tiny.weights.h5")
    recipe = Recipe(model="Tiny", weights=str(tmp_path / "tiny.weights.h5"), epochs=1, unfreeze_blocks=1, image_size=32)
    digits = data.load("digits", resize=32, limit=8)
    result = train(recipe, digits, tmp_path / "run", outputs=False)
    assert np.isfinite(result.curves["loss"]).all()
    assert result.model.output_shape == (None, 10)
