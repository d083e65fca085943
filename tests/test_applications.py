"""The networks: equal to `keras.applications`, and sound with every kind."""

import inspect
import json
import time

import keras
import numpy as np
import pytest
from grid import IDENTITIES, KINDS, NETWORKS

import keras_effconv as ke

THEIRS = {name: getattr(keras.applications, name) for name in ("EfficientNetB0", "EfficientNetB3", "VGG16", "VGG19")}
SIZES = {True: [(32, 32, 3), (75, 61, 3)], False: [(32, 32, 3), (75, 61, 3)]}


def random_weights(model, seed=0):
    rng = np.random.default_rng(seed)
    for v in model.weights:
        shape, positive = tuple(v.shape), v.name in ("moving_variance", "variance", "gamma")
        deviation = 1 / np.sqrt(np.prod(shape[:-1]))
        values = rng.uniform(0.5, 1.5, shape) if positive else rng.normal(0, deviation, shape)
        v.assign(values.astype(v.dtype))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model


def images(shape, n=2, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (n, *shape)).astype("float32")


def run(model, x):
    return keras.ops.convert_to_numpy(model(x))


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("size", [(32, 32, 3), (75, 61, 3)], ids=str)
@pytest.mark.parametrize("include_top", [True, False])
def test_equals_keras_applications(name, size, include_top):
    options = {"weights": None, "input_shape": size, "include_top": include_top, "classes": 11, "pooling": "max"}
    theirs, ours = random_weights(THEIRS[name](**options)), ke.applications.get(name)(**options)
    assert [layer.name for layer in ours.layers[1:]] == [strip_counter(layer.name) for layer in theirs.layers[1:]]
    assert [v.shape for v in ours.weights] == [v.shape for v in theirs.weights]
    random_weights(ours)
    expected = run(theirs, images(size))
    np.testing.assert_allclose(run(ours, images(size)), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def strip_counter(name):
    """Keras numbers its unnamed layers over a session; ours have names."""
    stem, _, number = name.rpartition("_")
    return stem if number.isdigit() and stem in {"rescaling", "normalization", "global_max_pooling2d"} else name


@pytest.mark.parametrize("name", THEIRS)
def test_signature_is_keras_and_conv(name):
    theirs = inspect.signature(THEIRS[name]).parameters
    ours = inspect.signature(ke.applications.get(name)).parameters
    assert [(p.name, p.default) for p in list(ours.values())[: len(theirs)]] == [
        (p.name, p.default) for p in theirs.values()
    ]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(ours.values())[len(theirs) :])
    assert "conv" in ours


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
@pytest.mark.parametrize("kind", IDENTITIES, ids=repr)
def test_identities_equal_the_plain_network(network, kind):
    plain, other = random_weights(network.build()), random_weights(network.build(conv=kind))
    assert [layer.name for layer in plain.layers] == [layer.name for layer in other.layers]
    x = images(network.shape)
    np.testing.assert_array_equal(run(plain, x), run(other, x))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.name)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in IDENTITIES], ids=repr)
def test_a_network_of_any_kind_trains_and_comes_back(network, kind, tmp_path):
    model = network.build(conv=kind)
    before = [keras.ops.convert_to_numpy(v) for v in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)  # tracing takes longer than a step
    x = images(network.shape, n=2)
    loss = model.train_on_batch(x, np.ones((2, model.output_shape[-1])))
    assert np.isfinite(loss)
    after = [keras.ops.convert_to_numpy(v) for v in model.trainable_weights]
    still = [v.path for v, a, b in zip(model.trainable_weights, before, after) if np.array_equal(a, b)]
    assert not [path for path in still if "kernel" in path]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(run(loaded, x), run(model, x), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_one_graph_for_every_size_and_any_channels(kind):
    shape = (None, None, 5)
    dynamic = ke.EfficientNetB0(include_top=False, weights=None, input_shape=shape, pooling="avg", conv=kind)
    for size in ((64, 64, 5), (75, 61, 5)):
        static = ke.EfficientNetB0(include_top=False, weights=None, input_shape=size, pooling="avg", conv=kind)
        static.set_weights(dynamic.get_weights())
        x = images(size, n=1)
        np.testing.assert_allclose(run(dynamic, x), run(static, x), rtol=1e-4, atol=1e-5)


def test_b7_builds_as_fast_as_keras():
    seconds = {}
    for _ in range(2):
        for build in (keras.applications.EfficientNetB7, ke.EfficientNetB7):
            begun = time.perf_counter()
            build(weights=None)
            elapsed = time.perf_counter() - begun
            seconds[build.__module__] = min(elapsed, seconds.get(build.__module__, elapsed))
    theirs, ours = seconds.values()
    assert ours <= theirs


def test_drop_connect_rate_reaches_the_blocks():
    def rates(**options):
        layers = ke.EfficientNetB0(weights=None, input_shape=(32, 32, 3), **options).layers
        return [layer.rate for layer in layers if layer.name.endswith("_drop")]

    assert rates()[-1] == pytest.approx(0.2 * 14 / 16)
    assert rates(drop_connect_rate=0.4) == pytest.approx([2 * rate for rate in rates()])
    assert rates(drop_connect_rate=0) == []


def test_input_tensor_and_name():
    image = keras.Input((40, 40, 3), name="photo")
    model = ke.EfficientNetB0(weights=None, input_tensor=keras.layers.Rescaling(2.0)(image), name="mine")
    assert model.name == "mine"
    assert model.input_names == ["photo"] if hasattr(model, "input_names") else model.inputs[0] is image


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "no/such/file"}, "`weights` must be"),
        ({"weights": None, "input_shape": (31, 40, 3)}, "at least 32x32"),
        ({"weights": None, "input_shape": (None, None, 3)}, "must be static"),
        ({"weights": None, "input_shape": (64, 64)}, "height, width, channels"),
        ({"weights": None, "classes": 0}, "`classes` must be"),
        ({"weights": None, "include_top": False, "pooling": "mean"}, "`pooling` must be"),
        ({"weights": None, "conv": "Conv3D()"}, "`conv` must be"),
        ({"weights": "imagenet", "classifier_activation": "relu"}, "`classifier_activation` must be"),
    ],
    ids=str,
)
def test_bad_arguments_are_one_clear_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        ke.EfficientNetLite0(**options)
    assert "\n" not in str(caught.value)


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels_last"):
            ke.VGG16(weights=None)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_models_by_name():
    assert ke.applications.get("efficientnetb3") is ke.EfficientNetB3
    with pytest.raises(ValueError, match="`model` must be one of EfficientNetB0, "):
        ke.applications.get("ResNeXt9000")


def test_config_is_json():
    json.dumps(ke.VGG16CIFAR(weights=None, conv=ke.OctConv()).get_config(), default=str)
