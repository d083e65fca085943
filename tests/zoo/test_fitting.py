"""`zoo.fit`: exact where it can be, never worse than without images, better on real data."""

import keras
import numpy as np
import pytest
from paths import SHARED, needs

import keras_effconv as ke
from keras_effconv.data import from_archives
from keras_effconv.zoo import fit

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
            teacher.get_layer(layer.name).kernel.assign(layer.dense_kernel())
            for variable in layer.trainable_variables:
                variable.assign(numpy(variable) * 0.5)
    changed = fit(model, teacher, noise())
    assert max(after for _, _, after in changed) < 1e-3
    assert max(before for _, before, _ in changed) > 0.05
    np.testing.assert_allclose(numpy(model(noise(2, 1))), numpy(teacher(noise(2, 1))), atol=1e-2)


@pytest.mark.parametrize("kind", ["HetConv(parts=4)", "OctConv(alpha=0.25)", "GWCPWC(groups=2)"])
def test_no_error_rises_and_only_convolutions_and_the_means_behind_them_change(kind):
    teacher, model = pair(kind, width=0.25, depth=0.3)
    kept = [v for layer in model.layers if "conv" not in layer.name for v in layer.weights if v.name != "moving_mean"]
    before, plain = ([numpy(v).copy() for v in each] for each in (kept, teacher.weights))
    changed = fit(model, teacher, noise(4))
    expected = [x.name for x in teacher.layers if isinstance(x, keras.layers.Conv2D)]
    assert [name for name, _, _ in changed] == expected[1:]  # the first one stays plain
    assert all(after <= was for _, was, after in changed)
    assert sum(after for _, _, after in changed) < 0.9 * sum(was for _, was, _ in changed)
    for v, old in [*zip(kept, before), *zip(teacher.weights, plain)]:
        np.testing.assert_array_equal(numpy(v), old)


def test_the_same_images_and_seed_give_the_same_weights():
    fitted = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(0)
        teacher, model = pair("HetConv(parts=2)", width=0.25, depth=0.3)
        fit(model, teacher, noise(4), rows=500, seed=seed)
        fitted.append([numpy(v) for v in model.weights])
    assert all(np.array_equal(a, b) for a, b in zip(*fitted[:2]))
    assert not all(np.array_equal(a, b) for a, b in zip(*fitted[1:]))


def test_a_layer_with_an_activation_and_a_bias_is_fitted_before_it():
    def network(layer):
        return keras.Sequential([keras.Input((8, 8, 6)), layer])

    plain = keras.layers.Conv2D(4, 3, padding="same", activation="relu", bias_initializer="ones", name="conv")
    model = network(ke.layers.HetConv2D(4, 3, parts=2, activation="relu", name="conv"))
    ((_, before, after),) = fit(model, network(plain), np.random.default_rng(0).normal(size=(9, 8, 8, 6)))
    assert after < 0.7 * before
    np.testing.assert_allclose(numpy(model.layers[0].bias), 1, atol=0.3)


@pytest.mark.parametrize(
    ("name", "norm"),
    [
        ("EfficientNetLite0", "block2a_bn"),
        ("MobileNet", "conv_pw_1_bn"),
        ("MobileNetV2", "block_1_depthwise_BN"),
    ],
)
def test_a_layer_that_stands_for_two_is_fitted_to_the_second(name, norm):
    """Its filters, and the statistics behind them, have another scale than those of the plain network."""
    options = {"depth": 0.2, "input_shape": (32, 32, 3), "include_top": False}
    options |= {"width": 0.25} if name == "EfficientNetLite0" else {"alpha": 0.25}
    teacher, model = pair(ke.HetConv(parts=2), name, **options)
    model.get_layer(norm).moving_variance.assign(model.get_layer(norm).moving_variance * 4)  # the filters double
    images = keras.ops.convert_to_tensor(noise(16))
    changed = fit(model, teacher, images)
    fused = [each for each in changed if isinstance(model.get_layer(each[0]), ke.layers.HetConv2D)]
    assert fused and all(after < 0.8 * before for _, before, after in fused), changed
    maps = [keras.Model(each.inputs[0], each.get_layer(norm).output)(images) for each in (teacher, model)]
    expected, got = (np.clip(numpy(x), 0, 6) for x in maps)  # what the activation leaves
    np.testing.assert_allclose(got.mean((0, 1, 2)), expected.mean((0, 1, 2)), atol=0.1 * expected.std())
    assert np.square(got - expected).mean() < 0.5 * expected.var()


def test_mistakes_are_one_line():
    teacher, model = pair(ke.HetConv(parts=4), width=0.25, depth=0.3)
    dense = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`model` must have convolutions"):
        fit(dense, teacher, noise())
    with pytest.raises(ValueError, match=r"`images` must be of shape \(None, 32, 32, 3\)"):
        fit(model, teacher, noise()[:, :16])
    with pytest.raises(ValueError, match="`teacher` must have a convolution 'conv1_conv'"):
        fit(model, ke.ResNet20(weights=None, width=0.5, depth=0.3), noise())
    with pytest.raises(ValueError, match="`teacher` must have a convolution 'conv2_block1_1_conv'"):
        fit(model, keras.Model(teacher.input, teacher.get_layer("conv1_bn").output), noise())
    with pytest.raises(ValueError, match="`rows` must be"):
        fit(model, teacher, noise(), rows=0)


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
