"""The pieces of training: schedules, optimizers, mixing, averaging, losses, augmentation, recipes."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image, ImageEnhance, ImageOps

import keras_effconv as ke
from keras_effconv.training import losses
from keras_effconv.training.augment import augmentation
from keras_effconv.training.averaging import MovingAverage
from keras_effconv.training.image_ops import OPERATIONS
from keras_effconv.training.mixing import Mixing
from keras_effconv.training.network import blocks
from keras_effconv.training.optimizers import RMSpropTF1, l2, layer_rates, make_optimizer
from keras_effconv.training.policies import POLICIES, AutoAugment, RandAugment
from keras_effconv.training.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES, Recipe
from keras_effconv.training.schedules import learning_rate
from keras_effconv.training.windows import InceptionCrop, resample

to_numpy = ops.convert_to_numpy


def again(thing):
    """What a saved and loaded object is."""
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(thing))


def traced(layer, *methods):
    """Call a layer in training, then its methods, in one compiled step, as a trainer does; its state moves on."""
    run = {"tensorflow": _traced_by_tensorflow, "jax": _traced_by_jax}[keras.backend.backend()]
    return run(layer, methods)


def _traced_by_tensorflow(layer, methods):
    import tensorflow as tf

    @tf.function
    def step(images, *others):
        return layer(images, training=True), *(method(x) for method, x in zip(methods, others))

    return step


def _traced_by_jax(layer, methods):
    import jax

    @jax.jit
    def pure(state, images, *others):
        mapping = list(zip(layer.variables, state))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            out = layer(images, training=True), *(method(x) for method, x in zip(methods, others))
        return out, [scope.get_current_value(v) for v in layer.variables]

    def step(*inputs):
        out, state = pure([v.value for v in layer.variables], *inputs)
        for variable, value in zip(layer.variables, state):
            variable.assign(value)
        return out

    return step


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


def small_network():
    """Two blocks and a head, named as those of the networks are."""
    x = image = keras.Input((4, 4, 3))
    for name in ("conv1_conv", "conv2_block1_conv", "conv2_block2_conv"):
        x = keras.layers.Conv2D(2, 1, name=name)(x)
    x = keras.layers.BatchNormalization(name="conv2_block2_bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(2, activation="softmax", name="predictions")(x))


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


def test_layer_rates_rise_to_the_head():
    rates = layer_rates(small_network(), 0.5)
    expected = {"conv1_conv": 0.125, "conv2_block1_conv": 0.25, "conv2_block2_conv": 0.5, "conv2_block2_bn": 0.5}
    assert {path.split("/")[0]: rate for path, rate in rates.items()} == expected
    model = ke.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35)
    rates = [layer_rates(model, 0.9).get(v.path, 1.0) for v in model.weights]
    assert rates == sorted(rates)
    assert len(set(rates)) == len(blocks(model)) + 2


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


# --- mixing ---------------------------------------------------------------------------------------------------------

LABELS = np.eye(6, dtype="float32")
PLAIN = np.broadcast_to(100 * LABELS[:, None, None, :], (6, 24, 24, 6))  # image i is 100 in channel i


@pytest.mark.parametrize("mixup, cutmix", [(0.4, 0), (0, 1.0), (0.4, 1.0)])
def test_labels_are_mixed_as_images_are(mixup, cutmix):
    """In these images the mean of channel j is the share of image j: it must be the label."""
    mixing = Mixing(mixup, cutmix, seed=3)
    step, kinds = traced(mixing, mixing.targets), set()
    for _ in range(8):
        images, labels = map(to_numpy, step(PLAIN, LABELS))
        shares = images.mean((1, 2)) / 100
        np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
        is_mixup = np.allclose(images, images[:, :1, :1], atol=1e-3)
        kinds.add(is_mixup)
        # The border of CutMix's rectangle is between pixels.
        np.testing.assert_allclose(labels, shares, atol=1e-5 if is_mixup else 0.09)
        assert is_mixup or set(np.unique(images)) <= {0.0, 100.0}
    assert kinds == {kind for kind, alpha in ((True, mixup), (False, cutmix)) if alpha}


def test_a_weight_of_mixup_is_from_its_distribution():
    mixing = Mixing(mixup=0.5, seed=0)
    step = traced(mixing, mixing.targets)
    weights = np.concatenate([to_numpy(step(PLAIN[:, :2, :2], LABELS)[1]).max(1) for _ in range(60)])
    weights = weights[weights < 1]  # those that met themselves
    # max(x, 1 - x) of Beta(0.5, 0.5), the arcsine law: its mean is 1/2 + 1/pi.
    assert weights.mean() == pytest.approx(0.5 + 1 / math.pi, abs=0.03)


def test_nothing_is_mixed_outside_of_training():
    mixing = Mixing(0.2, 1.0)
    mixing(PLAIN, training=True)
    np.testing.assert_array_equal(to_numpy(mixing(PLAIN, training=False)), PLAIN)
    np.testing.assert_array_equal(mixing.targets(LABELS), LABELS)
    none = Mixing()
    np.testing.assert_array_equal(to_numpy(none(PLAIN, training=True)), PLAIN)
    np.testing.assert_array_equal(none.targets(LABELS), LABELS)


def test_mixing_goes_on_where_its_saved_state_was():
    first, second = Mixing(0.2, 1.0, seed=1), again(Mixing(0.2, 1.0, seed=1))
    first(PLAIN, training=True)
    for mine, saved in zip(second.variables, first.variables):
        mine.assign(saved)
    np.testing.assert_array_equal(to_numpy(first(PLAIN, training=True)), to_numpy(second(PLAIN, training=True)))


# --- averaging ------------------------------------------------------------------------------------------------------


def test_the_average_follows_as_in_tensorflow_1():
    network = small_network()
    average = MovingAverage(network, decay=0.4)
    step, x = traced(average), np.ones((1, 2), "float32")
    expected, rng = [w.astype("float64") for w in network.get_weights()], np.random.default_rng(0)
    for n in range(8):
        network.set_weights([rng.normal(size=w.shape) for w in expected])
        np.testing.assert_array_equal(to_numpy(step(x)[0]), x)
        decay = min(0.4, (1 + n) / (10 + n))
        expected = [decay * e + (1 - decay) * w for e, w in zip(expected, network.get_weights())]
    for shadow, e in zip(average.shadows, expected):
        np.testing.assert_allclose(to_numpy(shadow), e, rtol=1e-4, atol=1e-5)


def test_the_average_and_the_network_change_places():
    network = small_network()
    average = MovingAverage(network, decay=0.9)
    old = network.get_weights()
    network.set_weights([w + 1 for w in old])
    new = network.get_weights()
    average.swap()
    compare(network.get_weights(), old)
    compare(map(to_numpy, average.shadows), new)
    average.swap()
    compare(network.get_weights(), new)
    compare(map(to_numpy, average.shadows), old)
    average.sync()
    compare(map(to_numpy, average.shadows), new)


def compare(values, expected):
    for value, e in zip(values, expected, strict=True):
        np.testing.assert_array_equal(value, e)


def test_evaluation_does_not_move_the_average():
    network = small_network()
    average = MovingAverage(network, decay=0.9)
    before = [to_numpy(v) for v in average.variables]
    network.set_weights([w + 1 for w in network.get_weights()])
    average(np.ones((1, 2)), training=False)
    compare(map(to_numpy, average.variables), before)


def test_the_average_is_of_full_precision_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = small_network()
        average = MovingAverage(network, decay=0.0)
        outer = Outer(network, average)
        network.set_weights([np.full(w.shape, 1 / 3) for w in network.get_weights()])
        outer(np.ones((1, 4, 4, 3), "float32"), training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    kernel = next(s for s in average.shadows if "kernel" in s.name)
    assert kernel.dtype == "float32"
    np.testing.assert_allclose(to_numpy(kernel), np.float32(1 / 3), rtol=1e-6)


class Outer(keras.layers.Layer):
    """A trainer in small: the average inside of another layer's call."""

    def __init__(self, network, average):
        super().__init__()
        self.network, self.average = network, average

    def call(self, images, training=False):
        return self.average(self.network(images, training=training), training=training)


# --- losses ---------------------------------------------------------------------------------------------------------


def probabilities(seed, n=5, classes=4):
    logits = np.random.default_rng(seed).normal(size=(n, classes))
    return (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype("float32"), logits


def test_cross_entropy_of_smoothed_and_mixed_labels():
    p, _ = probabilities(0)
    targets = probabilities(1)[0]
    expected = -((0.9 * targets + 0.1 / 4) * np.log(p)).sum(1)
    assert float(losses.cross_entropy(0.1)(targets, p.astype("float32"))) == pytest.approx(expected.mean(), rel=1e-5)
    assert losses.cross_entropy(0.1)(targets.astype("float16"), p).dtype in ("float32", np.float32)


def test_distillation_is_that_of_the_logits():
    """From probabilities, what the definition says of logits."""
    (student, s), (teacher, t) = probabilities(0), probabilities(1)
    soft = [np.exp(x / 3) / np.exp(x / 3).sum(1, keepdims=True) for x in (s, t)]
    expected = 9 * (soft[1] * (np.log(soft[1]) - np.log(soft[0]))).sum(1)
    np.testing.assert_allclose(to_numpy(losses.divergence(student, teacher, 3.0)), expected, rtol=1e-4)
    np.testing.assert_allclose(to_numpy(losses.divergence(student, student, 3.0)), 0, atol=1e-5)
    given = np.arange(5, dtype="float32")
    combined = to_numpy(losses.distilled(given, student, teacher, 3.0, 0.7))
    np.testing.assert_allclose(combined, 0.3 * given + 0.7 * expected, rtol=1e-4)
    mean = float(losses.distilled(ops.mean(given), student, teacher, 3.0, 0.7))
    assert mean == pytest.approx(combined.mean(), rel=1e-4)
    sure = np.eye(4, dtype="float16")[[0, 1, 2, 3, 0]]
    assert np.isfinite(to_numpy(losses.divergence(sure, teacher, 3.0))).all()


def test_each_class_weighs_the_same():
    labels = np.array([0] * 6 + [1] * 3 + [3])
    weights = losses.balanced(labels, 5)
    np.testing.assert_allclose([weights[c] * (labels == c).sum() for c in (0, 1, 3)], 10 / 3, rtol=1e-6)
    assert weights[labels].mean() == pytest.approx(1)
    assert weights[2] == weights[4] == 0


# --- augmentation ---------------------------------------------------------------------------------------------------


def photo(size=48, seed=0):
    """Whole numbers 0..255, smooth and not square-symmetric: (size, size, 3)."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 6, 3)).astype("uint8"))
    return np.asarray(small.resize((size, size), Image.BICUBIC))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_in_a_traced_step(name):
    """Each image its own way, 0..255, the same again from the same state, and the next step another one."""
    recipe = Recipe(augmentation=name, erasing=0.5)
    model = augmentation(recipe, 24, flip=True, seed=0)
    x = np.stack([photo(32).astype("float32")] * 8)
    step, start = traced(model), [to_numpy(v).copy() for v in model.variables]
    first, second = to_numpy(step(x)[0]), to_numpy(step(x)[0])
    for variable, value in zip(model.variables, start):
        variable.assign(value)
    assert first.shape == (8, 24, 24, 3)
    assert first.min() >= -1e-3 and first.max() <= 255 + 1e-3
    np.testing.assert_array_equal(to_numpy(step(x)[0]), first)
    assert not np.array_equal(first, second)
    assert len({image.tobytes() for image in first}) >= 3
    still = to_numpy(model(x, training=False))
    np.testing.assert_allclose(still, np.broadcast_to(still[:1], still.shape))
    again(model)


def test_images_are_resized_as_pillow_does():
    for size, to in ((48, 20), (20, 48), (48, 48)):
        image = photo(size)
        expected = np.asarray(Image.fromarray(image).resize((to, to), Image.BILINEAR), "float32")
        boxes = np.array([[0, 0, size, size]])
        got = to_numpy(resample(image[None].astype("float32"), boxes, to))[0]
        np.testing.assert_allclose(got, expected, atol=1.01)


def test_pad_crop_shifts_by_whole_pixels():
    image = photo(32).astype("float32")
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
    shifts = {padded[i : i + 32, j : j + 32].tobytes(): (i, j) for i in range(9) for j in range(9)}
    out = to_numpy(augmentation("pad-crop", 32, flip=False, seed=0)(np.stack([image] * 300), training=True))
    found = [shifts.get(np.round(shifted).astype("float32").tobytes()) for shifted in out]
    assert None not in found
    assert {i for i, _ in found} == {j for _, j in found} == set(range(9))


def test_inception_crops_are_of_the_area_and_ratio():
    crop = InceptionCrop(24, seed=0)
    top, left, tall, wide = to_numpy(crop.boxes(np.zeros((2000, 60, 60, 3), "float32"))).T
    assert min(top.min(), left.min()) >= 0 and max((top + tall).max(), (left + wide).max()) <= 60 + 1e-3
    area, ratio = tall * wide / 3600, wide / tall
    assert 0.08 <= area.min() < 0.1 and 0.9 < area.max() <= 1
    assert 0.7499 <= ratio.min() < 0.77 and 1.3 < ratio.max() <= 1.3334
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    ramp = np.broadcast_to(np.arange(60, dtype="float32")[:, None, None], (1, 60, 60, 3))
    out = to_numpy(crop(ramp, training=True))
    steps = np.diff(out[0, :, 0, 0])
    np.testing.assert_allclose(steps[1:-1], steps[1], rtol=1e-3)


PILLOW = {
    "auto_contrast": (lambda image, _: ImageOps.autocontrast(image), 0),
    "invert": (lambda image, _: ImageOps.invert(image), 0),
    "equalize": (lambda image, _: ImageOps.equalize(image), 0),
    "solarize": (ImageOps.solarize, 100),
    "posterize": (ImageOps.posterize, 5),
    "contrast": (lambda image, v: ImageEnhance.Contrast(image).enhance(v), 1.7),
    "color": (lambda image, v: ImageEnhance.Color(image).enhance(v), 0.3),
    "brightness": (lambda image, v: ImageEnhance.Brightness(image).enhance(v), 1.4),
    "sharpness": (lambda image, v: ImageEnhance.Sharpness(image).enhance(v), 1.8),
    "shear_x": (lambda image, v: moved(image, (1, v, -v / 2, 0, 1, 0)), 0.25),
    "shear_y": (lambda image, v: moved(image, (1, 0, 0, v, 1, -v / 2)), 0.25),
    "translate_x": (lambda image, v: moved(image, (1, 0, v * 48, 0, 1, 0)), 0.25),
    "translate_y": (lambda image, v: moved(image, (1, 0, 0, 0, 1, v * 48)), -0.25),
    "rotate": (lambda image, v: image.rotate(v, Image.BILINEAR, fillcolor=(128,) * 3), 20.0),
    "identity": (lambda image, _: image, 0),
}


def moved(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, Image.BILINEAR, fillcolor=(128,) * 3)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_an_operation_is_pillows(operation):
    reference, value = PILLOW[operation.__name__]
    image = photo()
    expected = np.asarray(reference(Image.fromarray(image), value), "float32")
    got = to_numpy(operation(ops.convert_to_tensor(image.astype("float32")), value))
    off = abs(got - expected)
    assert np.quantile(off, 0.93) <= 1.5  # Pillow rounds; borders differ
    assert got.min() >= 0 and got.max() <= 255


def test_autoaugment_draws_its_policy():
    layer = AutoAugment("imagenet", seed=0)
    operations, values = map(to_numpy, layer.draw(4000))
    names = np.array([operation.__name__ for operation in OPERATIONS])[operations]
    # Of 25 rows two have a posterize that comes first with 0.4 and 0.8, one two of 0.6.
    assert (names[:, 0] == "posterize").mean() == pytest.approx((0.4 + 0.6 + 0.8) / 25, abs=0.012)
    bits = np.unique(values[names == "posterize"]).round(3)
    np.testing.assert_allclose(bits, [6.222, 6.667, 7.111, 7.556], rtol=1e-6)
    turns = np.unique(values[names == "rotate"]).round(3)
    np.testing.assert_allclose(turns, [-30, -26.667, -10, 10, 26.667, 30])
    assert all(len(policy.strip().splitlines()) == 25 for policy in POLICIES.values())


def test_randaugment_of_no_strength_does_little():
    layer = RandAugment(0.0, seed=0)
    operations, values = map(to_numpy, layer.draw(2000))
    assert len(np.unique(operations)) == 14
    image = ops.convert_to_tensor(photo().astype("float32"))
    for chosen, value in {(int(o), float(v)) for o, v in zip(operations.flat, values.flat)}:
        if OPERATIONS[chosen].__name__ not in ("auto_contrast", "equalize"):
            np.testing.assert_allclose(to_numpy(OPERATIONS[chosen](image, value)), to_numpy(image), atol=1e-3)
