"""A conversion of whole networks: what it keeps, what it reports, and what it refuses."""

import json
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from grid import NETWORKS

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.converting import convert
from keras_effconv.converting.convert import _warn_of_time
from keras_effconv.converting.mimicking.places import find_places
from keras_effconv.converting.transferring import transfer
from keras_effconv.inference.compare import largest_relative

QUIET = {"measure": False, "verbose": False}
IDENTITIES = (ke.Conv(), ke.HetConv(parts=1), ke.OctConv(alpha=0))
CHANGES = (ke.HetConv(parts=2), ke.OctConv(alpha=0.5), ke.DWCPWC())


def noise(shape, n=10, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype("float32")


def trained(model, seed=0):
    """Give a model's normalization the statistics of some data."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(rng.normal(size=layer.moving_mean.shape) * 0.1)
            layer.moving_variance.assign(rng.uniform(0.5, 1.5, size=layer.moving_variance.shape))
    return model


def foreign(size=33):
    """A network that this package has not made: a sum of three, a shared layer, a concatenation, two branches."""
    image = keras.Input((size, size, 3), name="image")
    x = keras.layers.Conv2D(8, 3, padding="same", name="stem")(image)
    shared = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="shared")
    a = keras.layers.Conv2D(8, 3, padding="same", name="a")(x)
    b = keras.layers.BatchNormalization(name="bn")(keras.layers.Conv2D(8, 1, name="b")(x))
    total = keras.layers.Add(name="sum")([shared(a), shared(b), x])
    joined = keras.layers.Concatenate(name="joined")([total, keras.layers.ReLU(name="relu")(b)])
    y = keras.layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False, name="down")(joined)
    y = keras.layers.BatchNormalization(name="down_bn")(y)
    y = keras.layers.GlobalAveragePooling2D(name="pool")(keras.layers.ReLU(6.0, name="down_relu")(y))
    return keras.Model(image, keras.layers.Dense(5, name="top")(y), name="foreign")


@pytest.mark.parametrize("kind", IDENTITIES, ids=repr)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_kind_that_changes_nothing_gives_the_network_to_the_bit(network, kind):
    model = trained(network.build())
    images = noise(network.shape, 4)
    converted = convert(model, kind, images, order=False, **QUIET)
    answers, expected = converted.predict_on_batch(images), model.predict_on_batch(images)
    if keras.backend.backend() == "jax":  # XLA may fuse two graphs of one network differently
        np.testing.assert_allclose(answers, expected, rtol=1e-6)
    else:
        np.testing.assert_array_equal(answers, expected)
    for ours, theirs in zip(converted.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert converted.convert_report.macs == converted.convert_report.macs_before


@pytest.mark.parametrize("kind", IDENTITIES, ids=repr)
def test_a_kind_that_changes_nothing_gives_any_model_to_the_bit(kind):
    model = trained(foreign())
    images = noise((33, 33, 3), 4)
    converted = convert(model, kind, images, order=False, **QUIET)
    np.testing.assert_array_equal(converted.predict_on_batch(images), model.predict_on_batch(images))


@pytest.mark.parametrize("kind", CHANGES, ids=repr)
@pytest.mark.parametrize("network", NETWORKS[::3], ids=lambda network: network.name)
def test_a_network_of_this_package_becomes_its_constructors(network, kind, tmp_path):
    model = trained(network.build())
    images = noise(network.shape)
    converted, built = convert(model, kind, images, **QUIET), network.build(conv=kind)
    assert [layer.name for layer in converted.layers] == [layer.name for layer in built.layers]
    assert [v.shape for v in converted.weights] == [v.shape for v in built.weights]
    assert converted.get_layer("network").design.options["conv"] == repr(kind)
    converted.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict_on_batch(images), converted.predict_on_batch(images), atol=1e-6)
    built.set_weights(converted.get_weights())
    np.testing.assert_allclose(built.predict_on_batch(images), converted.predict_on_batch(images), atol=1e-6)
    assert ke.deploy(converted).deploy_report.max_difference < 1e-4


@pytest.mark.parametrize("kind", CHANGES, ids=repr)
def test_any_model_converts_and_survives_saving_and_deploying(kind, tmp_path):
    model, images = trained(foreign()), noise((33, 33, 3))
    before = [np.copy(value) for value in model.get_weights()]
    converted = convert(model, kind, images, **QUIET)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    converted.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict_on_batch(images), converted.predict_on_batch(images), atol=1e-6)
    assert ke.deploy(converted).deploy_report.max_difference < 1e-4
    report = converted.convert_report
    assert {row.name: row.reason for row in report.layers}["shared"]
    assert "reads the image" in " ".join(report.left.values())


def joined(size=16):
    """Two maps that are concatenated, and a depthwise convolution behind them."""
    image = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(16, 3, padding="same", name="stem")(image)
    a, b = (keras.layers.Conv2D(8, 3, padding="same", name=name)(x) for name in "ab")
    y = keras.layers.DepthwiseConv2D(3, padding="same", name="dw")(keras.layers.Concatenate(name="cat")([a, b]))
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, padding="same", name="last")(y))
    return keras.Model(image, keras.layers.Dense(5, name="top")(y))


def test_channels_that_a_concatenation_moves_are_compared_with_no_others():
    """The high bands of both maps come first, so the same place of the dense network's map is another channel's."""
    model, images = joined(), noise((16, 16, 3), 20)
    converted = transfer(model, ke.OctConv(alpha=0.25), [images], order=False)
    assert converted.moved == {"cat", "dw"}
    for moved, places in ((), 1), (converted.moved, 0):
        found = find_places(model, converted.model, "layers", moved)
        assert len({place.name for place in found} & {"cat", "dw"}) == places
    fitted = {fit.name for fit in converted.fits}
    assert fitted >= {"a", "b", "last"} and not any(name.startswith("dw") for name in fitted)
    order = [*range(6), *range(8, 14), 6, 7, 14, 15]  # high of a and b, low of a and b
    kernel = keras.ops.convert_to_numpy(model.get_layer("dw").kernel)[:, :, order]
    mine = [keras.ops.convert_to_numpy(v) for v in converted.model.get_layer("dw").weights if v.shape[:2] == (3, 3)]
    np.testing.assert_allclose(np.concatenate([v.reshape(3, 3, -1) for v in mine], -1), kernel[..., 0], atol=1e-6)


def test_networks_without_anything_to_convert_stay():
    image = keras.Input((6,))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Dense(4)(image)))
    converted = convert(model, ke.OctConv(alpha=0.25), noise((6,)), **QUIET)
    np.testing.assert_allclose(converted.predict_on_batch(noise((6,))), model.predict_on_batch(noise((6,))), atol=1e-6)


def test_a_model_of_any_image_size_is_timed():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", name="first")(image)
    x = keras.layers.Conv2D(8, 3, padding="same", name="second")(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    converted = convert(model, ke.HetConv(parts=2), noise((16, 16, 3)), batch=1, verbose=False)
    assert converted.convert_report.ms > 0


def test_a_nested_model_converts_without_an_order():
    inner = foreign()
    model = keras.Sequential([keras.Input((33, 33, 3)), keras.layers.Rescaling(2.0), inner])
    images = noise((33, 33, 3))
    converted = convert(model, ke.HetConv(parts=2), images, order=False, **QUIET)
    assert converted.output_shape == model.output_shape and converted.convert_report.layers


@pytest.mark.parametrize("kind", CHANGES, ids=repr)
def test_no_layer_is_worse_after_the_fit_and_the_outputs_are_nearer(kind):
    model, images = trained(foreign()), noise((33, 33, 3), 40)
    poured, fitted = (convert(model, kind, images, fit=fit, **QUIET).convert_report for fit in (False, True))
    rows = [row for row in fitted.layers if row.explained is not None]
    assert len(rows) >= 2
    assert all(row.explained >= row.poured - 1e-6 for row in rows)
    assert fitted.explained > poured.explained


def test_the_same_seed_gives_the_same_weights():
    model, images = trained(foreign()), noise((33, 33, 3))
    first, second, other = (convert(model, "OctConv()", images, seed=seed, **QUIET) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first.get_weights(), other.get_weights(), strict=True))


def test_the_report_counts_and_compares_as_a_user_would():
    model, images = trained(foreign()), noise((33, 33, 3), 30)
    converted = convert(model, "OctConv(alpha=0.5)", images, **QUIET)
    report = converted.convert_report
    assert report.macs == ke.count(converted).macs < ke.count(model).macs == report.macs_before
    assert report.images + report.held == 30
    text = str(report)
    assert all(row.name in text for row in report.layers) and "held back" in text
    assert json.loads(json.dumps(report.to_dict()))["agreement"] == report.agreement


def test_times_are_of_what_was_replaced():
    model, images = trained(foreign(32)), noise((32, 32, 3))
    report = convert(model, "HetConv(parts=2)", images, verbose=False, batch=1).convert_report
    timed = [row for row in report.layers if row.ms is not None]
    assert {row.kind for row in timed} == {"HetConv(parts=2)"} and all(row.ms > 0 for row in timed)
    assert report.ms > 0 and report.ms_before > 0 and keras.backend.backend() in report.runtime


def test_several_inputs_and_outputs_that_are_no_classes():
    left, right = keras.Input((16, 16, 3), name="left"), keras.Input((16, 16, 4), name="right")
    conv = keras.layers.Conv2D
    x = keras.layers.Add()([conv(8, 3, padding="same", name="l")(left), conv(8, 3, padding="same", name="r")(right)])
    model = keras.Model([left, right], {"map": conv(6, 3, padding="same", name="last")(x)})
    images = [noise((16, 16, 3)), noise((16, 16, 4), seed=1)]
    converted = convert(model, "HetConv(parts=2)", images, **QUIET)
    assert converted.convert_report.agreement is None and 0 < converted.convert_report.explained < 1
    assert converted(images)["map"].shape == (10, 16, 16, 6)


def test_images_may_be_a_data_set_batches_or_a_folder(tmp_path):
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    digits = data.digits(32, limit=3)
    batches = [(digits.train.images[i : i + 5], None) for i in range(0, 15, 5)]
    for number, image in enumerate(digits.train.images[:6]):
        keras.utils.save_img(tmp_path / f"{number}.png", image)
    for images in (digits, batches, digits.train.images, tmp_path, str(tmp_path)):
        report = convert(model, "HetConv(parts=2)", images, **QUIET).convert_report
        assert report.images >= 4 and report.held >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"conv": None}, "`conv` or `budget`"),
        ({"conv": "HetConv()", "budget": 0.5}, "`conv` or `budget`"),
        ({"conv": "HetConf()"}, "HetConv"),
        ({"images": None}, "`images` must be"),
        ({"images": np.zeros((4, 30, 30, 3))}, "`images` must be at least two, of shape"),
        ({"images": np.zeros((1, 33, 33, 3))}, "`images` must be at least two"),
        ({"images": "/no/such/folder"}, "`model` must be, or hold"),
        ({"runtime": "tensorrt", "measure": True}, "`runtime` must be"),
        ({"mimic": -1}, "`mimic` must be"),
        ({"mimic": 5, "images": np.zeros((2, 33, 33, 3))}, "`mimic` must be 0"),
    ],
)
def test_a_mistake_is_one_line_before_work_is_spent(arguments, message):
    with pytest.raises((ValueError, OSError), match=message) as error:
        convert(foreign(), **{"conv": "HetConv()", "images": noise((33, 33, 3), 4), **QUIET, **arguments})
    assert "\n" not in str(error.value)


def test_a_model_without_a_graph_or_with_another_kind_is_refused():
    with pytest.raises(ValueError, match="functional or sequential"):
        convert(keras.Sequential([keras.layers.Dense(2)]), "HetConv()", noise((4,)))
    with pytest.raises(ValueError, match="plain convolutions"):
        convert(ke.ResNet20(weights=None, conv="HetConv()"), "OctConv()", noise((32, 32, 3)), **QUIET)


def test_what_is_said_of_agreement_is_counted():
    from keras_effconv.converting.comparing import compared

    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    other = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * keras.ops.array([1.0, 0.0, 1.0]))])
    images = np.array([[3, 1, 0], [0, 3, 1], [0, 1, 3], [1, 3, 0]], "float32")
    agreement, explained = compared(other, model, [images])
    spread = np.square(images - images.mean(0)).sum()
    assert agreement == 0.5
    np.testing.assert_allclose(explained, 1 - np.square(images[:, 1]).sum() / spread)
    assert largest_relative(images, images) == 0


@pytest.mark.parametrize(("ms", "is_kept"), [(5.0, True), (5.2, True), (6.0, False)])
def test_a_budget_that_the_whole_network_does_not_keep_is_a_warning(ms, is_kept):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _warn_of_time(SimpleNamespace(ms=ms, ms_before=10.0), budget=0.5)
    messages = [str(each.message) for each in caught]
    assert (messages == []) if is_kept else (len(messages) == 1 and "and 0.60 measured" in messages[0])
