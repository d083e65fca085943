"""HetConv by least squares: exact where it can be, never worse than without images, better on real data."""

import keras
import numpy as np
import pytest
from paths import SHARED, needs

import keras_effconv as ke
from keras_effconv.data import from_archives
from keras_effconv.zoo import fit
from keras_effconv.zoo.warm_start.fitting import support

WEIGHTS = ("weights", "resnet_cifar10", "resnet20-12fca82f.th")


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def noise(n=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 32, 32, 3)).astype("float32")


def pair(kind, name="ResNet20", **options):
    """A plain network with random weights, and one of another kind with the same."""
    build = ke.applications.get(name)
    options = {"weights": None, **(options or {"width": 0.5, "depth": 0.3})}
    teacher, model = build(**options), build(**options, conv=kind)
    dense = {f"{layer.name}/{v.name}": numpy(v) for layer in teacher.layers for v in layer.weights}
    ke.zoo.pour(model, dense)
    return teacher, model


@pytest.mark.long
@pytest.mark.parametrize(
    "kind", [ke.HetConv(parts=2), ke.HetConv(parts=4, layout="shifted"), ke.HetConv(parts=3)], ids=repr
)
def test_what_a_hetconv_can_be_it_becomes(kind):
    teacher, model = pair(kind)
    for layer in model.layers:
        if isinstance(layer, ke.layers.HetConv2D):
            plain = teacher.get_layer(layer.name)
            held = support(layer).reshape(plain.kernel.shape)
            plain.kernel.assign(np.where(held, numpy(plain.kernel), 0))
            for variable in layer.trainable_variables:
                variable.assign(numpy(variable) * 0.5)
    changed = fit(model, teacher, noise())
    assert max(after for _, _, after in changed) < 1e-4 < min(before for _, before, _ in changed)
    np.testing.assert_allclose(numpy(model(noise(2, 1))), numpy(teacher(noise(2, 1))), atol=1e-2)


@pytest.mark.long
def test_the_error_is_the_least_and_only_kernels_and_the_means_behind_them_change():
    teacher, model = pair(ke.HetConv(parts=4))
    fitted = {layer.name for layer in model.layers if isinstance(layer, ke.layers.HetConv2D)}
    means = {f"{name.removesuffix('conv')}bn/moving_mean" for name in fitted}
    before = {v.path: numpy(v).copy() for layer in model.layers if layer.name not in fitted for v in layer.weights}
    before = {path: value for path, value in before.items() if path not in means}
    plain = [numpy(v).copy() for v in teacher.weights]
    changed = fit(model, teacher, noise())
    assert [name for name, _, _ in changed] == [x.name for x in model.layers if x.name in fitted]
    assert all(after <= was for _, was, after in changed)
    for layer in model.layers:
        for v in layer.weights:
            if v.path in before:
                np.testing.assert_array_equal(numpy(v), before[v.path])
    for v, old in zip(teacher.weights, plain):
        np.testing.assert_array_equal(numpy(v), old)


def test_a_filter_varies_around_the_mean_that_the_layers_behind_expect():
    def network(layer):
        return keras.Sequential([keras.Input((8, 8, 6)), layer, keras.layers.BatchNormalization(name="bn")])

    rng = np.random.default_rng(0)
    teacher = network(keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv"))
    model = network(ke.layers.HetConv2D(4, 3, parts=2, use_bias=False, name="conv"))
    for each in (teacher, model):
        each.get_layer("bn").moving_mean.assign([1, 2, 3, 4])
    images = rng.normal(1, 2, (9, 8, 8, 6)).astype("float32")
    for _ in range(2):  # a second fit finds the mean of the first
        ((_, before, after),) = fit(model, teacher, images, rows=10_000)
        expected, got = numpy(teacher(images)), numpy(model(images))
        np.testing.assert_allclose(got.mean((0, 1, 2)), expected.mean((0, 1, 2)), atol=1e-3)
        np.testing.assert_allclose(got.var((0, 1, 2)), expected.var((0, 1, 2)), rtol=1e-2)
        assert after < before
    unexplained = np.square(got - expected).mean() / expected.var((0, 1, 2)).mean()
    assert after < unexplained < 2 * after  # of two maps of one variance: 2 - 2 * correlation


def test_a_layer_with_an_activation_and_a_bias_is_fitted_before_it():
    def network(layer):
        return keras.Sequential([keras.Input((8, 8, 6)), layer])

    plain = keras.layers.Conv2D(4, 3, padding="same", activation="relu", bias_initializer="ones", name="conv")
    model = network(ke.layers.HetConv2D(4, 3, parts=2, activation="relu", name="conv"))
    ((_, before, after),) = fit(model, network(plain), np.random.default_rng(0).normal(size=(9, 8, 8, 6)))
    assert after < 0.7 * before
    np.testing.assert_allclose(numpy(model.layers[0].bias), 1, atol=0.2)


@pytest.mark.long
def test_a_layer_that_stands_for_two_is_fitted_to_the_second():
    """Between the two is an activation, so the fit is not exact; what normalisation makes of it is the nearest map."""
    options, norm = {"width": 0.25, "depth": 0.2, "input_shape": (32, 32, 3)}, "block2a_bn"
    teacher, model = pair(ke.HetConv(parts=2), "EfficientNetLite0", **options)
    model.get_layer(norm).moving_variance.assign(model.get_layer(norm).moving_variance * 4)  # the filters double
    images = keras.ops.convert_to_tensor(noise(32))
    changed = fit(model, teacher, images)
    assert changed and all(after < 0.8 * before for _, before, after in changed), changed
    maps = [keras.Model(each.inputs, each.get_layer(norm).output)(images) for each in (teacher, model)]
    expected, got = map(numpy, maps)
    np.testing.assert_allclose(got.mean((0, 1, 2)), expected.mean((0, 1, 2)), atol=0.05)
    np.testing.assert_allclose(got.std((0, 1, 2)), expected.std((0, 1, 2)), rtol=0.1)


def test_mistakes_are_one_line():
    teacher, model = pair(ke.HetConv(parts=4))
    with pytest.raises(ValueError, match="`model` must have HetConv2D layers"):
        fit(teacher, teacher, noise())
    with pytest.raises(ValueError, match=r"`images` must be of shape \(None, 32, 32, 3\)"):
        fit(model, teacher, noise()[:, :16])
    with pytest.raises(ValueError, match="`teacher` must have a convolution 'conv2_block1_1_conv'"):
        fit(model, ke.ResNet20(weights=None), noise())


@pytest.mark.long
@needs(*WEIGHTS)
@needs("data", "cifar10")
def test_on_real_weights_it_keeps_what_the_others_lose():
    """CIFAR-10 ResNet-20, 4 parts: the centre and the sum of a kernel leave chance."""
    path = SHARED.joinpath(*WEIGHTS)
    images = from_archives(SHARED / "data" / "cifar10", 32, limit=30)
    teacher = ke.ResNet20(weights=str(path))
    prepare = ke.preprocessing_for(teacher)
    train, test = (numpy(prepare(split.images)) for split in (images.train, images.validation))
    accuracy = {}
    for rule in ("center", "sum", "correlated", "fit"):
        model = ke.ResNet20(weights=None, conv=ke.HetConv(parts=2))
        ke.load_weights(model, path, pointwise="correlated" if rule == "fit" else rule)
        if rule == "fit":
            fit(model, teacher, train[:200], rows=5000)
        accuracy[rule] = (numpy(model(test)).argmax(1) == images.validation.labels).mean()
    fitted = accuracy.pop("fit")
    assert fitted > 0.5 > 0.3 > max(accuracy.values())
