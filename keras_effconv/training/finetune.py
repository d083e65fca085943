"""A fine-tune in one line of Python: what the command of the same name does."""

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_effconv import data
from keras_effconv.data import Dataset
from keras_effconv.training import network
from keras_effconv.training.live_curves import live_curves
from keras_effconv.training.recipe import Recipe
from keras_effconv.training.recipes import RECIPES
from keras_effconv.training.reporting import screen
from keras_effconv.training.reporting.run_record import check_same, described
from keras_effconv.training.result import Result
from keras_effconv.training.run import train
from keras_effconv.utils.suggestions import did_you_mean

DIGITS, DIGITS_SIZE = "digits", 64  # they have 8 x 8 pixels: a network's own size would only cost time


def finetune(
    images: str | os.PathLike | Dataset,
    model: str | None = None,
    conv: str | Any = None,
    output: str | os.PathLike = "outputs/finetune",
    resume: bool = False,
    validation_split: float = 0.2,
    limit: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    multi_label: bool = False,
    csv_label_separator: str | None = None,
    recipe: Recipe = RECIPES["finetune"],
    **fields: Any,
) -> Result:
    """Fine-tune a classifier on your images, print what it came to, and write what the command writes.

    In a notebook, the learning curves grow with the epochs.

    Args:
        images: path of a folder with a folder per class, with `train/` and `validation/` of such, or with `.npz` files;
            of a CSV file; an address of one; `"digits"` or another name of `keras_effconv.data.list()`; or a `Dataset`.
            A folder that exists goes before a name, and what has a slash is a path.
        model: str, a name of `keras_effconv.applications.MODELS`. Default: the recipe's, `"EfficientNetLite0"`.
        conv: str or kind of convolution. Default: the recipe's, `"Conv()"`.
        output: path of the folder to write to. Default `"outputs/finetune"`.
        resume: bool, whether to continue from the checkpoint in `output`. Default `False`.
        validation_split: float, share of images to validate on if the data has no split. Default 0.2.
        limit: int, most images per class and split. Default: all.
        callbacks: Keras callbacks of the network's epochs.
        multi_label: bool, of a CSV file: whether an image may have several labels, or none. Default `False`.
        csv_label_separator: str, with `multi_label`: what is between the labels of a cell. Default: a bar or a
            semicolon, whichever there is.
        recipe: `Recipe` that the other arguments change. Default: `RECIPES["finetune"]`.
        **fields: fields of `Recipe`, such as `epochs=5`, `image_size=160` or `lr=1e-4`.

    Returns:
        A `Result`: `.model`, `.evaluation`, `.folder` and more.

    Raises:
        ValueError: an argument is not as above, or the images do not fit; before anything is written.
        OSError: files cannot be read or written.
        ImportError: a package that the run needs is missing.

    Example:

    >>> import tempfile
    >>> result = finetune("digits", model="ResNet20", output=tempfile.mkdtemp(), limit=2,
    ...                   weights=None, image_size=32, head_c=0, epochs=0)  # doctest: +ELLIPSIS
    digits: 20 training and 20 validation images, 10 classes; ResNet20, Conv()
    ...
    >>> result.model.output_shape
    (None, 10)
    """
    begun, output = time.perf_counter(), Path(output).expanduser()
    source = {} if isinstance(images, Dataset) else _source(images)
    given = {name: value for name, value in {"model": model, "conv": conv}.items() if value is not None}
    recipe = sized(_changed(recipe, {**given, **fields}), source.get("dataset"))
    network.check(recipe)
    if resume:
        check_same(output, described(recipe))
    if source:
        options = {"validation_split": validation_split, "limit": limit, "seed": recipe.seed}
        options |= {"multi_label": multi_label, "csv_label_separator": csv_label_separator}
        preprocessing, cache = network.preprocessing(recipe), output / "cache"
        images = data.load(**source, resize=preprocessing, cache_dir=cache, **options)
    print(screen.opening(recipe, images))
    result = train(recipe, images, output, resume, [*live_curves(), *callbacks], begun=begun)
    print(*screen.closing(result, recipe, images), sep="\n")
    return result


def _changed(recipe, fields: Mapping[str, Any]):
    """Return a recipe with other fields."""
    names = [field.name for field in dataclasses.fields(Recipe)]
    for name in fields:
        if name not in names:
            raise ValueError(
                f"`{name}` must be a field of `Recipe`. Received: {name}={fields[name]!r}{did_you_mean(name, names)}"
            )
    return dataclasses.replace(recipe, **fields)


def sized(recipe: Recipe, dataset: str | None) -> Recipe:
    """Return a recipe with an image size; where it gives none, that of a network is more than the digits need."""
    if recipe.image_size or dataset != DIGITS:
        return recipe
    return dataclasses.replace(recipe, image_size=DIGITS_SIZE)


def _source(images):
    """Return the argument of `data.load` that says which images there are."""
    if not isinstance(images, (str, os.PathLike)):
        raise ValueError(f"`images` must be a path, a name or a `Dataset`. Received: {type(images).__name__}")
    path, text = Path(images).expanduser(), os.fspath(images)
    is_name = isinstance(images, str) and not (path.exists() or path.suffix or "/" in text or os.sep in text)
    return {"dataset": images} if is_name else {"data_dir": images}
