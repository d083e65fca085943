"""Dense layers that write outputs: fitted to what they read now, if that helps on other images."""

import keras
import numpy as np
import pytest

from keras_effconv.fitting import fit_heads

FEATURES, CLASSES = 12, 5


def network(noise=0.0, activation="softmax", separate=False, seed=0):
    """A fixed random map of 6 inputs to features, spoiled where `noise`, and a head."""
    rng = np.random.default_rng(0)
    image = keras.Input((6,))
    x = keras.layers.Dense(FEATURES, activation="relu", name="features")(image)
    y = keras.layers.Dense(CLASSES, activation=None if separate else activation, name="head")(x)
    model = keras.Model(image, keras.layers.Activation("softmax")(y) if separate else y)
    kernels = rng.normal(size=(6, FEATURES)), rng.normal(size=(FEATURES, CLASSES))
    spoiled = kernels[0] + noise * np.random.default_rng(seed + 1).normal(size=kernels[0].shape)
    model.get_layer("features").set_weights([spoiled, np.ones(FEATURES)])
    model.get_layer("head").set_weights([kernels[1], np.ones(CLASSES)])
    return model


def logits(model, x):
    head = model.get_layer("head")
    features = keras.Model(model.input, head.input).predict(x, verbose=0)
    return features @ head.get_weights()[0] + head.get_weights()[1]


def inputs(n=200, seed=5):
    return np.random.default_rng(seed).normal(size=(n, 6)).astype("float32")


@pytest.mark.parametrize(("activation", "separate"), [("softmax", False), (None, False), (None, True)])
def test_the_error_falls_on_images_of_neither_fold(activation, separate):
    teacher = network(activation=activation, separate=separate)
    model = network(0.5, activation, separate)
    x, fresh = inputs(), inputs(seed=6)
    before = np.square(logits(model, fresh) - logits(teacher, fresh)).sum()
    features = model.get_layer("features").get_weights()[0]
    changed = fit_heads(model, teacher, [x])
    after = np.square(logits(model, fresh) - logits(teacher, fresh)).sum()
    assert list(changed) == ["head"] and after < 0.8 * before
    spread = np.square(logits(teacher, fresh) - logits(teacher, fresh).mean(0)).sum()
    assert changed["head"] == pytest.approx(1 - after / spread, abs=0.1)
    np.testing.assert_array_equal(features, model.get_layer("features").get_weights()[0])


def test_it_is_the_least_squares_of_the_definition():
    teacher, model, x = network(), network(0.5), inputs(2000)
    seen = keras.Model(model.input, model.get_layer("head").input).predict(x, verbose=0).astype("float64")
    wanted = np.linalg.lstsq(np.c_[seen, np.ones(len(seen))], logits(teacher, x), rcond=None)[0]
    assert np.abs(model.get_layer("head").get_weights()[0] - wanted[:-1]).max() > 0.5
    fit_heads(model, teacher, [x])
    np.testing.assert_allclose(model.get_layer("head").get_weights()[0], wanted[:-1], atol=0.05)
    np.testing.assert_allclose(model.get_layer("head").get_weights()[1], wanted[-1], atol=0.05)


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_images_never_break_it(noise, n):
    """The same network stays as it is to the bit; another one does not get worse than its error allows."""
    teacher, model, x, fresh = network(), network(noise), inputs(n), inputs(seed=6)
    before, error = model.get_weights(), np.square(logits(model, fresh) - logits(teacher, fresh)).sum()
    changed = fit_heads(model, teacher, [x])
    if not noise or n == 1:
        assert changed == {}
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.square(logits(model, fresh) - logits(teacher, fresh)).sum() < 2 * error + 1e-9


def test_a_shared_layer_and_one_that_writes_no_output_stay():
    image = keras.Input((6,))
    shared = keras.layers.Dense(6, name="shared")
    x = keras.layers.Dense(6, name="inner")(image)
    model = keras.Model(image, [shared(x), shared(image)])
    teacher = keras.models.clone_model(model)
    assert fit_heads(model, teacher, [inputs()]) == {}
