"""Values of more images than memory holds near the input: they join where maps are small."""

import keras
import numpy as np
import pytest

from keras_effconv.fitting import fit, fit_layers, room
from keras_effconv.fitting.room import Room, spread
from keras_effconv.fitting.values import Values
from keras_effconv.inference.rewriting import Graph
from tests.fitting.test_fit_layers import noise


def narrowing():
    """Build a network whose maps become small: 16 x 16, 8 x 8 and 4 x 4, with a shortcut."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", name="a")(image)
    y = keras.layers.Conv2D(8, 3, padding="same", name="b")(x)
    x = keras.layers.Add(name="sum")([x, y])
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="c")(x)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", name="d")(x)
    return keras.Model(image, x)


@pytest.mark.parametrize("done", range(6))
def test_images_that_join_have_the_same_values_as_if_they_had_been_there(done):
    model, x = narrowing(), noise(70, 16, 16, 3)
    graph = Graph(model)
    wanted = [*keras.tree.flatten(graph.outputs), graph.steps[0].outputs[0]]
    every, some = Values(graph, [x], wanted), Values(graph, [x[:32]], wanted)
    for _ in range(done):
        some.advance()
    some.join([x[32:]])
    assert some.done == done
    for value in wanted[::-1]:
        for one, other in zip(every.read(value), some.read(value), strict=True):
            np.testing.assert_array_equal(one, other)


def test_room_grows_as_maps_become_small(monkeypatch):
    graph = Graph(narrowing())
    steps = len(graph.steps)
    monkeypatch.setattr(room, "MAPS", 4 * 16 * 16 * 8 * 4 * 10)
    found = Room([graph, graph], [noise(60, 16, 16, 3)])
    counts = [found.count([done, done]) for done in range(steps + 1)]
    assert counts == sorted(counts) and 1 < counts[0] < 15 and counts[-1] == 60
    assert found.count([steps, 0]) < 30


def test_no_room_at_all_is_one_image(monkeypatch):
    graph = Graph(narrowing())
    monkeypatch.setattr(room, "MAPS", 1)
    assert Room([graph], [noise(9, 16, 16, 3)]).count([0]) == 1


def test_late_layers_are_fitted_to_more_images_than_early_ones(monkeypatch):
    teacher, model, seen = narrowing(), narrowing(), {}
    monkeypatch.setattr(room, "MAPS", 4 * 16 * 16 * 8 * 4 * 10)

    def fitted(outputs, values, goals, rows, rng, original=fit._fit_layer):
        values.read, read = lambda value: seen.setdefault(outputs[0].step.name, read(value)), values.read
        try:
            return original(outputs, values, goals, rows, rng)
        finally:
            del values.read

    monkeypatch.setattr(fit, "_fit_layer", fitted)
    fits = fit_layers(model, teacher, [noise(60, 16, 16, 3)])
    counts = {name: sum(len(batch) for batch in batches) for name, batches in seen.items()}
    assert counts["a"] < 15 and counts["d"] == 60
    assert list(counts.values()) == sorted(counts.values())
    assert all(each.after <= each.before for each in fits)


def test_the_first_images_are_drawn_from_all():
    """They often stand class after class."""
    order = spread(1000, seed=0)
    assert sorted(order) == list(range(1000))
    assert np.histogram(order[:100], bins=5, range=(0, 1000))[0].min() >= 8
    assert (spread(1000, seed=0) == order).all() and (spread(1000, seed=1) != order).any()
