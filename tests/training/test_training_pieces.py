"""The pieces of training: schedules, optimizers, mixing, averaging, losses, augmentation, recipes."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage
from small_network import again, small_network

from keras_effconv.training.augmentation import image_ops
from keras_effconv.training.augmentation.affine import RandomAffine
from keras_effconv.training.augmentation.crops import InceptionCrop, resample
from keras_effconv.training.augmentation.image_ops import OPERATIONS
from keras_effconv.training.augmentation.mixing import Mixing
from keras_effconv.training.augmentation.pipeline import augmentation
from keras_effconv.training.augmentation.policies import AutoAugment, RandAugment
from keras_effconv.training.augmentation.policy_tables import POLICIES
from keras_effconv.training.head import fit_head
from keras_effconv.training.optimization import losses
from keras_effconv.training.optimization.averaging import MovingAverage
from keras_effconv.training.optimization.optimizers import l2, make_optimizer
from keras_effconv.training.optimization.schedules import learning_rate
from keras_effconv.training.recipe import AUGMENTATIONS, Recipe
from keras_effconv.training.task import SingleLabel

to_numpy = ops.convert_to_numpy


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


def fewer_on_jax(cases, few):
    """Compiling is what takes the time there."""
    return few if keras.backend.backend() == "jax" else cases


# --- mixing ---------------------------------------------------------------------------------------------------------

LABELS = np.eye(6, dtype="float32")
PLAIN = np.broadcast_to(100 * LABELS[:, None, None, :], (6, 24, 24, 6))  # image i is 100 in channel i


@pytest.fixture(scope="module", params=fewer_on_jax([(0.5, 0.0), (0.0, 1.0), (0.5, 1.0)], [(0.5, 0.0), (0.5, 1.0)]))
def mixing(request):
    """A layer, and a step that mixes images and labels."""
    layer = Mixing(*request.param, seed=3)
    return layer, traced(layer, layer.targets)


def test_labels_are_mixed_as_images_are(mixing):
    """In these images the mean of channel j is the share of image j: it must be the label."""
    (layer, step), kinds = mixing, set()
    for _ in range(8):
        images, labels = map(to_numpy, step(PLAIN, LABELS))
        np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
        np.testing.assert_allclose(labels, images.mean((1, 2)) / 100, atol=1e-4)
        is_mixup = np.allclose(images, images[:, :1, :1], atol=1e-3)
        kinds.add(is_mixup)
        assert is_mixup or set(np.unique(images)) <= {0.0, 100.0}
    assert kinds == {kind for kind, alpha in ((True, layer.mixup), (False, layer.cutmix)) if alpha}


def test_the_share_of_mixup_is_from_its_distribution(mixing):
    layer, step = mixing
    if layer.cutmix:
        pytest.skip("one kind is enough")
    shares = np.concatenate([to_numpy(step(PLAIN, LABELS)[1]).max(1) for _ in range(80)])
    shares = shares[shares < 0.9999]  # those that met themselves
    # max(x, 1 - x) of Beta(0.5, 0.5), the arcsine law: its mean is 1/2 + 1/pi.
    assert shares.mean() == pytest.approx(0.5 + 1 / math.pi, abs=0.03)


def test_mixing_goes_on_where_its_saved_state_was(mixing):
    layer, step = mixing
    state = [to_numpy(v).copy() for v in layer.variables]
    first, second = (to_numpy(step(PLAIN, LABELS)[0]) for _ in range(2))
    for variable, value in zip(layer.variables, state):
        variable.assign(value)
    np.testing.assert_array_equal(to_numpy(step(PLAIN, LABELS)[0]), first)
    assert not np.array_equal(first, second)
    assert again(layer).get_config() == layer.get_config()


def test_nothing_is_mixed_outside_of_training(mixing):
    layer, step = mixing
    step(PLAIN, LABELS)
    np.testing.assert_array_equal(to_numpy(layer(PLAIN, training=False)), PLAIN)
    np.testing.assert_array_equal(layer.targets(LABELS), LABELS)
    none = Mixing()
    np.testing.assert_array_equal(to_numpy(none(PLAIN, training=True)), PLAIN)
    np.testing.assert_array_equal(none.targets(LABELS), LABELS)


# --- averaging ------------------------------------------------------------------------------------------------------


def test_the_average_follows_as_in_tensorflow_1():
    network = small_network()
    average = MovingAverage(network, decay=0.4)
    step, x = traced(Outer(network, average)), np.ones((1, 4, 4, 3), "float32")
    expected, rng = [w.astype("float64") for w in network.get_weights()], np.random.default_rng(0)
    for n in range(8):
        network.set_weights([rng.normal(size=w.shape) for w in expected])
        step(x)  # it moves the batch statistics too
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
        traced(outer)(np.ones((1, 4, 4, 3), "float32"))
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


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_focal_loss_is_its_definition(gamma, smoothing):
    """Lin et al., equation 4, for each class of a soft target; without gamma it is the cross-entropy."""
    given, _ = probabilities(2)
    targets, _ = probabilities(3)
    soft = (1 - smoothing) * targets + smoothing / 4
    expected = -(soft * (1 - given) ** gamma * np.log(given)).sum(1)
    np.testing.assert_allclose(to_numpy(losses.crossentropy(targets, given, smoothing, gamma)), expected, rtol=1e-5)


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


@pytest.mark.grid
@pytest.mark.parametrize("name", fewer_on_jax(AUGMENTATIONS, ["inception", "randaugment"]))
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


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's XLA")
def test_what_says_that_it_can_be_compiled_can_be():
    import tensorflow as tf

    x = np.zeros((2, 12, 12, 3), "float32")
    named = [augmentation(name, 8, flip=True, seed=0) for name in ("inception", "randaugment")]
    for layer in (*named, Mixing(0.2), Mixing()):
        says = all(part.supports_jit for part in layer._flatten_layers())
        step = tf.function(lambda images, layer=layer: layer(images, training=True), jit_compile=True)
        if says:
            step(x)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError):
                step(x)


def test_images_are_resized_as_pillow_does():
    for size, to, (top, left, height, width) in ((48, 20, (0, 0, 48, 48)), (20, 48, (2.5, 4.0, 10.0, 15.5))):
        image = photo(size)
        box = (left, top, left + width, top + height)
        expected = np.asarray(Image.fromarray(image).resize((to, to), Image.BILINEAR, box), "float32")
        got = to_numpy(resample(image[None].astype("float32"), np.array([[top, left, height, width]]), to))
        np.testing.assert_allclose(got[0], expected, atol=1.01)


def test_pad_crop_shifts_by_whole_pixels():
    image = photo(32).astype("float32")
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
    shifts = {padded[i : i + 32, j : j + 32].tobytes(): (i, j) for i in range(9) for j in range(9)}
    out = to_numpy(traced(augmentation("pad-crop", 32, flip=False, seed=0))(np.stack([image] * 300))[0])
    found = [shifts.get(np.round(shifted).astype("float32").tobytes()) for shifted in out]
    assert None not in found
    assert {i for i, _ in found} == {j for _, j in found} == set(range(9))


def test_inception_crops_are_of_the_area_and_ratio():
    crop = InceptionCrop(24, seed=0)
    images = np.broadcast_to(photo(60).astype("float32"), (2, 60, 60, 3))
    out, boxes = map(to_numpy, traced(crop, crop.boxes)(images, np.zeros((2000, 60, 60, 1), "float32")))
    assert out.shape == (2, 24, 24, 3) and not np.array_equal(*out)
    top, left, tall, wide = boxes.T
    assert min(top.min(), left.min()) >= 0 and max((top + tall).max(), (left + wide).max()) <= 60 + 1e-3
    area, ratio = tall * wide / 3600, wide / tall
    assert 0.08 <= area.min() < 0.1 and 0.9 < area.max() <= 1
    assert 0.7499 <= ratio.min() < 0.77 and 1.3 < ratio.max() <= 1.3334
    assert np.median(ratio) == pytest.approx(1, abs=0.03)


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
    "translate_y_pixels": (lambda image, v: moved(image, (1, 0, 0, 0, 1, v)), 13),
    "solarize_add": (lambda image, v: image.point([min(255, i + v) if i < 128 else i for i in range(256)] * 3), 77),
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
    assert got.min() >= -1e-3 and got.max() <= 255 + 1e-3


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


# How many operations, the sum of their probabilities, and of their magnitudes where they take one, over 25 pairs:
# computed from torchvision 0.29.1, timm 1.0.31 and tf-models-official 2.20.0, which agree in every value.
SUMS = {
    "imagenet": {
        "posterize": (5, 2.8, 32),
        "rotate": (6, 3.6, 45),
        "solarize": (7, 3.6, 36),
        "auto_contrast": (2, 1.2, 0),
        "equalize": (17, 11.2, 0),
        "color": (6, 3.8, 18),
        "invert": (3, 1.8, 0),
        "contrast": (2, 2.0, 16),
        "sharpness": (1, 0.4, 7),
        "shear_x": (1, 0.6, 5),
    },
    "cifar10": {
        "invert": (3, 0.2, 0),
        "contrast": (2, 0.8, 13),
        "rotate": (1, 0.7, 2),
        "translate_x": (2, 0.8, 17),
        "sharpness": (5, 2.8, 24),
        "shear_y": (2, 0.7, 15),
        "translate_y": (5, 3.4, 39),
        "auto_contrast": (7, 5.0, 0),
        "equalize": (9, 4.7, 0),
        "posterize": (1, 0.3, 7),
        "color": (5, 2.9, 27),
        "brightness": (4, 2.3, 25),
        "solarize": (4, 1.9, 18),
    },
    "v0": {
        "equalize": (12, 8.0, 0),
        "shear_y": (4, 2.6, 14),
        "color": (9, 5.0, 37),
        "rotate": (7, 4.6, 39),
        "solarize": (8, 4.6, 41),
        "solarize_add": (2, 1.4, 10),
        "shear_x": (2, 0.2, 9),
        "invert": (1, 0.4, 0),
        "posterize": (2, 1.2, 8),
        "auto_contrast": (2, 1.0, 0),
        "translate_y_pixels": (1, 0.8, 9),
    },
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_that_of_the_public_implementations(name):
    found = {}
    for each, chance, strength in POLICIES[name].entries():
        count, chances, magnitudes = found.get(each.operation.__name__, (0, 0, 0))
        strength = strength * POLICIES[name].most * bool(each.reach)
        found[each.operation.__name__] = (count + 1, round(chances + chance, 1), round(magnitudes + strength))
    assert sum(count for count, _, _ in found.values()) == 50
    assert found == SUMS[name]


def test_the_values_of_v0_are_those_of_the_tpu_repository():
    """Thresholds, amounts, bits and pixels by its formulas: a magnitude is in tenths."""
    values = {}
    for each, _, strength in POLICIES["v0"].entries():
        values.setdefault(each.operation.__name__, set()).add(round(each.start + strength * each.reach, 3))
    assert values["shear_y"] == {0, 0.09, 0.12, 0.21}
    assert values["translate_y_pixels"] == {225}
    assert values["solarize_add"] == {33, 77}
    assert values["posterize"] == {0.8, 2.4}
    assert values["rotate"] == {0, 6, 15, 21, 24, 27}
    assert values["color"] == {0.1, 0.28, 0.82, 1.18, 1.36, 1.72}
    assert values["solarize"] == {51.2, 76.8, 102.4, 204.8, 256}


def test_a_bit_is_left_of_a_byte():
    tf = pytest.importorskip("tensorflow")
    image = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    for bits in range(8):
        shift = tf.constant(8 - bits, tf.uint8)
        expected = tf.bitwise.left_shift(tf.bitwise.right_shift(image, shift), shift)
        got = image_ops.posterize(ops.convert_to_tensor(image.astype("float32")), bits + 0.4)
        np.testing.assert_array_equal(to_numpy(got), expected)


def test_randaugment_of_no_strength_does_little():
    layer = RandAugment(0.0, seed=0)
    operations, values = map(to_numpy, layer.draw(2000))
    assert len(np.unique(operations)) == 14
    image = ops.convert_to_tensor(photo().astype("float32"))
    for chosen, value in {(int(o), float(v)) for o, v in zip(operations.flat, values.flat)}:
        if OPERATIONS[chosen].__name__ not in ("auto_contrast", "equalize"):
            np.testing.assert_allclose(to_numpy(OPERATIONS[chosen](image, value)), to_numpy(image), atol=1e-3)


# --- all of them ----------------------------------------------------------------------------------------------------


class Trainer(keras.Model):
    """The pieces where a training step has them."""

    def __init__(self, recipe, network):
        super().__init__()
        self.augment = augmentation(recipe, 4, flip=True, seed=0)
        self.mixing = Mixing(recipe.mixup, recipe.cutmix, seed=1)
        self.network, self.average = network, MovingAverage(network, recipe.ema)
        self.decay = l2(recipe, network)
        self.entropy = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)

    def call(self, images, training=False):
        images = self.mixing(self.augment(images, training=training), training=training)
        return self.average(self.network(images, training=training), training=training)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        return self.entropy(self.mixing.targets(y) if training else y, y_pred) + self.decay()


@pytest.mark.long
@pytest.mark.parametrize("optimizer", fewer_on_jax(["adamw"], ["rmsprop"]))
def test_the_pieces_train_together(optimizer):
    recipe = Recipe(
        optimizer=optimizer, accumulate=2, layer_decay=0.5, augmentation="pad-crop", mixup=0.2, ema=0.9, erasing=0.1
    )
    network = small_network()
    before, trainer = network.get_weights(), Trainer(recipe, network)
    rate = learning_rate(recipe, 0.01, 4)
    trainer.compile(make_optimizer(recipe, rate, network))
    x = np.random.default_rng(0).uniform(0, 255, (16, 6, 6, 3)).astype("float32")
    history = trainer.fit(x, np.eye(2)[np.arange(16) % 2], batch_size=4, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert int(trainer.average.steps) == 4 and int(trainer.optimizer.iterations) == 2
    assert trainer.jit_compile or keras.backend.backend() == "tensorflow"
    for old, new, shadow in zip(before, network.get_weights(), trainer.average.shadows):
        assert not np.array_equal(old, new) and not np.array_equal(to_numpy(shadow), old)


def test_one_resampling_shifts_zooms_and_turns():
    """Against SciPy, by the matrices that the same seed draws; each image has its own."""
    options = {"shift": 0.1, "zoom": (-0.35, 0.1), "rotation": 0.04, "seed": 3}
    images = np.random.default_rng(0).uniform(0, 255, (3, 20, 24, 2)).astype("float32")
    matrices = keras.ops.convert_to_numpy(RandomAffine(**options)._matrices(images))
    found = keras.ops.convert_to_numpy(RandomAffine(**options)(images, training=True))
    y, x = np.mgrid[:20, :24]
    for image, matrix, mine in zip(images, matrices, found):
        a0, a1, a2, b0, b1, b2, *_ = matrix
        place = np.stack([b0 * x + b1 * y + b2, a0 * x + a1 * y + a2])
        for channel in range(2):
            expected = ndimage.map_coordinates(image[..., channel], place, order=1, mode="reflect")
            np.testing.assert_allclose(mine[..., channel], expected, atol=0.05)
    assert len({tuple(matrix) for matrix in matrices}) == 3


def test_a_quarter_turn_is_a_quarter_turn(monkeypatch):
    image = np.random.default_rng(0).uniform(0, 255, (1, 9, 9, 1)).astype("float32")
    draw = keras.ops.convert_to_tensor(np.array([[0], [0], [0], [1]], "float32"))
    monkeypatch.setattr(keras.random, "uniform", lambda *_, **__: draw)
    turned = keras.ops.convert_to_numpy(RandomAffine(rotation=0.25)(image, training=True))
    np.testing.assert_allclose(turned[0, ..., 0], np.rot90(image[0, ..., 0]), atol=1e-3)


def test_the_head_is_as_sure_as_label_smoothing_allows():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(size=(300, 8)).astype("float32")
    features[np.arange(300), labels] += 9
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax", name="predictions")(inputs))
    surest = {}
    for smoothing in (0.0, 0.3):
        data = features, labels
        curves = fit_head(model, Recipe(label_smoothing=smoothing, head_c=1.0), data, data, SingleLabel())
        assert curves["val_accuracy"][0] > 0.99
        probabilities = keras.ops.convert_to_numpy(model(features))
        assert probabilities[:, 3].max() < 0.2  # no image has that class
        surest[smoothing] = np.median(probabilities.max(1))
    assert surest[0.0] > 0.95 > 0.85 > surest[0.3] > 0.6
