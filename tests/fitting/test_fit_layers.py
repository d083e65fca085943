"""Kernels by least squares, against NumPy's own from the definition, and properties over kinds and networks."""

import tracemalloc

import keras
import numpy as np
import pytest
from keras import layers

import keras_effconv as ke
from keras_effconv.converting.transferring import build
from keras_effconv.fitting import fit, fit_layers
from keras_effconv.fitting.solving import Solution, solve
from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D

RIDGE = 1e-3
SAME = {"padding": "same"}


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def noise(*shape, seed=0):
    x = np.random.default_rng(seed).normal(size=shape).astype("float32")
    return x + 0.5 * np.roll(x, 1, -1)  # channels that have to do with each other


def by_band(x):
    return x if isinstance(x, dict) else {"high": x}


def responses(layer, x):
    """What each weight of a layer, being 1, adds to what it writes: dict of band -> (positions, filters, weights)."""
    variables = [v for v in layer.trainable_variables if v.name != "bias"]
    before, columns = [numpy(v).copy() for v in layer.trainable_variables], []
    for variable in variables:
        for entry in range(int(np.prod(variable.shape))):
            for v in layer.trainable_variables:
                v.assign(np.zeros(v.shape))
            one = np.zeros(int(np.prod(variable.shape)))
            one[entry] = 1
            variable.assign(one.reshape(variable.shape))
            columns.append({band: numpy(y).reshape(-1, y.shape[-1]) for band, y in by_band(layer(x)).items()})
    for v, value in zip(layer.trainable_variables, before):
        v.assign(value)
    return {band: np.stack([column[band] for column in columns], -1) for band in columns[0]}


def nearest(seen, target, start):
    """Return weights and constant: least squares, with a ridge towards the start that leaves the constant alone."""
    pull = RIDGE * np.square(seen - seen.mean(0)).sum(0).mean()
    count = seen.shape[1]
    rows = np.concatenate(
        [np.concatenate([seen, np.ones((len(seen), 1))], 1), np.sqrt(pull) * np.eye(count, count + 1)]
    )
    solution = np.linalg.lstsq(rows, np.concatenate([target, np.sqrt(pull) * start]), rcond=None)[0]
    return solution[:count], solution[count]


def check_layer(layer, x, target, start):
    """Compare a layer's weights with those of least squares, filter by filter."""
    weights = np.concatenate([numpy(v).ravel() for v in layer.trainable_variables if v.name != "bias"])
    bias, first = numpy(layer.bias), 0
    for band, columns in responses(layer, x).items():
        wanted = target if band == "high" else pooled(target)
        for number in range(columns.shape[1]):
            held = np.abs(columns[:, number]).max(0) > 0
            goal = wanted[..., first + number].reshape(-1)
            expected, constant = nearest(columns[:, number, held].astype("float64"), goal, start[held])
            # The moments are in float32, so weights of about 10 are off by more than those of about 1.
            np.testing.assert_allclose(weights[held], expected, rtol=5e-4, atol=2e-3)
            np.testing.assert_allclose(bias[first + number], constant, rtol=5e-4, atol=2e-3)
        first += columns.shape[1]


def pooled(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def chain(first, second):
    image = keras.Input((8, 8, 4))
    return keras.Model(image, second(first(image)))


def conv(name, filters=4, size=3, **config):
    return layers.Conv2D(filters, size, name=name, **SAME, **config)


def octave(name, filters=4, alpha=0.5, size=3, **config):
    return OctConv2D(filters, size, alpha=alpha, name=name, **SAME, **config)


PAIRS = {
    "plain": (conv, conv, {}),
    "strided": (conv, conv, {"strides": 2}),
    "grouped": (conv, conv, {"groups": 2}),
    "octave": (octave, octave, {}),
    "octave strided": (octave, octave, {"strides": 2}),
    "octave to plain": (octave, lambda name, **config: octave(name, alpha=0, **config), {}),
}


@pytest.mark.parametrize("case", PAIRS)
def test_the_weights_are_those_of_least_squares(case):
    first, second, config = PAIRS[case]
    check_chain(chain(first("a", size=1), second("b", **config)), chain(conv("a", size=1), conv("b", **config)))


@pytest.mark.parametrize("layout", ["grouped", "shifted"])
def test_the_weights_of_a_hetconv_are_those_of_least_squares(layout):
    model = chain(conv("a", size=1), HetConv2D(4, 3, parts=2, layout=layout, name="b", **SAME))
    check_chain(model, chain(conv("a", size=1), conv("b")))


@pytest.mark.parametrize("kind", ["plain", "octave"])
def test_the_weights_of_a_depthwise_convolution_are_those_of_least_squares(kind):
    first = {"plain": conv, "octave": octave}[kind]("a", size=1)
    second = {"plain": layers.DepthwiseConv2D, "octave": OctDepthwiseConv2D}[kind](3, name="b", **SAME)
    check_chain(chain(first, second), chain(conv("a", size=1), layers.DepthwiseConv2D(3, name="b", **SAME)))


def check_chain(model, teacher):
    x = noise(12, 8, 8, 4)
    starts = {}
    for name in "ab":
        layer = model.get_layer(name)
        starts[name] = np.concatenate([numpy(v).ravel() for v in layer.trainable_variables if v.name != "bias"])
    changed = fit_layers(model, teacher, [x], rows=10**6)
    assert [each.name for each in changed] == ["a", "b"]
    assert all(each.after <= each.before for each in changed)
    read, target = x, x
    for name in "ab":
        target = numpy(teacher.get_layer(name)(target))
        check_layer(model.get_layer(name), read, target, starts[name])
        read = model.get_layer(name)(read)


def test_a_sum_is_fitted_to_what_is_left_of_it():
    """The second branch makes up for what the first one, which has come before, lacks."""

    def network(first):
        image = keras.Input((8, 8, 4))
        branches = [first(image), conv("b", size=1)(image)]
        return keras.Model(image, layers.ReLU(name="out")(layers.Add(name="sum")(branches)))

    x = noise(12, 8, 8, 4)
    teacher, model = network(conv("a")), network(HetConv2D(4, 3, parts=4, name="a", **SAME))
    model.get_layer("b").set_weights(teacher.get_layer("b").get_weights())
    changed = fit_layers(model, teacher, [x], rows=10**6)
    assert [each.name for each in changed] == ["a", "b"]
    assert all(each.after <= each.before for each in changed)
    error = np.square(numpy(model(x)) - numpy(teacher(x))).mean()
    kernel, bias = model.get_layer("b").get_weights()
    model.get_layer("b").set_weights([kernel + 0.01, bias])
    assert np.square(numpy(model(x)) - numpy(teacher(x))).mean() > error


def test_several_inputs_of_a_model():
    def network(first):
        images = [keras.Input((8, 8, 4), name=name) for name in "xy"]
        maps = [first(images[0]), conv("b")(images[1])]
        return keras.Model(images, conv("c")(layers.Concatenate(name="joined")(maps)))

    model, teacher = network(HetConv2D(4, 3, parts=2, name="a", **SAME)), network(conv("a"))
    changed = fit_layers(model, teacher, [noise(6, 8, 8, 4), noise(6, 8, 8, 4, seed=1)])
    assert [each.name for each in changed] == ["a", "b", "c"]
    assert all(each.after <= each.before for each in changed)


def small(name, shape, **options):
    return ke.applications.get(name)(weights=None, input_shape=shape, include_top=False, pooling="avg", **options)


RESNET = ("ResNet20", (33, 34, 3), {"width": 0.25, "depth": 0.3})
LITE = ("EfficientNetLite0", (47, 33, 3), {"width": 0.25, "depth": 0.2})
MOBILE = ("MobileNet", (33, 32, 3), {"alpha": 0.25, "depth": 0.2})


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        (RESNET, "HetConv(parts=2)"),
        (RESNET, "OctConv(alpha=0.25)"),
        (RESNET, "DWCPWC()"),
        (RESNET, "GWCPWC(groups=2)"),
        (LITE, "HetConv(parts=2)"),
        (LITE, "OctConv(alpha=0.25)"),
        (MOBILE, "HetConv(parts=4)"),
        (MOBILE, "OctConv(alpha=0.5)"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_no_error_rises_in_networks_of_odd_sizes(network, kind):
    name, shape, options = network
    teacher = small(name, shape, **options)
    model, *_ = build(teacher, ke.kinds.get(kind))
    changed = fit_layers(model, teacher, [noise(3, *shape)], rows=2000)
    assert changed and all(each.after <= each.before for each in changed)
    assert sum(each.after for each in changed) < sum(each.before for each in changed)
    assert all(np.isfinite(numpy(v)).all() for v in model.weights)


@pytest.mark.parametrize("kind", ["HetConv(parts=1)", "OctConv(alpha=0)", "Conv()"])
def test_what_computes_the_same_stays_to_the_bit(kind):
    teacher = small("ResNet20", (32, 32, 3), width=0.25, depth=0.3)
    model, *_ = build(teacher, ke.kinds.get(kind))
    before = [numpy(v).copy() for v in model.weights]
    assert fit_layers(model, teacher, [noise(2, 32, 32, 3)], rows=1000) == []
    for v, value in zip(model.weights, before):
        np.testing.assert_array_equal(numpy(v), value)


def test_a_constant_goes_into_the_normalization():
    """What the layer reads is moved by a constant: with the mean moved likewise, nothing has changed."""

    def network(shift):
        image = keras.Input((8, 8, 4))
        x = conv("a", use_bias=False)(layers.Rescaling(1.0, offset=shift, name="moved")(image))
        return keras.Model(image, layers.BatchNormalization(name="bn")(x))

    teacher, model = network(0.0), network(3.0)
    model.get_layer("a").padding = teacher.get_layer("a").padding = "valid"  # borders would tell
    model.get_layer("a").set_weights(teacher.get_layer("a").get_weights())
    x = noise(6, 8, 8, 4)
    ((_, before, after),) = fit_layers(model, teacher, [x])
    assert after < 1e-3 < before
    np.testing.assert_allclose(numpy(model(x)), numpy(teacher(x)), atol=0.05)


def test_what_differs_by_rounding_alone_stays_to_the_bit():
    """Large values that hardly vary: what rounding leaves of them is much of their variance, and says nothing."""
    inputs = 1 + 1e-3 * noise(500, 9)
    weights, constant = noise(9, 4, seed=1).astype("float64"), np.full(4, 5.0)
    exact = (inputs @ weights + constant).astype("float32")
    rounded = exact * (1 + 2e-7 * noise(500, 4, seed=2))
    assert 1e-9 < np.square(rounded - exact).sum() / np.square(exact - exact.mean(0)).sum() < 1e-2
    kept = solve(inputs, lambda predicted: rounded, weights, constant, is_free=True)
    assert kept.weights is weights and kept.constant is constant
    moved = solve(inputs, lambda predicted: exact * 1.001, weights, constant, is_free=True)
    assert (moved.weights != weights).any() and (moved.after < moved.before).all()


def test_few_positions_do_not_change_what_is_better_than_nothing():
    teacher, model = chain(conv("a"), conv("b")), chain(conv("a"), conv("b"))
    model.set_weights([0.9 * w for w in teacher.get_weights()])
    before = [numpy(v).copy() for v in model.weights]
    changed = fit_layers(model, teacher, [noise(1, 8, 8, 4)], rows=20)  # of 36 weights
    assert all(0 < each.after == each.before < 1 for each in changed)
    for v, value in zip(model.weights, before):
        np.testing.assert_array_equal(numpy(v), value)
    model.set_weights([5 * w for w in teacher.get_weights()])
    changed = fit_layers(model, teacher, [noise(1, 8, 8, 4)], rows=20)
    assert all(each.after < each.before for each in changed)


def test_memory_is_bounded_by_drawing_fewer_positions(monkeypatch):
    bound = 8 << 20
    monkeypatch.setattr(fit, "WINDOWS", bound)
    taken = []

    def solve(inputs, target, start, constant, is_free, **options):
        taken.append(inputs.shape)
        nothing = np.zeros(target(None).shape[1])
        return Solution(start, constant, nothing, nothing, nothing)

    monkeypatch.setattr(fit, "solve", solve)
    image = keras.Input((8, 8, 512))
    teacher, model = (keras.Model(image, conv("a", filters=8)(image)) for _ in range(2))
    x = noise(64, 8, 8, 512)
    tracemalloc.start()
    fit_layers(model, teacher, [x])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(0.5 * bound < 4 * rows * entries < 1.2 * bound and entries == 9 * 512 for rows, entries in taken)
    assert peak < 4 * bound + 4 * x.nbytes
