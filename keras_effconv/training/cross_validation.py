"""An estimate that no image is lost for: a whole run for each fold of the images."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_effconv.data import Dataset, Split
from keras_effconv.training.network import forget
from keras_effconv.training.recipe import Recipe
from keras_effconv.training.reporting.intervals import wilson, with_interval
from keras_effconv.training.reporting.run_record import described, identity
from keras_effconv.training.run import train
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import read_json, write_json
from keras_effconv.utils.text_table import markdown

FILE = "folds.json"


@dataclasses.dataclass(frozen=True)
class Fold:
    """A run on all images but a fold, and how many images of the fold are right after its last epoch.

    Attributes:
        images: int, of the fold.
        right: int, of them; of the network after the last epoch, or of the head if there are no epochs.
        head_right: int, of the head alone on the frozen network; `None` if no head was fitted.
        run: str, the identity of the run.
    """

    images: int
    right: int
    head_right: int | None
    run: str


def cross_validate(
    recipe: Recipe,
    dataset: Dataset,
    folder: str | os.PathLike,
    folds: int = 5,
    resume: bool = False,
    train: Callable[..., Any] = train,
) -> list[Fold]:
    """Train a network for each fold of the training and validation images, on those of the other folds.

    Each image is judged once, by a network that has not seen it, after its last epoch: no epoch is selected. So the
    accuracy over all folds is of as many images as there are, and nothing was chosen by them. Each fold has its part of
    each class. The test images take no part.

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
    head = None if result.head_score is None else round(result.head_score * images)
    if result.score is None:
        raise ValueError("`recipe` must train something. Received: epochs=0 and head_c=0")
    return Fold(images, round(result.score * images), head, run)


def _datasets(dataset, folds, seed) -> Iterator[Dataset]:
    """Yield a `Dataset` for each fold, which validates."""
    if not isinstance(dataset.train, Split):
        raise ValueError("`dataset` must have its images in memory to be divided into folds. Received: a stream")
    if dataset.multi_label:
        raise ValueError("`dataset` must have one label an image to be divided into folds. Received: several")
    whole = _joined(dataset.train, dataset.validation)
    least = int(np.bincount(whole.labels, minlength=1)[np.unique(whole.labels)].min())
    if not 2 <= folds <= least:
        raise ValueError(f"`folds` must be 2 to {least}, the images of the smallest class. Received: folds={folds}")
    divide = require("sklearn.model_selection").StratifiedKFold(folds, shuffle=True, random_state=seed)
    for others, judged in divide.split(whole.labels, whole.labels):
        yield dataclasses.replace(dataset, train=whole.take(others), validation=whole.take(judged), test=None)


def _joined(*splits):
    images, labels = (np.concatenate([getattr(split, name) for split in splits]) for name in ("images", "labels"))
    return Split(images, labels, tuple(name for split in splits for name in split.names))


def summary(found: list[Fold]) -> dict[str, Any]:
    """Return the accuracy over all folds, its interval, and each fold's: dict, fit for JSON.

    Example:

    >>> summary([Fold(10, 9, 8, ""), Fold(10, 8, 8, "")])["accuracy"]
    0.85
    """
    images, right = (sum(getattr(fold, name) for fold in found) for name in ("images", "right"))
    heads = [fold.head_right for fold in found if fold.head_right is not None]
    return {
        "accuracy": right / images,
        "accuracy_interval": wilson(right, images),
        "head_accuracy": sum(heads) / images if len(heads) == len(found) else None,
        "images": images,
        "folds": [fold.right / fold.images for fold in found],
    }


def table(found: list[Fold]) -> str:
    """Return a table of the folds and, below it, the accuracy over all."""
    rows = [
        (f"{number}", f"{fold.images}", f"{fold.right / fold.images:.1%}", _share(fold.head_right, fold.images))
        for number, fold in enumerate(found, 1)
    ]
    numbers = summary(found)
    head = numbers["head_accuracy"]
    total = f"accuracy {with_interval(numbers['accuracy'], numbers['accuracy_interval'])} on {numbers['images']} images"
    alone = "" if head is None else f"; head alone {head:.1%}"
    rest = "each was judged once, by a network that has not seen it, after its last epoch; nothing was selected by them"
    return "\n".join([markdown([("fold", "images", "last epoch", "head alone"), *rows]), f"\n{total}{alone}", rest])


def _share(right, images):
    return "" if right is None else f"{right / images:.1%}"


def _written(found: list[Fold]) -> Mapping[str, Any]:
    return {**summary(found), "runs": [dataclasses.asdict(fold) for fold in found]}


def _read(folder):
    """Return the folds that a folder has, by their number."""
    try:
        return {number: Fold(**fold) for number, fold in enumerate(read_json(folder / FILE)["runs"], 1)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
