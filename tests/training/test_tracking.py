"""Experiment trackers: what they are told of a run, by stand-ins for their packages, and by these where they are."""

import contextlib
import json
import sys
import types

import keras
import numpy as np
import pytest
from commands import check_mistakes

from keras_effconv.training import Recipe
from keras_effconv.training.tracking import check_trackers, tracked


class Seen(keras.callbacks.Callback):
    """A callback of a tracker."""


@contextlib.contextmanager
def begun(told, name):
    """A run of a tracker, and how it ends."""
    told["begun"] = name
    try:
        yield types.SimpleNamespace(summary=told.setdefault("numbers", {}))
        told["ended"] = "well"
    except BaseException:
        told["ended"] = "failed"
        raise


@pytest.fixture
def wandb(monkeypatch):
    told = {}

    def init(project, name, dir, config):
        told.update(project=project, dir=dir, config=config)
        return begun(told, name)

    part = types.SimpleNamespace(WandbMetricsLogger=Seen)
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    monkeypatch.setitem(sys.modules, "wandb.integration.keras", part)
    return told


@pytest.fixture
def mlflow(monkeypatch):
    told = {}
    module = types.SimpleNamespace(
        set_experiment=lambda name: told.update(project=name),
        start_run=lambda run_name: begun(told, run_name),
        log_params=lambda config: told.update(config=config),
        log_metrics=lambda numbers: told.setdefault("numbers", {}).update(numbers),
    )
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.keras", types.SimpleNamespace(MlflowCallback=Seen))
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return told


def test_each_tracker_follows_the_run(wandb, mlflow, tmp_path):
    recipe = Recipe(conv="HetConv(parts=4)", lr=0.5, source="a paper")
    with tracked(["wandb", "mlflow"], recipe, tmp_path / "roses") as (callbacks, finish):
        assert [type(each) for each in callbacks] == [Seen, Seen]
        finish({"accuracy": 0.75})
    for told in (wandb, mlflow):
        assert (told["begun"], told["ended"], told["numbers"]) == ("roses", "well", {"accuracy": 0.75})
        assert (told["config"]["lr"], told["config"]["conv"]) == (0.5, "HetConv(parts=4)")
        assert told["project"] == "keras-effconv" and "source" not in told["config"]
    assert wandb["dir"].is_dir()


def test_a_run_that_fails_is_told_so(wandb, mlflow, tmp_path):
    with pytest.raises(KeyboardInterrupt), tracked(["wandb", "mlflow"], Recipe(), tmp_path):
        raise KeyboardInterrupt
    assert wandb["ended"] == mlflow["ended"] == "failed" and not wandb["numbers"] and not mlflow["numbers"]


def test_a_tracker_that_cannot_begin_is_one_line(wandb, mlflow, tmp_path, monkeypatch):
    def refuse(project, **options):
        raise RuntimeError("no API key\nconfigured")

    monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
    with (
        pytest.raises(ValueError, match=r"`track` must name trackers .* Received: wandb: no API key configured$"),
        tracked(["mlflow", "wandb"], Recipe(), tmp_path),
    ):
        pass
    assert mlflow["ended"] == "failed"


def test_trackers_are_checked_before_data_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r'pip install "keras-effconv\[mlflow\]"'):
        check_trackers(["mlflow"])
    output = tmp_path / "run"
    check_mistakes(
        "finetune", [((f"--output={output}", "--track=aim"), "be one of 'wandb', 'mlflow'. Received: track='aim'")]
    )
    assert not output.exists()


@pytest.mark.long
def test_mlflow_itself_has_the_curves(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason='mlflow is not installed: pip install "keras-effconv[mlflow]"')
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file:{tmp_path / 'mlruns'}")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with tracked(["mlflow"], Recipe(lr=0.25), tmp_path / "roses") as (callbacks, finish):
        for last in (1, 3):  # as the phases of a run
            options = {"epochs": last, "initial_epoch": last // 2, "verbose": 0, "callbacks": callbacks}
            model.fit(np.zeros((4, 2)), np.zeros(4), **options)
        finish({"accuracy": 0.75})
    (run,) = mlflow.search_runs(experiment_names=["keras-effconv"], output_format="list")
    assert run.info.status == "FINISHED" and run.data.params["lr"] == "0.25" and run.data.metrics["accuracy"] == 0.75
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")) == 3


@pytest.mark.long
def test_weights_and_biases_itself_has_the_numbers(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason='wandb is not installed: pip install "keras-effconv[wandb]"')
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with tracked(["wandb"], Recipe(), tmp_path / "roses") as (_, finish):
        finish({"accuracy": 0.75})
        import wandb

        assert json.loads(json.dumps(dict(wandb.run.summary))) == {"accuracy": 0.75}
    assert list((tmp_path / "roses" / "wandb").glob("offline-run-*"))
