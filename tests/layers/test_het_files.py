"""HetConv2D in weights files: what it is lies next to its weights, and the file of another is refused."""

import h5py
import keras
import numpy as np
import pytest
from reference import feature_map, fill, numpy

import keras_effconv as ke
from keras_effconv.layers import HetConv2D

FORMS = [(2, "grouped"), (2, "shifted"), (3, "grouped"), (5, "shifted"), (1, "shifted"), (9, "grouped")]
every_form = pytest.mark.parametrize(("parts", "layout"), FORMS)


def model_of(parts, layout, channels=8, filters=18, **config):
    layer = HetConv2D(filters, 3, parts=parts, layout=layout, name="het", **config)
    return keras.Sequential([keras.Input((5, 5, channels)), layer])


def randomise(model):
    model.set_weights([np.random.normal(size=w.shape) for w in model.get_weights()])
    return model


def without_form(path):
    """The same file as before HetConv2D wrote what it is."""
    with h5py.File(path, "r+") as file:
        del file["layers/het_conv2d/vars/form"]
    return path


def assert_same_weights(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@every_form
def test_a_file_tells_what_its_layer_is(parts, layout, tmp_path):
    model_of(parts, layout).save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        form = file["layers/het_conv2d/vars/form"]
        assert form.dtype == np.int32
        assert form[()].tolist() == [parts, int(layout == "shifted")]


@every_form
@pytest.mark.parametrize("name", ["a.weights.h5", "a.weights.json"])
def test_weights_files_round_trip(parts, layout, name, tmp_path):
    model = randomise(model_of(parts, layout))
    model.save_weights(tmp_path / name, max_shard_size=5e-6 if name.endswith("json") else None)
    other = model_of(parts, layout)
    other.load_weights(tmp_path / name)
    assert_same_weights(other, model)


@every_form
def test_model_files_round_trip(parts, layout, tmp_path):
    model = randomise(model_of(parts, layout))
    model.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    assert_same_weights(loaded, model)
    x = feature_map(2, 5, 5, 8)
    np.testing.assert_array_equal(numpy(loaded(x)), numpy(model(x)))


def test_bfloat16_weights_round_trip(tmp_path):
    model = randomise(model_of(2, "shifted", dtype="bfloat16"))
    model.save(tmp_path / "a.keras")
    for a, b in zip(keras.models.load_model(tmp_path / "a.keras").weights, model.weights, strict=True):
        assert a.dtype == "bfloat16"
        np.testing.assert_array_equal(numpy(a), numpy(b))


def test_a_network_of_many_forms_round_trips(tmp_path):
    def network():
        return ke.ResNet20(weights=None, conv=ke.HetConv(parts={1: 2, 2: 3}, layout="shifted"))

    model = randomise(network())
    assert {layer.parts for layer in model.layers if isinstance(layer, HetConv2D)} == {2, 3}
    model.save_weights(tmp_path / "a.weights.h5")
    other = network()
    other.load_weights(tmp_path / "a.weights.h5")
    assert_same_weights(other, model)


@every_form
def test_a_file_without_a_form_loads(parts, layout, tmp_path):
    model = randomise(model_of(parts, layout))
    model.save_weights(tmp_path / "a.weights.h5")
    other = model_of(parts, layout)
    other.load_weights(without_form(tmp_path / "a.weights.h5"))
    assert_same_weights(other, model)


@pytest.mark.parametrize(
    ("saved", "loading"),
    [((2, "grouped"), (2, "shifted")), ((9, "shifted"), (10, "shifted")), ((10, "grouped"), (9, "grouped"))],
)
def test_a_file_of_another_form_is_refused(saved, loading, tmp_path):
    """Shapes are the same, so nothing else would tell; 8 channels and 18 filters are stored alike in 9 and 10 parts."""
    model_of(*saved).save_weights(tmp_path / "a.weights.h5")
    other = randomise(model_of(*loading))
    before = [w.copy() for w in other.get_weights()]
    line = (
        f"`parts` and `layout` of the layer 'het' must be those of its weights, parts={saved[0]}, layout='{saved[1]}'. "
        f"Received: parts={loading[0]}, layout='{loading[1]}'"
    )
    with pytest.raises(ValueError) as error:
        other.load_weights(tmp_path / "a.weights.h5")
    assert line in str(error.value)
    store = {}
    model_of(*saved).layers[0].save_own_variables(store)
    with pytest.raises(ValueError) as error:
        other.layers[0].load_own_variables(store)
    assert str(error.value) == line
    for weight, old in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    other.load_weights(without_form(tmp_path / "a.weights.h5"))  # the shapes do fit


def test_of_one_part_both_layouts_are_the_same(tmp_path):
    model = randomise(model_of(1, "shifted"))
    model.save_weights(tmp_path / "a.weights.h5")
    other = model_of(1, "grouped")
    other.load_weights(tmp_path / "a.weights.h5")
    assert_same_weights(other, model)


@pytest.mark.parametrize("form", [[], [2], [2, 5], [2, 0, 0], 2, [2.5, 0.0]])
def test_a_form_that_is_none_is_one_clear_line(form):
    layer, store = fill(HetConv2D(4, 3, parts=2), feature_map(1, 3, 3, 4)), {}
    layer.save_own_variables(store)
    store["form"] = np.array(form)
    with pytest.raises(ValueError, match=r"must be those of its weights, .*Received: parts=2, layout='grouped'$"):
        layer.load_own_variables(store)


def test_a_layer_without_weights_saves_nothing():
    store = {}
    HetConv2D(4, 3).save_own_variables(store)
    assert store == {}
