"""Batch statistics measured again: by one compiled step, with nothing else changed."""

import keras
import numpy as np

from keras_effconv.training import recalibrate


def network(drop=0.5):
    image = keras.Input((6, 6, 3))
    x = keras.layers.BatchNormalization(name="first", momentum=0.9)(image)
    x = keras.layers.Dropout(drop)(keras.layers.Conv2D(4, 1, name="conv")(x))
    return keras.Model(image, keras.layers.BatchNormalization(name="second")(x))


def test_statistics_are_the_mean_over_batches_of_any_size():
    model, rng = network(), np.random.default_rng(0)
    batches = [(rng.normal(size=(n, 6, 6, 3)).astype("float32") + n, None) for n in (8, 8, 3)]
    weights = model.get_layer("conv").get_weights()
    model.get_layer("conv").trainable = False
    recalibrate(model, batches, epochs=2)
    first = model.get_layer("first")
    pixels = [images.reshape(-1, 3).astype("float64") for images, _ in batches]
    received = [keras.ops.convert_to_numpy(v) for v in (first.moving_mean, first.moving_variance)]
    np.testing.assert_allclose(received[0], np.mean([x.mean(0) for x in pixels], axis=0), rtol=1e-4)
    np.testing.assert_allclose(received[1], np.mean([x.var(0) for x in pixels], axis=0), rtol=2e-2)
    assert (first.momentum, model.get_layer("second").momentum) == (0.9, 0.99)
    assert [layer.trainable for layer in (first, model.get_layer("conv"))] == [True, False]
    for mine, theirs in zip(weights, model.get_layer("conv").get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_step_is_compiled_once_for_each_size_of_a_batch(monkeypatch):
    """Not operation by operation: Python runs a layer when a step is traced, and not for every batch."""
    model, calls = network(), []
    call = keras.layers.Conv2D.call
    monkeypatch.setattr(keras.layers.Conv2D, "call", lambda self, x: calls.append(x.shape) or call(self, x))
    recalibrate(model, [(np.zeros((4, 6, 6, 3), "float32"), None)] * 5)
    assert len(calls) <= 2


def test_a_neutral_normalization_computes_its_line_while_others_are_measured():
    """Behind it, the statistics are those of what it computes at inference, not of normalized maps."""
    model, rng = network(drop=0.0), np.random.default_rng(0)
    first, second = model.get_layer("first"), model.get_layer("second")
    for layer in (first, second):
        layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    reads = keras.Model(model.input, second.input)
    images = rng.normal(size=(16, 6, 6, 3)).astype("float32") * 3 + 1
    before, maps = model.predict(images, verbose=0), reads.predict(images, verbose=0)
    recalibrate(model, [(images, None)], neutral=("first", "second"))
    np.testing.assert_allclose(model.predict(images, verbose=0), before, rtol=1e-3, atol=1e-4)
    for layer, values in ((first, images), (second, maps)):
        received = [keras.ops.convert_to_numpy(v) for v in (layer.moving_mean, layer.moving_variance)]
        np.testing.assert_allclose(received[0], values.mean((0, 1, 2)), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(received[1], values.var((0, 1, 2)), rtol=1e-3)
