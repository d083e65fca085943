"""A step that main memory is too small for is computed in parts, whose gradients make the same update."""

import dataclasses

import keras
import numpy as np
import pytest
from small_runs import SMALL, TINY, Stop, StopAt

from keras_effconv import data
from keras_effconv.training import devices, run, step_memory, train
from keras_effconv.training.network import backbone, classifier, unfreeze
from keras_effconv.training.step_memory import divided, parts_needed
from keras_effconv.utils import memory

STILL = {"augmentation": "none", "mixup": 0.0, "dropout": 0.0, "ema": 0.0, "freeze_norm": True}
EXACT = dataclasses.replace(SMALL, epochs=2, batch_size=8, schedule="constant", warmup_epochs=0, lr=0.01, **STILL)


@pytest.fixture(scope="module")
def digits():
    return data.digits(32, limit=4)


def with_memory(monkeypatch, free):
    monkeypatch.setattr(step_memory, "free_memory", lambda: free)


def steps_of(recipe):
    model = classifier(backbone(recipe), 10, 0.0, "network")
    unfreeze(model, recipe.unfreeze_blocks, recipe.freeze_norm, recipe.freeze_depthwise)
    return model, step_memory.step_memory(step_memory.folded(model))


def test_parts_are_as_few_as_fit():
    model, needed = steps_of(EXACT)
    for parts in (1, 2, 4, 8):
        enough = needed.of(EXACT.batch_size // parts) / step_memory.SHARE
        assert parts_needed(EXACT, model, int(enough) + 1) == parts
        assert parts_needed(EXACT, model, int(enough) - 1) == min(2 * parts, 8)
    assert parts_needed(EXACT, model, 0) == 8  # an image a step: fewer there are not


def test_what_is_not_trained_is_forgotten():
    every, head = (steps_of(dataclasses.replace(EXACT, unfreeze_blocks=count))[1] for count in (-1, 0))
    assert head.image < every.image / 2 and head.fixed == every.fixed


def test_larger_images_take_more_in_proportion():
    small, large = (steps_of(dataclasses.replace(EXACT, image_size=size))[1] for size in (32, 64))
    assert large.image / small.image == pytest.approx(4, rel=0.05)  # all but the head's vectors


def test_a_control_group_limits_what_is_free(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CONTROL_GROUP", tmp_path)
    machine = memory.free_memory()
    assert machine > 0
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory() > 10_000
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.free_memory() == 4000


@pytest.mark.long
def test_parts_of_a_step_train_as_the_whole_step_does(digits, tmp_path, monkeypatch, capsys):
    whole = train(EXACT, digits, tmp_path / "whole", outputs=False)
    _, needed = steps_of(EXACT)
    with_memory(monkeypatch, int(needed.of(2) / step_memory.SHARE) + 1)
    capsys.readouterr()
    parts = train(EXACT, digits, tmp_path / "parts", outputs=False)
    assert "4 steps of 2 make an update" in capsys.readouterr().out
    for one, other in zip(whole.model.get_weights(), parts.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(whole.curves["loss"], parts.curves["loss"], rtol=1e-3)
    np.testing.assert_array_equal(whole.curves["val_accuracy"], parts.curves["val_accuracy"])


@pytest.mark.long
def test_a_run_that_resumes_has_the_parts_that_it_began_with(digits, tmp_path, monkeypatch):
    recipe = dataclasses.replace(SMALL, epochs=2)
    with_memory(monkeypatch, 0)
    expected = train(recipe, digits, tmp_path / "whole", outputs=False)
    with pytest.raises(Stop):
        train(recipe, digits, tmp_path / "part", callbacks=[StopAt(1, 5)], checkpoint_seconds=0, outputs=False)
    with_memory(monkeypatch, 1 << 40)
    resumed = train(recipe, digits, tmp_path / "part", resume=True, outputs=False)
    assert resumed.curves["val_accuracy"] == expected.curves["val_accuracy"]
    np.testing.assert_allclose(resumed.curves["loss"], expected.curves["loss"], rtol=1e-6)
    for one, other in zip(expected.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_devices_and_accelerators_keep_their_batch(monkeypatch):
    assert devices.Devices().on_main_memory
    monkeypatch.setitem(devices.ON_CPU, keras.backend.backend(), lambda: False)
    assert not devices.Devices().on_main_memory


def test_a_recipe_in_parts_sees_as_many_images_in_an_update():
    recipe = divided(dataclasses.replace(TINY, accumulate=3, ema=0.9), 4)
    assert recipe.batch_size * recipe.accumulate == 3 * TINY.batch_size
    assert recipe.ema**4 == pytest.approx(0.9)
    assert divided(TINY, 1) is TINY and run.divided is divided
