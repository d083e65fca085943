"""What a model is stays with it: saved, loaded, cloned, put into other models, cut, deployed."""

import copy
import pickle
import warnings

import keras
import numpy as np
import pytest

import keras_effconv as ke
from keras_effconv.network_info import NetworkInfo, info_of

SMALL = {"weights": None, "include_top": False, "input_shape": (32, 32, 3), "width": 0.25, "depth": 0.3}


def base(**options):
    return ke.ResNet50(**{**SMALL, "pooling": "avg", **options})


def saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.models.load_model(tmp_path / "model.keras")


def flattened(model):
    return keras.Model(model.input, keras.layers.Dense(5, activation="softmax", name="mine")(model.output))


def nested(model):
    image = keras.Input((32, 32, 3))
    x = keras.layers.RandomFlip("horizontal", name="flip")(image)
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="mine")(model(x)))


def sequential(model):
    return keras.Sequential([keras.Input((32, 32, 3)), model, keras.layers.Dense(5, activation="softmax", name="mine")])


def frames(model):
    """A classifier of four frames, each by the same network."""
    image = keras.Input((4, 32, 32, 3))
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.TimeDistributed(model)(image))
    return keras.Model(image, keras.layers.Dense(5, activation="softmax", name="mine")(x))


def through_h5(model, tmp_path):
    with warnings.catch_warnings(action="ignore"):  # Keras calls the format legacy
        model.save(tmp_path / "model.h5")
        return keras.models.load_model(tmp_path / "model.h5")


# Ways to hand a model on: each has the weights, the facts and the features of what it was made of.
COPIES = {
    "legacy h5": through_h5,
    "pickled": lambda model, tmp_path: pickle.loads(pickle.dumps(model)),
    "deep copy": lambda model, tmp_path: copy.deepcopy(model),
    "configuration": lambda model, tmp_path: weighed(keras.Model.from_config(model.get_config()), model),
    "json": lambda model, tmp_path: weighed(keras.models.model_from_json(model.to_json()), model),
    "clone with an input": lambda model, tmp_path: weighed(
        keras.models.clone_model(model, input_tensors=keras.Input((32, 32, 3), name="mine")), model
    ),
    "dict of inputs": lambda model, tmp_path: (
        lambda image: keras.Model({"image": image}, keras.layers.Dense(5)(model(image)))
    )(keras.Input((32, 32, 3), name="image")),
    "frames": lambda model, tmp_path: frames(model),
    "frames, loaded": lambda model, tmp_path: saved(frames(model), tmp_path),
}


def weighed(model, source):
    model.set_weights(source.get_weights())
    return model


WRAPS = {
    "as built": lambda model, tmp_path: model,
    "loaded": saved,
    "cloned": lambda model, tmp_path: keras.models.clone_model(model),
    "sequential": lambda model, tmp_path: sequential(model),
    "sequential without an input": lambda model, tmp_path: keras.Sequential(
        [model, keras.layers.Dense(5, name="mine")]
    ),
    "sequential, loaded": lambda model, tmp_path: saved(sequential(model), tmp_path),
    "nested": lambda model, tmp_path: nested(model),
    "nested, loaded": lambda model, tmp_path: saved(nested(model), tmp_path),
    "flattened": lambda model, tmp_path: flattened(model),
    "flattened, loaded": lambda model, tmp_path: saved(flattened(model), tmp_path),
    "cut": lambda model, tmp_path: keras.Model(model.input, model.get_layer("pool1_pool").output),
    "deployed": lambda model, tmp_path: ke.deploy(model),
}


@pytest.mark.grid
@pytest.mark.parametrize("conv", ["Conv()", "OctConv(alpha=0.5)"])
@pytest.mark.parametrize("wrap", WRAPS)
def test_facts_stay(wrap, conv, tmp_path):
    original = base(conv=conv)
    design = info_of(original).design
    model = WRAPS[wrap](original, tmp_path)
    info = info_of(model)
    assert info.design == design and info.conv == conv
    assert ke.preprocessing_for(model).preprocessing == ke.preprocessing_for(original).preprocessing


@pytest.mark.grid
@pytest.mark.parametrize("wrap", [name for name in WRAPS if name not in ("cut", "deployed")])
def test_features_of_a_wrapped_model_are_those_of_the_network(wrap, tmp_path):
    original = base(conv="OctConv(alpha=0.5)")
    expected = ke.features(original)
    model = WRAPS[wrap](original, tmp_path)
    x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    if wrap != "cloned":  # a clone has weights of its own
        for one, two in zip(ke.features(model)(x), expected(x), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)
    assert ke.features(model).output_shape == expected.output_shape


@pytest.mark.grid
@pytest.mark.parametrize("copied", COPIES)
def test_a_model_that_is_handed_on_keeps_facts_features_and_weights(copied, tmp_path):
    original = base(conv="OctConv(alpha=0.5)")
    original.save_weights(tmp_path / "source.weights.h5")
    expected, x = ke.features(original), np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    model = COPIES[copied](original, tmp_path)
    assert ke.preprocessing_for(model).preprocessing == ke.preprocessing_for(original).preprocessing
    for one, two in zip(ke.features(model)(x), expected(x), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert not ke.load_weights(model, tmp_path / "source.weights.h5").skipped


def test_what_lies_ahead_of_frames_is_named():
    image = keras.Input((4, 32, 32, 3))
    x = keras.layers.TimeDistributed(base())(keras.layers.Rescaling(1 / 255, name="mine")(image))
    with pytest.raises(ValueError, match=r"that may prepare the image already .* with mine"):
        ke.preprocessing_for(keras.Model(image, x))


def test_what_a_cut_model_lacks_is_said():
    model = ke.ResNet50(**SMALL)
    cut = keras.Model(model.input, model.get_layer("conv3_block2_out").output)
    assert len(ke.features(cut, (4, 8)).outputs) == 2
    with pytest.raises(ValueError, match="`strides` must be some of 2, 4"):
        ke.features(cut, (32,))


@pytest.mark.long
@pytest.mark.parametrize("wrap", ["loaded", "cloned", "sequential", "nested, loaded", "flattened, loaded"])
def test_weights_load_into_the_network_inside(wrap, tmp_path):
    source = base()
    for variable in source.weights:
        variable.assign(np.random.default_rng(0).uniform(0.5, 1.5, variable.shape).astype(variable.dtype))
    source.save_weights(tmp_path / "source.weights.h5")
    model = WRAPS[wrap](base(), tmp_path)
    report = ke.load_weights(model, tmp_path / "source.weights.h5")
    assert not report.approximate and not report.skipped
    assert {layer for layer, _ in report.adapted} <= {"mine"}
    assert model.load_report is report
    kernels = {v.path.split("/")[-2]: v for v in model.weights if v.name == "kernel"}
    np.testing.assert_array_equal(kernels["conv4_block1_2_conv"], source.get_layer("conv4_block1_2_conv").kernel)


def test_a_classifier_in_the_file_is_skipped_if_the_model_has_none(tmp_path):
    whole = ke.ResNet20(weights=None, width=0.5, depth=0.4)
    whole.save_weights(tmp_path / "whole.weights.h5")
    headless = ke.ResNet20(weights=None, width=0.5, depth=0.4, include_top=False)
    report = ke.load_weights(keras.Sequential([headless, keras.layers.Flatten()]), tmp_path / "whole.weights.h5")
    assert [name for name, _ in report.skipped] == ["predictions/kernel", "predictions/bias"]


@pytest.mark.long
def test_export_and_deploy_work_on_a_loaded_sequential_model(tmp_path):
    model = saved(sequential(base()), tmp_path)
    fast = ke.deploy(model)
    assert ke.preprocessing_for(fast).preprocessing == ke.preprocessing_for(model).preprocessing
    folder = ke.export(model, tmp_path / "onnx", format="onnx", labels=list("abcde"))
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(
        ke.exporting.load(folder)(images), model.predict(ke.preprocessing_for(model)(images), verbose=0), atol=1e-4
    )


def test_layers_that_may_prepare_the_image_are_named():
    image = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="mine")(image)
    model = keras.Model(image, ke.MobileNet(**{**SMALL, "pooling": "avg"})(x))
    with pytest.raises(ValueError, match=r"no layers between its input and its network .* with mine"):
        ke.preprocessing_for(model)


@pytest.mark.long
def test_a_pipeline_of_layers_is_not_taken_for_random_changes():
    image = keras.Input((32, 32, 3))
    x = keras.layers.Pipeline([keras.layers.Rescaling(1 / 127.5, offset=-1)], name="mine")(image)
    model = keras.Model(image, ke.MobileNet(**{**SMALL, "pooling": "avg"})(x))
    with pytest.raises(ValueError, match=r"that may prepare the image already .* with mine"):
        ke.preprocessing_for(model)


def test_the_facts_follow_the_weights(tmp_path):
    """The preprocessing is the file's, not the constructor's, after loading too."""
    model = ke.EfficientNetLite0(include_top=False, input_shape=(64, 64, 3))
    assert ke.preprocessing_for(saved(model, tmp_path)).preprocessing.crop == 224 / 256


def test_two_networks_and_none_are_clear_errors():
    with pytest.raises(ValueError, match="`model` must be, or hold, a network of keras_effconv"):
        info_of(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
    image = keras.Input((32, 32, 3))
    both = keras.layers.Add()([ke.ResNet20(weights=None, name=name)(image) for name in "ab"])
    with pytest.raises(ValueError, match="must have one network of keras_effconv"):
        info_of(keras.Model(image, both))


def test_a_network_that_nobody_published_is_a_clear_error():
    info = info_of(ke.ResNet20(weights=None))
    config = info.get_config()
    config["design"]["name"] = "ResNett20"
    with pytest.raises(ValueError, match=r"import the module that publishes it first.*did you mean .*ResNet20"):
        _ = NetworkInfo.from_config(config).architecture


def test_half_precision_does_not_touch_the_image():
    """Pixels of 255 steps stay exact: the layer casts nothing."""
    info = NetworkInfo(info_of(ke.ResNet20(weights=None)).design, ke.ResNet20.preprocessing, dtype="float16")
    assert info(np.full((1, 4, 4, 3), 4097.0, "float32")).dtype == "float32"
