"""A student learns from its teacher: nearer after than before, the same for the same seed, resumed or not."""

import math

import keras
import numpy as np
import pytest

import keras_effconv as ke
from keras_effconv.converting.mimicking import mimic as mimicking
from keras_effconv.converting.mimicking.images import Images
from keras_effconv.converting.mimicking.mimic import mimic
from keras_effconv.converting.mimicking.places import find_places
from keras_effconv.converting.mimicking.rate import find_rate
from keras_effconv.converting.mimicking.trainer import units_of
from keras_effconv.converting.mimicking.twin import Twin

SMALL = {"weights": None, "width": 0.25, "depth": 0.3}
KINDS = ("HetConv(parts=2)", "OctConv(alpha=0.5)")
IMAGES = np.random.default_rng(0).normal(size=(24, 32, 32, 3)).astype("float32")


def networks(conv):
    """Return (student, teacher): random, with statistics and offsets that are not those of a fresh layer."""
    keras.utils.set_random_seed(1)
    models = ke.ResNet20(**SMALL, conv=conv), ke.ResNet20(**SMALL)
    rng = np.random.default_rng(2)
    for model in models:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                for variable in layer.weights:
                    variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return models


def weights(model):
    return [keras.ops.convert_to_numpy(v) for v in model.weights]


def output(model):
    return keras.ops.convert_to_numpy(model(IMAGES, training=False))


@pytest.mark.parametrize("conv", KINDS)
def test_a_twin_and_what_it_gives_back_compute_the_same(conv):
    student, _ = networks(conv)
    before = output(student)
    twin = Twin(student)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in twin.network.layers)
    np.testing.assert_allclose(output(twin.network), before, atol=1e-5)
    twin.give_back()
    np.testing.assert_allclose(output(student), before, atol=1e-5)
    rng = np.random.default_rng(3)
    for variable in twin.network.trainable_variables:
        variable.assign(keras.ops.convert_to_numpy(variable) + 0.1 * rng.normal(size=variable.shape))
    twin.give_back()
    assert np.abs(output(student) - before).max() > 1e-3
    np.testing.assert_allclose(output(student), output(twin.network), atol=1e-5)


def test_normalization_without_offset_or_that_turns_a_channel_off():
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(4, 3, name="a")(image)
    x = keras.layers.BatchNormalization(center=False, scale=False, name="a_bn")(x)
    x = keras.layers.BatchNormalization(name="b_bn")(keras.layers.Conv2D(4, 1, name="b")(x))
    model = keras.Model(image, x)
    model.get_layer("b_bn").gamma.assign([0.0, 1.0, 1.0, 1.0])
    model.get_layer("a_bn").moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    twin = Twin(model)
    assert [layer.name for layer in twin.network.layers[1:]] == ["a", "b", "b_bn"]
    twin.network.get_layer("a").bias.assign([0.5, 0.25, 0.0, 1.0])
    twin.give_back()
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    np.testing.assert_allclose(model(images), twin.network(images), atol=1e-5)


@pytest.mark.parametrize(("conv", "along"), [(KINDS[0], "blocks"), (KINDS[1], "layers"), (KINDS[0], "last")])
def test_the_loss_falls_and_the_statistics_stay(conv, along):
    student, teacher = networks(conv)
    moving = [v.numpy() if hasattr(v, "numpy") else np.asarray(v) for v in student.non_trainable_variables]
    teachers = weights(teacher)
    report = mimic(student, teacher, IMAGES, steps=30, batch_size=8, along=along, verbose=False)
    assert np.mean(report.losses[-5:]) < 0.9 * np.mean(report.losses[:5])
    for before, after in zip(moving, student.non_trainable_variables):
        np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(after))
    for before, after in zip(teachers, weights(teacher)):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("conv", ["OctConv(alpha=0.5)", "Conv()"])
def test_depthwise_kernels_stay_and_may_be_trained_again(conv):
    keras.utils.set_random_seed(1)
    small = {"weights": None, "width": 0.25, "input_shape": (32, 32, 3), "classes": 4}
    student, teacher = ke.MobileNet(**small, conv=conv), ke.MobileNet(**small)
    layer, other = student.get_layer("conv_dw_3"), student.get_layer("conv_pw_3")
    before = [[keras.ops.convert_to_numpy(v) for v in each.weights] for each in (layer, other)]
    mimic(student, teacher, IMAGES, steps=3, batch_size=8, verbose=False)
    for a, b in zip(before[0], layer.weights):
        np.testing.assert_allclose(a, keras.ops.convert_to_numpy(b), rtol=1e-5, atol=1e-6)
    assert layer.trainable and np.abs(before[1][0] - keras.ops.convert_to_numpy(other.weights[0])).max() > 1e-4


def test_a_network_of_depthwise_convolutions_alone_learns():
    image = keras.Input((8, 8, 3))
    models = [
        keras.Model(image, keras.layers.DepthwiseConv2D(3, padding="same", name="dw")(image), name=name)
        for name in ("student", "teacher")
    ]
    before = weights(models[0])
    mimic(*models, IMAGES[:, :8, :8], steps=3, batch_size=8, verbose=False)
    assert any((a != b).any() for a, b in zip(before, weights(models[0])))


@pytest.mark.parametrize("conv", ["Conv()", "HetConv(parts=1)", "OctConv(alpha=0)"])
def test_a_student_that_is_the_teacher_stays_it(conv):
    student, teacher = networks(conv)
    student.set_weights(teacher.get_weights())
    before = weights(student)
    report = mimic(student, teacher, IMAGES, steps=2, batch_size=8, verbose=False)
    assert report.steps == 0 and report.losses == []
    for a, b in zip(before, weights(student)):
        np.testing.assert_array_equal(a, b)


def test_interrupted_and_resumed_ends_with_the_same_weights(tmp_path, monkeypatch):
    student, teacher = networks(KINDS[0])
    options = {"steps": 6, "batch_size": 8, "verbose": False, "checkpoint_seconds": 0}
    mimic(student, teacher, IMAGES, **options)
    whole = weights(student)

    student, _ = networks(KINDS[0])
    fresh, batch = weights(student), Images.batch
    monkeypatch.setattr(Images, "batch", lambda self, number: {}["power cut"] if number == 4 else batch(self, number))
    with pytest.raises(KeyError):
        mimic(student, teacher, IMAGES, folder=tmp_path, **options)
    monkeypatch.undo()
    for a, b in zip(fresh, weights(student)):
        np.testing.assert_array_equal(a, b)
    report = mimic(student, teacher, IMAGES, folder=tmp_path, **options)
    assert len(report.losses) == 6
    for a, b in zip(whole, weights(student)):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="same run"):
        mimic(student, teacher, IMAGES, folder=tmp_path, **{**options, "steps": 7})
    changed = keras.models.clone_model(teacher)
    changed.set_weights([1.5 * weight for weight in teacher.get_weights()])
    for other, images in ((changed, IMAGES), (teacher, IMAGES[::-1])):
        with pytest.raises(ValueError, match="same run"):
            mimic(student, other, images, folder=tmp_path, **options)
    (tmp_path / "mimic.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="must hold a whole"):
        mimic(student, teacher, IMAGES, folder=tmp_path, **options)


def test_a_network_that_was_frozen_for_another_training_learns():
    student, teacher = networks(KINDS[0])
    student.trainable = False
    before = weights(student)
    mimic(student, teacher, IMAGES, steps=2, batch_size=8, verbose=False)
    assert any(not np.array_equal(a, b) for a, b in zip(before, weights(student)))
    assert not student.trainable


def test_images_as_batches_and_as_a_function_are_those_of_the_array():
    class Labelled(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return IMAGES[8 * index : 8 * index + 8], np.zeros(8)

    plain = Images(Labelled(), 8, flip=False, shift=0)
    asked = Images(lambda number: IMAGES[8 * (number % 3) :][:8], 8, flip=False, shift=0)
    for number in range(7):
        np.testing.assert_array_equal(plain.batch(number), asked.batch(number))
    drawn = Images(IMAGES, 8, flip=False, shift=0)
    seen = np.concatenate([drawn.batch(number) for number in range(3)])
    assert sorted(seen[:, 0, 0, 0].tolist()) == sorted(IMAGES[:, 0, 0, 0].tolist())


def test_changed_images_are_windows_of_the_images():
    image = np.arange(16 * 16, dtype="float32").reshape(1, 16, 16, 1)
    seen = {Images(image, 1).batch(number).tobytes() for number in range(300)}
    assert len(seen) > 40  # 5 x 5 shifts, mirrored or not
    images = Images(image, 1)
    for number in range(20):
        steps = np.diff(images.batch(number)[0, 4:-4, 4:-4, 0], axis=1)
        assert (np.abs(steps) == 1).all() and len(set(np.sign(steps).ravel())) == 1


def test_half_precision_leaves_the_types_of_the_student():
    student, teacher = networks(KINDS[0])
    mimic(student, teacher, IMAGES, steps=2, batch_size=8, dtype="mixed_bfloat16", verbose=False)
    assert {v.dtype for v in student.weights} == {"float32"} and np.isfinite(output(student)).all()


def test_places_of_networks_without_sums():
    teacher = ke.VGG16CIFAR(weights=None, width=0.125)
    student = ke.VGG16CIFAR(weights=None, width=0.125, conv="HetConv(parts=2)")
    blocks, layers = find_places(teacher, student), find_places(teacher, student, "layers")
    assert len(blocks) == 5 and len(layers) == 13 and set(blocks) < set(layers)
    assert find_places(teacher, student, "last") == blocks[-1:]


@pytest.mark.parametrize(
    ("options", "match"),
    [({"steps": 0}, "steps"), ({"along": "way"}, "along"), ({"learning_rate": -1}, "learning_rate")],
)
def test_wrong_arguments(options, match):
    student, teacher = networks(KINDS[0])
    with pytest.raises(ValueError, match=match):
        mimic(student, teacher, IMAGES, **options)


def test_units_follow_the_filters_and_channels_of_a_kernel():
    """A folded kernel whose channels differ by a hundredfold moves by the same share everywhere."""
    image = keras.Input((4, 4, 8))
    model = keras.Model(image, keras.layers.Conv2D(16, 3, name="a")(image))
    rng = np.random.default_rng(0)
    ups, downs = 10 ** rng.uniform(-1, 1, (8, 1)), 10 ** rng.uniform(-1, 1, 16)
    kernel = rng.choice([-1.0, 1.0], (3, 3, 8, 16)) * ups * downs
    model.get_layer("a").set_weights([kernel, np.zeros(16)])
    unit, offset = units_of(model)
    np.testing.assert_allclose(np.broadcast_to(unit, kernel.shape), np.abs(kernel), rtol=1e-5)
    np.testing.assert_allclose(offset, np.sqrt(np.mean(kernel**2, axis=(0, 1, 2))), rtol=1e-5)


def test_units_shrink_with_the_weights_of_a_filter():
    sizes = []
    for channels in (16, 64, 256):
        image = keras.Input((4, 4, channels))
        layer = keras.layers.Conv2D(4, 3, use_bias=False)
        model = keras.Model(image, layer(image))
        layer.set_weights([np.ones((3, 3, channels, 4))])
        sizes.append(float(np.mean(units_of(model)[0])))
    np.testing.assert_allclose(sizes, [1, 0.5, 0.25], rtol=1e-5)


def test_a_rate_is_lowered_until_the_network_bears_it(monkeypatch):
    student, teacher = networks("Conv()")
    rng = np.random.default_rng(4)
    before = [w * rng.uniform(0.95, 1.05, w.shape) for w in weights(teacher)]
    student.set_weights(before)
    fixed = mimic(student, teacher, IMAGES, steps=40, batch_size=8, learning_rate=2.0, verbose=False)
    student.set_weights(before)
    monkeypatch.setattr(mimicking, "RATE", 2.0)
    found = mimic(student, teacher, IMAGES, steps=40, batch_size=8, verbose=False)
    assert fixed.learning_rate == 2.0
    assert found.learning_rate < 2.0 and found.loss_after < 0.8 * fixed.loss_after


class Slope:
    """Steps along a slope, whose loss is worse by `cost` times each rate after the trial, and while it runs by more."""

    def __init__(self, cost, meanwhile=1.0):
        self.variable, self.cost, self.meanwhile, self.taken = keras.Variable(0.0), cost, meanwhile, []

    def take_step(self, number, rate):
        self.taken.append(rate)
        self.variable.assign(max(self.taken[-10:]) * self.cost)
        return 1 + rate * self.meanwhile

    def measure(self):
        return 1 + float(keras.ops.convert_to_numpy(self.variable))

    def rate(self, highest=1.0):
        return find_rate(self.take_step, self.measure, [self.variable], highest, steps=10, verbose=False)


@pytest.mark.parametrize(("cost", "expected"), [(-0.5, 1), (0.19, 1), (0.21, 0.4), (1.0, 0.16), (100.0, 0.4**5)])
def test_a_rate_is_judged_by_the_loss_behind_its_trial(cost, expected):
    slope = Slope(cost)
    assert slope.rate() == pytest.approx(expected)
    assert float(keras.ops.convert_to_numpy(slope.variable)) == 0.0  # trials change nothing


def test_a_rate_may_raise_the_loss_while_it_is_high_but_not_beyond_hope():
    assert Slope(0.0, meanwhile=1.9).rate() == 1.0
    lost = Slope(0.0, meanwhile=4.0)
    assert lost.rate() == pytest.approx(0.4)
    assert len(lost.taken) < 20  # the first trial stops early
    assert Slope(0.0, meanwhile=math.nan).rate() == pytest.approx(0.4**5)
