"""A small search for a recipe, by Optuna: trials that learn most of the training images and judge the others."""

import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from keras_effconv.data import Dataset, Split
from keras_effconv.training.headline import ACCURACY, in_words
from keras_effconv.training.network import forget
from keras_effconv.training.recipe import Recipe
from keras_effconv.training.run import train
from keras_effconv.training.task import task_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.text_table import aligned

FOLDER, LOG = "hpo", "trials.log"
JUDGES = 0.2  # of the training images
RATES = 1e-4, 3e-3
CHOICES = {
    "unfreeze_blocks": (3, 7, 14, -1),
    "layer_decay": (0.7, 0.85, 1.0),
    "augmentation": ("light", "standard", "randaugment"),
    "mixup": (0.0, 0.2),
}


class Tuned(NamedTuple):
    """What a search came to.

    Attributes:
        recipe: `Recipe`, the best one.
        trials: list of pairs: the fields that a trial tried, dict, and its headline on the images that judge.
        judges: int, the images that judge.
        metric: str, the name of the headline. Default `"accuracy"`.
    """

    recipe: Recipe
    trials: list[tuple[dict[str, Any], float]]
    judges: int
    metric: str = ACCURACY


def tune(
    recipe: Recipe,
    dataset: Dataset,
    folder: str | os.PathLike,
    trials: int = 20,
    seconds: float | None = None,
    resume: bool = False,
    train: Callable[..., Any] = train,
) -> Tuned:
    """Search for a learning rate, blocks to train, their rates, augmentation and mixup.

    A fifth of the training images judges the trials, and the others are learned: the validation and test images take no
    part, so that they may report. A trial counts by its last epoch, of equal scores by its loss. The first trial is
    the recipe itself, at a rate of 1e-3 if it names none. The others are drawn by Optuna's tree-structured Parzen
    estimator (Akiba et al., KDD 2019).

    Args:
        recipe: `Recipe`, whose other fields stay as they are.
        dataset: `Dataset` in memory.
        folder: path to write to: `hpo/trials.log`, from which a search resumes.
        trials: int, at most. Default 20.
        seconds: float, after which no other trial begins; one is always made. Default: no limit.
        resume: bool, whether to keep the trials that the folder has. Default `False`: it starts anew.
        train: callable that trains. Default: `training.train`.

    Returns:
        A `Tuned`.

    Raises:
        ValueError: the recipe trains no epochs, the images stay on disk, or fewer than two classes have two images; of
            several labels, no class has.
        ImportError: Optuna is missing.
    """
    optuna, begun = require("optuna", "hpo"), time.perf_counter()
    if not recipe.epochs:
        raise ValueError("`recipe` must have epochs to be tuned. Received: epochs=0")
    inner, place = _divided(dataset, recipe.seed), Path(folder).expanduser() / FOLDER
    study = _study(optuna, place, recipe, resume)

    def judged(trial):
        tried = dataclasses.replace(recipe, **_drawn(trial))
        forget()
        print(f"trial {trial.number + 1} of {trials}: {_told(trial.params)}", flush=True)
        shutil.rmtree(place / "trial", ignore_errors=True)
        result = train(tried, inner, place / "trial", outputs=False)
        loss = (result.curves.get("val_loss") or [0.0])[-1]
        trial.set_user_attr("score", result.score)
        return result.score - 1e-4 * min(loss, 9.0)  # less than an image of a thousand

    while len(_finished(study)) < trials and not (_finished(study) and _is_over(begun, seconds)):
        study.optimize(judged, 1)
    done = [(trial.params, trial.user_attrs["score"]) for trial in _finished(study)]
    best = dataclasses.replace(recipe, **study.best_trial.params)
    return Tuned(best, done, len(inner.validation), task_of(dataset).metric)


def _divided(dataset, seed):
    """Return a `Dataset` whose validation images are some of the training images."""
    if not isinstance(dataset.train, Split):
        raise ValueError("`dataset` must have its images in memory to be tuned on. Received: a stream")
    learned, judge = task_of(dataset).judges(dataset.train.labels, JUDGES, seed)
    parts = {"train": dataset.train.take(learned), "validation": dataset.train.take(judge)}
    return dataclasses.replace(dataset, **parts, test=None)


def _study(optuna, place, recipe, resume):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place.mkdir(parents=True, exist_ok=True)
    if not resume:
        (place / LOG).unlink(missing_ok=True)
    backend = optuna.storages.journal.JournalFileBackend(str(place / LOG))
    study = optuna.create_study(
        study_name="recipe",
        storage=optuna.storages.JournalStorage(backend),
        sampler=optuna.samplers.TPESampler(seed=recipe.seed),
        direction="maximize",
        load_if_exists=True,
    )
    states = optuna.trial.TrialState
    if not any(trial.state in (states.COMPLETE, states.WAITING) for trial in study.trials):
        study.enqueue_trial(_own(recipe))  # none was made, or it was stopped
    return study


def _is_over(begun, seconds):
    return seconds is not None and time.perf_counter() - begun >= seconds


def _own(recipe):
    """Return the fields of a recipe as far as they are among those that are drawn."""
    rate = {} if recipe.lr is None else {"lr": min(max(recipe.lr, RATES[0]), RATES[1])}
    own = {name: getattr(recipe, name) for name, values in CHOICES.items() if getattr(recipe, name) in values}
    return {"lr": 1e-3, **rate, **own}


def _drawn(trial):
    drawn = {name: trial.suggest_categorical(name, values) for name, values in CHOICES.items()}
    return {"lr": trial.suggest_float("lr", *RATES, log=True), **drawn}


def _finished(study):
    return [trial for trial in study.trials if trial.value is not None]


def _told(fields):
    shown = {name: f"{value:.2g}" if isinstance(value, float) else value for name, value in fields.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items())


def table(tuned: Tuned, most: int = 10) -> str:
    """Return a table of the best trials, and what was chosen.

    Example:

    >>> print(table(Tuned(Recipe(lr=2e-3), [({"lr": 1e-3}, 0.8), ({"lr": 2e-3}, 0.9)], 10)))
    trial  accuracy  fields
        2     90.0%  lr=0.002
        1     80.0%  lr=0.001
    2 trials, judged by 10 of the training images, the best first
    """
    ranked = sorted(enumerate(tuned.trials, 1), key=lambda each: -each[1][1])[:most]
    rows = [(number, f"{score:.1%}", _told(fields)) for number, (fields, score) in ranked]
    shown = aligned([("trial", in_words(tuned.metric), "fields"), *rows], right=(0, 1))
    return f"{shown}\n{len(tuned.trials)} trials, judged by {tuned.judges} of the training images, the best first"
