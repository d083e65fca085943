"""Recipes, and the schedules and optimizers that they name."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from keras import ops
from small_network import again, small_network

import keras_effconv as ke
from keras_effconv.training import network, recipes
from keras_effconv.training.optimization.optimizers import RMSpropTF1, l2, layer_rates, make_optimizer
from keras_effconv.training.optimization.schedules import learning_rate
from keras_effconv.training.recipe import OPTIMIZERS, SCHEDULES, Recipe
from keras_effconv.training.recipes import RECIPES

to_numpy = ops.convert_to_numpy


# --- schedules ------------------------------------------------------------------------------------------------------


def expected_rate(recipe, peak, steps, step):
    """From the definitions, in steps counted from 0."""
    warm_up, total = recipe.warmup_epochs * steps, recipe.epochs * steps
    if step < warm_up:
        return peak * (0.01 + 0.99 * step / warm_up)
    if recipe.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * min((step - warm_up) / (total - warm_up), 1)))
    if recipe.schedule == "exponential":
        return peak * recipe.decay_rate ** (step // (recipe.decay_epochs[0] * steps))
    if recipe.schedule == "steps":
        return peak * recipe.decay_rate ** sum(step >= epoch * steps for epoch in recipe.decay_epochs)
    return peak


@pytest.mark.parametrize("warmup_epochs", [0, 2])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_learning_rate_of_every_step(schedule, warmup_epochs):
    decay = {"exponential": (2.4,), "steps": (3, 5)}.get(schedule, ())
    recipe = Recipe(schedule=schedule, epochs=6, warmup_epochs=warmup_epochs, decay_rate=0.5, decay_epochs=decay)
    rate = learning_rate(recipe, 0.4, 5)
    steps = range(35)
    expected = [expected_rate(recipe, 0.4, 5, step) for step in steps]
    np.testing.assert_allclose([float(rate(step)) for step in steps], expected, atol=1e-6)
    np.testing.assert_allclose([float(again(rate)(step)) for step in steps], expected, atol=1e-6)


def test_a_decay_needs_its_epochs():
    with pytest.raises(ValueError, match="`decay_epochs`"):
        learning_rate(Recipe(schedule="steps"), 0.1, 10)


# --- optimizers -----------------------------------------------------------------------------------------------------


def descend(optimizer, start, gradients):
    """The value of a variable after each step."""
    variable = keras.Variable(start)
    optimizer.build([variable])
    values = []
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)])
        values.append(to_numpy(variable).copy())
    return np.stack(values)


GRADIENTS = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
START = np.linspace(-1, 1, 5, dtype="float32")


def test_rmsprop_is_that_of_tensorflow_1():
    expected, square, step, value = [], np.ones(5), np.zeros(5), START.astype("float64")
    for g in GRADIENTS:
        square = 0.9 * square + 0.1 * g**2
        step = 0.9 * step + 0.05 * g / np.sqrt(square + 1e-3)
        value = value - step
        expected.append(value)
    np.testing.assert_allclose(descend(RMSpropTF1(0.05), START, GRADIENTS), expected, rtol=1e-5, atol=1e-6)
    other = descend(keras.optimizers.RMSprop(0.05, momentum=0.9, epsilon=1e-3), START, GRADIENTS)
    assert abs(other[0] - START).min() > 2 * abs(expected[0] - START).max()


def test_rmsprop_is_tensorflows_own_kernel():
    tf = pytest.importorskip("tensorflow")
    variables = {
        name: tf.Variable(value) for name, value in {"var": START, "ms": START * 0 + 1, "mom": START * 0}.items()
    }
    expected = []
    for g in GRADIENTS:
        handles = {name: variable.handle for name, variable in variables.items()}
        tf.raw_ops.ResourceApplyRMSProp(**handles, lr=0.05, rho=0.9, momentum=0.9, epsilon=1e-3, grad=g)
        expected.append(variables["var"].numpy())
    np.testing.assert_allclose(descend(again(RMSpropTF1(0.05)), START, GRADIENTS), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rate_per_block_is_the_optimizer_with_that_rate(name):
    """Every variable moves as under the plain optimizer with its own learning rate, weight decay included."""
    recipe = Recipe(optimizer=name, weight_decay=0.1, layer_decay=0.5)
    model, rng = small_network(), np.random.default_rng(0)
    gradients = [[rng.normal(size=v.shape).astype("float32") for v in model.trainable_variables] for _ in range(3)]
    start = model.get_weights()
    rates = layer_rates(model, 0.5)
    apply(again(make_optimizer(recipe, 0.1, model)), model, gradients)
    layerwise = {v.path: to_numpy(v) for v in model.trainable_variables}
    assert set(rates.values()) == {0.125, 0.25, 0.5}
    for rate in (0.125, 0.25, 0.5, 1.0):
        model.set_weights(start)
        apply(make_optimizer(dataclasses.replace(recipe, layer_decay=1), 0.1 * rate, model), model, gradients)
        for v in model.trainable_variables:
            if rates.get(v.path, 1.0) == rate:
                np.testing.assert_allclose(layerwise[v.path], to_numpy(v), rtol=1e-5, atol=1e-6, err_msg=v.path)


def apply(optimizer, model, gradients):
    optimizer.build(model.trainable_variables)
    for step in gradients:
        optimizer.apply([ops.convert_to_tensor(g) for g in step])


@pytest.mark.long
def test_layer_rates_rise_to_the_head():
    rates = layer_rates(small_network(), 0.5)
    expected = {"conv1_conv": 0.125, "conv2_block1_conv": 0.25, "conv2_block2_conv": 0.5, "conv2_block2_bn": 0.5}
    assert {path.split("/")[0]: rate for path, rate in rates.items()} == expected
    model = ke.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35)
    rates = [layer_rates(model, 0.9).get(v.path, 1.0) for v in model.weights]
    assert rates == sorted(rates)
    assert len(set(rates)) == len(network.blocks(model)) + 1  # the head; the stem is a block


def test_what_is_not_a_kernel_is_not_decayed():
    """With no gradient only the decay moves a weight; after loading too."""
    model = small_network()
    model.set_weights([w + 1 for w in model.get_weights()])
    before = {v.path: to_numpy(v) for v in model.trainable_variables}
    apply(again(make_optimizer(Recipe(weight_decay=0.5), 0.1, model)), model, [[v * 0 for v in before.values()]])
    for v in model.trainable_variables:
        factor = 0.95 if "kernel" in v.path else 1
        np.testing.assert_allclose(to_numpy(v), factor * before[v.path], rtol=1e-6)


def test_gradients_are_accumulated():
    """Two half batches make the update of the whole one."""
    model = small_network()
    start, (a, b) = model.get_weights(), GRADIENTS[:2]
    halves = [[np.full(v.shape, g.sum(), "float32") for v in model.trainable_variables] for g in (a, b)]
    whole = [[(x + y) / 2 for x, y in zip(*halves)]]
    recipe = Recipe(layer_decay=0.5)
    apply(make_optimizer(dataclasses.replace(recipe, accumulate=2), 0.1, model), model, halves)
    accumulated = model.get_weights()
    model.set_weights(start)
    apply(make_optimizer(recipe, 0.1, model), model, whole)
    for x, y in zip(accumulated, model.get_weights()):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def test_weight_decay_in_the_loss_is_of_the_kernels_that_are_trained():
    model = small_network()
    kernels = [to_numpy(model.get_layer(name).kernel) for name in ("conv1_conv", "conv2_block1_conv", "predictions")]
    model.get_layer("conv2_block2_conv").trainable = False
    expected = 0.5 * 0.3 * sum((kernel.astype("float64") ** 2).sum() for kernel in kernels)
    assert float(l2(Recipe(optimizer="sgd", weight_decay=0.3), model)()) == pytest.approx(expected, rel=1e-5)
    assert l2(Recipe(optimizer="adamw", weight_decay=0.3), model)() == 0


# --- recipes --------------------------------------------------------------------------------------------------------


@pytest.mark.grid
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_of_a_network_that_there_is(name):
    recipe = RECIPES[name]
    network.check(dataclasses.replace(recipe, weights=None))
    assert len(recipe.source) > 20
    peak = recipe.lr or 1e-3
    rate = learning_rate(recipe, peak, 10)
    assert 0.9 * peak < float(rate(math.ceil(10 * recipe.warmup_epochs))) <= 1.0001 * peak
    assert float(rate(10 * recipe.epochs - 1)) < 0.05 * peak
    make_optimizer(recipe, rate, small_network())


def test_a_recipe_is_what_differs_from_the_default():
    assert recipes.differences(RECIPES["finetune"]) == {}
    for recipe in RECIPES.values():
        again = Recipe(**recipes.differences(recipe), source=recipe.source)
        assert again == recipe
