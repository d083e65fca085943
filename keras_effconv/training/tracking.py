"""Experiment trackers that follow a run, by the Keras callbacks that they bring themselves."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras

from keras_effconv.training.recipe import Recipe
from keras_effconv.utils.arguments import one_of
from keras_effconv.utils.extras import require

PROJECT = "keras-effconv"


def check_trackers(names: Sequence[str]):
    """Raise a `ValueError` for what is no tracker, and an `ImportError` if its package is missing."""
    for name in names:
        require(one_of("track", name, tuple(TRACKERS)), name)


@contextlib.contextmanager
def tracked(
    names: Sequence[str], recipe: Recipe, folder: str | os.PathLike
) -> Iterator[tuple[list[keras.callbacks.Callback], Callable]]:
    """Begin a run of each tracker, and end it with this context: as failed if an exception leaves it.

    Args:
        names: of `TRACKERS`: `"wandb"` (Weights & Biases), `"mlflow"`. Where they write to is theirs to know: their
            environment variables, such as `WANDB_MODE` and `MLFLOW_TRACKING_URI`, and their settings on this machine.
        recipe: `Recipe`; its fields are the parameters of the run.
        folder: path of the run; its last part is the name of the run.

    Yields:
        Pair: callbacks for `train`, and a function that takes the final numbers, a dict of floats by name.

    Raises:
        ValueError: there is no such tracker, or it cannot begin, as without its server.
        ImportError: its package is missing.

    Example:

    >>> with tracked([], Recipe(), "outputs/finetune") as (callbacks, finish):
    ...     finish({"accuracy": 0.9})
    >>> callbacks
    []
    """
    check_trackers(names)
    config = {name: value for name, value in dataclasses.asdict(recipe).items() if name != "source"}
    config |= {"conv": str(recipe.conv)}
    folder = Path(folder)
    with contextlib.ExitStack() as stack:
        runs = [_begun(stack, name, config, folder) for name in names]

        def finish(numbers):
            for _, tell in runs:
                tell(numbers)

        yield [callback for callback, _ in runs], finish


def _begun(stack, name, config, folder):
    try:
        return stack.enter_context(TRACKERS[name](config, folder))
    except ImportError:
        raise
    except Exception as error:  # trackers have types of their own
        reason = " ".join(str(error).split())
        raise ValueError(f"`track` must name trackers that can begin a run. Received: {name}: {reason}") from error


@contextlib.contextmanager
def _wandb(config, folder):
    wandb, keras_part = require("wandb", "wandb"), require("wandb.integration.keras", "wandb")
    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT), name=folder.name, dir=folder, config=config
    ) as run:
        yield keras_part.WandbMetricsLogger(), run.summary.update


@contextlib.contextmanager
def _mlflow(config, folder):
    mlflow, keras_part = require("mlflow", "mlflow"), require("mlflow.keras", "mlflow")
    if "MLFLOW_EXPERIMENT_NAME" not in os.environ and "MLFLOW_EXPERIMENT_ID" not in os.environ:
        mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=folder.name):
        mlflow.log_params(config)
        yield keras_part.MlflowCallback(), mlflow.log_metrics


TRACKERS = {"wandb": _wandb, "mlflow": _mlflow}
