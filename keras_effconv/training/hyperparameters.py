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
from keras_effconv.training.reporting.run_record import described, identity
from keras_effconv.training.result import unselected
from keras_effconv.training.run import train
from keras_effconv.training.task import task_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.text_table import aligned

FOLDER, LOG = "hpo", "trials.log"
RUN, OWN = "run", "own"  # attributes: which search it is, and the trial of the recipe as it is
JUDGES = 0.2  # of the training images
RATES = 3e-5, 3e-3
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
    the recipe itself. The others are drawn by Optuna's tree-structured Parzen estimator (Akiba et al., KDD 2019). A
    field whose value in the recipe is none of those that are tried stays as it is.

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
        ValueError: the recipe trains no epochs or finds its rate by itself, the images stay on disk, or fewer than two
            classes have two images; of several labels, no class has. With `resume`, the trials are of another recipe or
            other images.
        ImportError: Optuna is missing.
    """
    optuna, begun = require("optuna", "hpo"), time.perf_counter()
    check_tunable(recipe)
    inner, place = _divided(dataset, recipe.seed), Path(folder).expanduser() / FOLDER
    study = _study(optuna, place, recipe, resume, identity(described(recipe, inner)))

    def judged(trial):
        tried = recipe if OWN in trial.user_attrs else dataclasses.replace(recipe, **_drawn(trial, recipe))
        forget()
        print(f"trial {trial.number + 1} of {trials}: {_told(trial.params)}", flush=True)
        shutil.rmtree(place / "trial", ignore_errors=True)
        result = train(tried, inner, place / "trial", outputs=False)
        loss, score = (result.curves.get("val_loss") or [0.0])[-1], unselected(result, recipe)
        trial.set_user_attr("score", score)
        return score - 1e-4 * min(loss, 9.0)  # less than an image of a thousand

    while len(_finished(study)) < trials and not (_finished(study) and _is_over(begun, seconds)):
        study.optimize(judged, 1)
    done = [(trial.params, trial.user_attrs["score"]) for trial in _finished(study)]
    best = dataclasses.replace(recipe, **study.best_trial.params)
    return Tuned(best, done, len(inner.validation), task_of(dataset).metric)


def check_tunable(recipe):
    """Raise a `ValueError` for a recipe that no search can change."""
    if not recipe.epochs:
        raise ValueError("`recipe` must have epochs to be tuned. Received: epochs=0")
    if recipe.find_lr:
        raise ValueError("`recipe` must leave its rate to the trials. Received: find_lr=True")


def _divided(dataset, seed):
    """Return a `Dataset` whose validation images are some of the training images."""
    if not isinstance(dataset.train, Split):
        raise ValueError("`dataset` must have its images in memory to be tuned on. Received: a stream")
    learned, judge = task_of(dataset).judges(dataset.train.labels, JUDGES, seed)
    parts = {"train": dataset.train.take(learned), "validation": dataset.train.take(judge)}
    return dataclasses.replace(dataset, **parts, test=None)


def _study(optuna, place, recipe, resume, run):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place.mkdir(parents=True, exist_ok=True)
    if not resume:
        (place / LOG).unlink(missing_ok=True)
    backend = optuna.storages.journal.JournalFileBackend(str(place / LOG))
    study = optuna.create_study(
        study_name="recipe",
        storage=optuna.storages.JournalStorage(backend),
        direction="maximize",
        load_if_exists=True,
    )
    if study.user_attrs.get(RUN, run) != run:
        text = "`resume` must have the recipe and the images of the search in {}. Received another search's"
        raise ValueError(text.format(place))
    study.set_user_attr(RUN, run)
    study.sampler = optuna.samplers.TPESampler(seed=recipe.seed + len(study.trials))  # does not draw the same again
    states = optuna.trial.TrialState
    if not any(trial.state in (states.COMPLETE, states.WAITING) for trial in study.trials):
        study.enqueue_trial({}, user_attrs={OWN: True})  # none was made, or it was stopped
    return study


def _is_over(begun, seconds):
    return seconds is not None and time.perf_counter() - begun >= seconds


def _drawn(trial, recipe):
    """Return the fields of a trial; one whose value in the recipe is not among those that are tried is not drawn."""
    tried = {name: values for name, values in CHOICES.items() if getattr(recipe, name) in values}
    drawn = {name: trial.suggest_categorical(name, values) for name, values in tried.items()}
    return {"lr": trial.suggest_float("lr", *RATES, log=True), **drawn}


def _finished(study):
    return [trial for trial in study.trials if trial.value is not None]


def _told(fields):
    shown = {name: f"{value:.2g}" if isinstance(value, float) else value for name, value in fields.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items()) or "the recipe as it is"


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
