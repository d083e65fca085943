"""An estimate that no image is lost for: a whole run for each fold of the images."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_effconv.data import Dataset, Split
from keras_effconv.training.headline import ACCURACY, in_words
from keras_effconv.training.network import forget
from keras_effconv.training.recipe import Recipe
from keras_effconv.training.reporting.intervals import with_interval
from keras_effconv.training.reporting.run_record import described, identity
from keras_effconv.training.result import unselected
from keras_effconv.training.run import train
from keras_effconv.training.task import task_called, task_of
from keras_effconv.utils.files import read_json, write_json
from keras_effconv.utils.text_table import markdown

FILE = "folds.json"


@dataclasses.dataclass(frozen=True)
class Fold:
    """A run on all images but a fold, and its score on the images of the fold after its last epoch.

    Attributes:
        images: int, of the fold.
        score: float, the headline: the accuracy, or the mean average precision of several labels; of the network after
            the last epoch, or of the head if there are no epochs.
        head_score: float, of the head alone on the frozen network; `None` if no head was fitted.
        run: str, the identity of the run.
        metric: str, the name of the headline. Default `"accuracy"`.
    """

    images: int
    score: float
    head_score: float | None
    run: str
    metric: str = ACCURACY


def cross_validate(
    recipe: Recipe,
    dataset: Dataset,
    folder: str | os.PathLike,
    folds: int = 5,
    resume: bool = False,
    train: Callable[..., Any] = train,
) -> list[Fold]:
    """Train a network for each fold of the training and validation images, on those of the other folds.

    Each image is judged once, by a network that has not seen it, after its last epoch: no epoch is selected, whatever
    the recipe keeps. So the accuracy over all folds is of as many images as there are, and nothing was chosen by them.
    Each fold has its part of each class. The test images take no part. Of several labels, it is the mean of the folds'
    mean average precisions.

    Args:
        recipe: `Recipe`.
        dataset: `Dataset` in memory.
        folder: path to write to: a folder for each run, and `folds.json`.
        folds: int, 2 or more. Default 5.
        resume: bool, whether folds that are finished stay so, and one that was interrupted continues. Default `False`.
        train: callable that trains. Default: `training.train`.

    Returns:
        list of `Fold`.

    Raises:
        ValueError: there are fewer than two folds, or a class has fewer images than folds; the images stay on disk.

    Example:

    >>> import tempfile
    >>> from keras_effconv import data
    >>> recipe = Recipe(model="ResNet20", weights=None, image_size=32, epochs=0)
    >>> found = cross_validate(recipe, data.digits(32, limit=2), tempfile.mkdtemp(), 2)  # doctest: +ELLIPSIS
    fold 1 of 2...
    >>> [fold.images for fold in found]
    [20, 20]
    """
    folder = Path(folder).expanduser()
    done = _read(folder) if resume else {}
    found = []
    for number, fold in enumerate(_datasets(dataset, folds, recipe.seed), 1):
        print(
            f"fold {number} of {folds}: {len(fold.train)} images train, {len(fold.validation)} are judged", flush=True
        )
        run = identity(described(recipe, fold))
        known = done.get(number)
        found.append(known if known and known.run == run else _run(recipe, fold, folder, number, run, resume, train))
        write_json(folder / FILE, _written(found))
    return found


def _run(recipe, dataset, folder, number, run, resume, train):
    forget()
    result = train(recipe, dataset, folder / f"fold-{number}", resume, outputs=False)
    images = len(dataset.validation)
    score = unselected(result, recipe)
    if score is None:
        raise ValueError("`recipe` must train something. Received: epochs=0 and head_c=0")
    return Fold(images, score, result.head_score, run, task_of(dataset).metric)


def _datasets(dataset, folds, seed) -> Iterator[Dataset]:
    """Yield a `Dataset` for each fold, which validates."""
    if not isinstance(dataset.train, Split):
        raise ValueError("`dataset` must have its images in memory to be divided into folds. Received: a stream")
    whole = _joined(dataset.train, dataset.validation)
    fold = task_of(dataset).folds(whole.labels, folds, seed)
    for number in range(folds):
        others, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        yield dataclasses.replace(dataset, train=whole.take(others), validation=whole.take(judged), test=None)


def _joined(*splits):
    images, labels = (np.concatenate([getattr(split, name) for split in splits]) for name in ("images", "labels"))
    return Split(images, labels, tuple(name for split in splits for name in split.names))


def summary(found: list[Fold]) -> dict[str, Any]:
    """Return the headline over all folds, its interval, and each fold's: dict, fit for JSON.

    Example:

    >>> summary([Fold(10, 0.9, 0.8, ""), Fold(10, 0.8, 0.8, "")])["accuracy"]
    0.85
    """
    metric, images = found[0].metric, [fold.images for fold in found]
    task, heads = task_called(metric), [fold.head_score for fold in found]
    score, interval = task.over_folds([fold.score for fold in found], images)
    return {
        metric: score,
        f"{metric}_interval": interval,
        f"head_{metric}": None if None in heads else task.over_folds(heads, images)[0],
        "images": sum(images),
        "folds": [fold.score for fold in found],
    }


def table(found: list[Fold]) -> str:
    """Return a table of the folds and, below it, the headline over all."""
    rows = [
        (
            f"{number}",
            f"{fold.images}",
            f"{fold.score:.1%}",
            "" if fold.head_score is None else f"{fold.head_score:.1%}",
        )
        for number, fold in enumerate(found, 1)
    ]
    metric, numbers = found[0].metric, summary(found)
    head = numbers[f"head_{metric}"]
    shown = with_interval(numbers[metric], numbers[f"{metric}_interval"])
    total = f"{in_words(metric)} {shown} on {numbers['images']} images"
    alone = "" if head is None else f"; head alone {head:.1%}"
    rest = "each was judged once, by a network that has not seen it, after its last epoch; nothing was selected by them"
    return "\n".join([markdown([("fold", "images", "model", "head alone"), *rows]), f"\n{total}{alone}", rest])


def _written(found: list[Fold]) -> Mapping[str, Any]:
    return {**summary(found), "runs": [dataclasses.asdict(fold) for fold in found]}


def _read(folder):
    """Return the folds that a folder has, by their number; one without a score, which was nan, is judged again."""
    try:
        runs = [Fold(**fold) for fold in read_json(folder / FILE)["runs"]]
        return {number: fold for number, fold in enumerate(runs, 1) if fold.score is not None}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
