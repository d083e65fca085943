"""A family of a user, made with the same machinery as those of the package."""

import keras
import numpy as np
import pytest
from tiny_family import published

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.preprocessing import UNIT
from keras_effconv.training import Recipe, blocks, train


@pytest.fixture
def tiny():
    with published() as constructor:
        yield constructor


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


def test_published_again_it_is_the_new_one():
    """As in a notebook whose cell is run again with other numbers."""
    for filters in ((8, 16), (4, 12)):
        with published(filters) as constructor:
            assert constructor().get_layer("step2_conv").filters == filters[1]


def test_it_survives_saving(tiny, tmp_path):
    tiny().save(tmp_path / "tiny.keras")
    loaded = keras.models.load_model(tmp_path / "tiny.keras")
    assert ke.preprocessing_for(loaded).preprocessing == UNIT.at(32)


@pytest.mark.long
def test_it_fine_tunes(tiny, tmp_path):
    tiny().save_weights(tmp_path / "tiny.weights.h5")
    recipe = Recipe(model="Tiny", weights=str(tmp_path / "tiny.weights.h5"), epochs=1, unfreeze_blocks=1, image_size=32)
    digits = data.load("digits", resize=32, limit=8)
    result = train(recipe, digits, tmp_path / "run", outputs=False)
    assert np.isfinite(result.curves["loss"]).all()
    assert result.model.output_shape == (None, 10)
