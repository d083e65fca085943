"""Whole runs of recipes: they resume exactly where they were stopped, on one device as on several."""

import dataclasses
import json
import os
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
from paths import ROOT
from small_runs import SMALL, Stop, StopAt

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.training import RECIPES, Recipe, checkpoint, network, train
from keras_effconv.training.reporting.environment import check_folder
from keras_effconv.training.trainer import at_size

GROWING = dataclasses.replace(SMALL, sizes=(24, 32))  # two stages, so twice the graphs


@pytest.fixture(scope="module")
def digits():
    return data.digits(32, limit=5)  # 50 images: three batches and a short one


def in_any_moment():
    """At the last batch, in the middle of an epoch, twice in one, at another size, before the first checkpoint."""
    slow = pytest.mark.slow
    yield pytest.param(SMALL, [(0, 3), (1, 1)], 0, id="last batch, then another")
    yield pytest.param(SMALL, [(1, 1), (1, 0)], 0, id="twice", marks=slow)
    yield pytest.param(GROWING, [(2, 0)], 0, id="new size", marks=slow)
    yield pytest.param(GROWING, [(1, 3)], 1e9, id="between stages", marks=slow)
    yield pytest.param(SMALL, [(0, 0)], 1e9, id="no checkpoint", marks=slow)


@pytest.mark.long
@pytest.mark.parametrize(("recipe", "moments", "seconds"), list(in_any_moment()))
def test_a_stopped_run_ends_as_the_whole_one(recipe, moments, seconds, digits, tmp_path):
    whole = train(recipe, digits, tmp_path / "whole", outputs=False)
    for number, moment in enumerate(moments):
        with pytest.raises(Stop):
            train(recipe, digits, tmp_path, number > 0, [StopAt(*moment)], checkpoint_seconds=seconds, outputs=False)
    (tmp_path / f".{checkpoint.STATE}.killed").mkdir()
    result = train(recipe, digits, tmp_path, True, checkpoint_seconds=seconds, outputs=False)
    assert not list(tmp_path.glob(".*"))  # what a killed one was writing is gone
    assert result.kept == whole.kept
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(result.curves[name], curve, rtol=1e-5, err_msg=name)
    for mine, theirs in zip(result.model.weights, whole.model.weights):
        np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, (mine, theirs)), rtol=1e-5, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("keep", ["last", "best"])
def test_the_model_is_that_of_the_epoch_that_is_kept(keep, digits, tmp_path):
    recipe = dataclasses.replace(SMALL, epochs=3, keep=keep, lr=0.5, ema=0.5)  # so fast that the last is not the best
    result = train(recipe, digits, tmp_path, outputs=False)
    curve = result.curves["val_accuracy"]
    assert curve[-1] < max(curve)
    assert result.kept == (3 if keep == "last" else result.best) and curve[result.best - 1] == max(curve)
    scores = result.model.predict(digits.validation.images.astype("float32"), verbose=0)
    assert np.mean(scores.argmax(1) == digits.validation.labels) == pytest.approx(curve[result.kept - 1])
    assert (tmp_path / checkpoint.BEST).exists() == (keep == "best")


@pytest.mark.long
def test_another_runs_checkpoint_is_refused(digits, tmp_path):
    with pytest.raises(Stop):
        train(SMALL, digits, tmp_path, callbacks=[StopAt(0, 0)], checkpoint_seconds=0, outputs=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [checkpoint.STATE, "run.json"]
    wider = dataclasses.replace(SMALL, options={"depth": 0.3})
    with pytest.raises(ValueError, match=r"another run's: that one has options=.*0\.5"):
        train(wider, digits, tmp_path, resume=True)
    with pytest.raises(ValueError, match="another run's: that one has training_images=50, validation_images=50"):
        train(SMALL, data.digits(32, limit=4), tmp_path, resume=True)
    (tmp_path / "run.json").unlink()
    with pytest.raises(ValueError, match="is another run's"):
        train(wider, digits, tmp_path, resume=True)
    (tmp_path / checkpoint.STATE).write_bytes((tmp_path / checkpoint.STATE).read_bytes()[:1000])
    with pytest.raises(ValueError, match="cannot be read"):
        train(SMALL, digits, tmp_path, resume=True)


@pytest.mark.long
def test_blocks_are_unfrozen_one_after_the_other(digits, tmp_path):
    class Watch(keras.callbacks.Callback):
        seen = []  # noqa: RUF012

        def on_epoch_begin(self, epoch, logs=None):
            self.seen.append({layer.name for layer in self.model.network.layers if layer.trainable_weights})

    recipe = dataclasses.replace(
        SMALL, epochs=3, unfreeze_blocks=2, unfreeze_epochs=1, freeze_norm=True, augmentation="none", mixup=0
    )
    train(recipe, digits, tmp_path, callbacks=[Watch()], outputs=False)
    first, second, third = Watch.seen
    assert first < second == third
    assert not any("bn" in name for name in third)


@pytest.mark.long
def test_a_student_of_itself_has_nothing_to_learn(digits, tmp_path):
    recipe = dataclasses.replace(SMALL, epochs=1, mixup=0, augmentation="none", weight_decay=0, ema=0)
    train(recipe, digits, tmp_path / "teacher", outputs=False).model.save(tmp_path / "teacher.keras")
    teacher = tmp_path / "teacher.keras"
    keras.models.load_model(teacher).save_weights(tmp_path / "same.weights.h5")
    frozen = {"unfreeze_blocks": 0, "freeze_norm": True, "lr": 0.0, "dropout": 0.0}
    student = dataclasses.replace(recipe, teacher=str(teacher), teacher_weight=1.0, **frozen)

    class Same(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.network.load_weights(tmp_path / "same.weights.h5")

    result = train(student, digits, tmp_path / "student", callbacks=[Same()], outputs=False)
    assert abs(result.curves["loss"][0]) < 1e-5


@pytest.mark.long
def test_training_stops_without_progress(digits, tmp_path):
    recipe = dataclasses.replace(SMALL, lr=0.0, epochs=6, patience=1, ema=0, augmentation="none")
    assert len(train(recipe, digits, tmp_path, outputs=False).curves["loss"]) < 6


@pytest.mark.long
def test_a_run_that_stopped_without_progress_stays_so_when_it_resumes(digits, tmp_path):
    recipe = dataclasses.replace(SMALL, lr=0.0, epochs=6, patience=1, ema=0, augmentation="none")
    stopped = train(recipe, digits, tmp_path, outputs=False)
    resumed = train(recipe, digits, tmp_path, resume=True, outputs=False)
    assert resumed.curves == stopped.curves and resumed.kept == stopped.kept
    for mine, theirs in zip(resumed.model.get_weights(), stopped.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def rare_class():
    """Noise of two classes, 36 images and 4, and a recipe that changes no weight."""
    images = np.random.default_rng(0).integers(0, 255, (40, 32, 32, 3), "uint8")
    labels = np.array([0] * 36 + [1] * 4, "int32")
    split = data.Split(images, labels, tuple(map(str, labels)))
    options = {"epochs": 1, "mixup": 0, "augmentation": "none", "lr": 0.0, "batch_size": 40, "ema": 0}
    recipe = dataclasses.replace(SMALL, weight_decay=0, label_smoothing=0, **options)
    return images, labels, data.Dataset("two", split, split, ("often", "rarely")), recipe


@pytest.mark.long
def test_class_weights_make_rare_classes_count(tmp_path):
    images, labels, dataset, recipe = rare_class()
    plain, weighed = (
        train(dataclasses.replace(recipe, class_weights=w), dataset, tmp_path / str(w), outputs=False)
        for w in (False, True)
    )
    scores = plain.model.predict(images, verbose=0)[np.arange(40), labels]
    assert plain.curves["val_loss"] == pytest.approx(weighed.curves["val_loss"])
    assert plain.curves["val_loss"][0] == pytest.approx(-np.log(scores).mean(), rel=1e-3)
    assert plain.curves["loss"][0] != pytest.approx(weighed.curves["loss"][0], rel=1e-3)


@pytest.mark.long
def test_balanced_sampling_and_the_focal_loss_change_training_alone(tmp_path):
    images, labels, dataset, recipe = rare_class()
    recipe = dataclasses.replace(recipe, freeze_norm=True, dropout=0, drop_connect_rate=0)  # as in evaluation
    changes = {"plain": {}, "sampled": {"balanced_sampling": True}, "focal": {"focal": 2.0}}
    runs = {
        name: train(dataclasses.replace(recipe, **change), dataset, tmp_path / name, outputs=False)
        for name, change in changes.items()
    }
    scores = runs["plain"].model.predict(images, verbose=0)[np.arange(40), labels]
    entropy, often = -np.log(scores), labels == 0
    for run in runs.values():
        assert run.curves["val_loss"][0] == pytest.approx(runs["plain"].curves["val_loss"][0], rel=1e-2)
    # A rate of 0 changes no weight, so that the loss of the epoch is that of the images it showed.
    assert runs["plain"].curves["loss"][0] == pytest.approx(entropy.mean(), rel=1e-3)
    assert runs["focal"].curves["loss"][0] == pytest.approx(((1 - scores) ** 2 * entropy).mean(), rel=1e-3)
    rare = runs["sampled"].curves["loss"][0] - entropy[~often].mean() / 2
    assert np.sort(entropy[often])[:20].mean() / 2 <= rare * 1.001
    assert rare <= np.sort(entropy[often])[-20:].mean() / 2 * 1.001


@pytest.mark.long
def test_mixed_precision_keeps_probabilities_in_float32(digits, tmp_path):
    recipe = dataclasses.replace(SMALL, epochs=1, dtype="mixed_bfloat16", augmentation="none", mixup=0)
    result = train(recipe, digits, tmp_path, outputs=False)
    assert np.isfinite(result.curves["loss"]).all()
    assert keras.config.dtype_policy().name == "float32"
    assert result.model.get_layer("predictions").dtype_policy.name == "float32"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["Conv()", "OctConv(alpha=0.25)", "HetConv(parts=4)"])
def test_a_network_at_another_size_is_the_same_network(kind):
    model = ke.ResNet20(weights=None, conv=kind)
    small = at_size(model, 40)
    assert small.weights[0] is model.weights[0]
    twin = ke.ResNet20(weights=None, conv=kind, input_shape=(40, 40, 3))
    twin.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(0, 1, (2, 40, 40, 3)).astype("float32")
    np.testing.assert_allclose(small(x), twin(x), atol=1e-6)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_one_that_can_be_run(name):
    network.check(RECIPES[name])
    assert RECIPES[name].source


@pytest.mark.parametrize("field", ["optimizer", "schedule", "augmentation", "dtype"])
def test_a_recipe_refuses_what_it_does_not_know(field):
    with pytest.raises(ValueError, match=f"`{field}` must be one of"):
        Recipe(**{field: "other"})
    with pytest.raises(ValueError, match="`ema` must be 0 to"):
        Recipe(ema=1.0)


# --- devices --------------------------------------------------------------------------------------------------------

# The curve of a run on one device, on two of one process, or in one of two processes.
RUN = """
import json, os, sys
from dataclasses import replace
mode, folder, *place = sys.argv[1:]
if mode == "mirrored":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from keras_effconv import data
from keras_effconv.training import train
from keras_effconv.training.devices import find_devices
from small_runs import SMALL
devices = find_devices(mode, *place[:1], *map(int, place[1:]))
recipe = replace(SMALL, augmentation="none", mixup=0.0, epochs=2, dropout=0.0, batch_size=10, lr=0.005)
result = train(recipe, data.digits(32, limit=5), folder, devices=devices, outputs=False)
print("CURVES", json.dumps(result.curves), os.path.exists(os.path.join(folder, "checkpoint.npz")))
"""


def start(backend, *arguments):
    path = os.pathsep.join(map(str, [ROOT, ROOT / "tests" / "support"]))
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def curves_of(process):
    """The curves that a run printed, and whether it wrote a checkpoint."""
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr[-3000:]
    line = next(line for line in stdout.splitlines() if line.startswith("CURVES "))
    curves, wrote = line.removeprefix("CURVES ").rsplit(" ", 1)
    return json.loads(curves), wrote == "True"


@pytest.mark.process
def test_two_devices_of_one_host_learn_what_one_does(tmp_path):
    one, two = (curves_of(start("tensorflow", mode, tmp_path / mode))[0] for mode in ("none", "mirrored"))
    # Each device normalises by the statistics of its own half of a batch, as usual: the curves are near, not equal.
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=0.1)


@pytest.mark.process
def test_two_processes_learn_what_one_does(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [start("jax", "multi-host", tmp_path / f"host{i}", address, 2, i) for i in range(2)]
    (first, wrote), (second, also_wrote) = map(curves_of, processes)
    one, _ = curves_of(start("jax", "none", tmp_path / "one"))
    assert (wrote, also_wrote) == (True, False)
    for name in ("loss", "val_loss"):  # an accuracy jumps where two scores are nearly equal
        np.testing.assert_allclose(first[name], one[name], rtol=1e-3, err_msg=name)
        np.testing.assert_allclose(second[name], one[name], rtol=1e-3, err_msg=name)


# --- files --------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_take_a_run_is_known_before_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="folder that can be written to"):
        check_folder(tmp_path / "file" / "run", 1)
    with pytest.raises(OSError, match="MiB free"):
        check_folder(tmp_path / "run", 1 << 60)


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.process
def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(digits, tmp_path):
    flags = ["--dataset=digits", "--limit=5", "--model=ResNet20", "--image_size=32", "--augmentation=none"]
    checkpoints = ["--epochs=2", f"--output={tmp_path}", "--checkpoint_minutes=0"]
    (tmp_path / checkpoint.STATE).write_bytes(b"the last one")
    command = [sys.executable, "-c", LIMITED, "100000", "scripts/train.py", *flags, *checkpoints]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr[-2000:]
    assert "File too large" in done.stderr.splitlines()[-1]
    assert (tmp_path / checkpoint.STATE).read_bytes() == b"the last one"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
