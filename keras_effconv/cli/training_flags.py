"""What commands that train share: the data and the fields of a recipe as flags."""

import dataclasses
import re
import typing

from absl import logging

from keras_effconv.cli.flags import Flags, json_object
from keras_effconv.kinds import get
from keras_effconv.training.recipe import Recipe
from keras_effconv.utils.docstrings import arguments_of

SMOKE = {"epochs": 1, "image_size": 64}
SMOKE_LIMIT = 8
NONE = ("weights", "teacher")  # where the flag's "none" is the recipe's None
TOPICS = {  # of the fields of a recipe, in the help texts of commands
    "Network": ("model", "conv", "weights", "options", "warm_start", "mimic", "dropout", "drop_connect_rate", "dtype"),
    "What is trained": ("head_c", "unfreeze_blocks", "unfreeze_epochs", "freeze_norm", "freeze_depthwise"),
    "Epochs": ("epochs", "minutes", "patience", "keep", "blend", "ema", "seed"),
    "Optimizer": (
        *("batch_size", "accumulate", "optimizer", "momentum", "lr", "find_lr", "warmup_epochs", "schedule"),
        *("decay_rate", "decay_epochs", "weight_decay", "layer_decay"),
    ),
    "Images and augmentation": (
        *("image_size", "crop", "background", "sizes", "augmentation", "magnitude", "erasing", "mixup", "cutmix"),
    ),
    "Loss and classes": ("label_smoothing", "class_weights", "balanced_sampling", "focal"),
    "Teacher": ("teacher", "temperature", "teacher_weight"),
}
DEFINE = {int: Flags.integer, float: Flags.float, bool: Flags.boolean, str: Flags.string}


def define_data(flags, dataset):
    """Define the flags that `load` reads."""
    define_source(flags, dataset)
    flags.about("Data")
    flags.boolean("stream", False, "Read images while training: for data that memory and disk cannot hold decoded.")
    flags.boolean("strict", False, "Stop at files that cannot be read, and at images that are in two splits.")
    flags.boolean("smoke", False, "A run of a minute, to see that all works.")


def define_source(flags, dataset):
    """Define the flags that say which images there are, and which of them validate."""
    define_files(flags)
    flags.about("Data")
    flags.string(
        "dataset",
        dataset,
        '"digits" (embedded), a name of `keras-effconv data list` or of TFDS; not used with --data_dir.',
    )


def define_files(flags):
    """Define the flags that say which image files there are, and which of them validate."""
    flags.about("Data")
    flags.string(
        "data_dir",
        None,
        "Folder with a folder per class, with train/, validation/ and test/ of such, or with .npz files; a CSV file; "
        "or an address of one, such as s3://bucket/photos.",
    )
    flags.string("csv_path_column", None, "Of a CSV file: name of the column of paths, or its number from 1.")
    flags.string("csv_label_column", None, "Of a CSV file: name of the column of labels, or its number from 1.")
    flags.boolean("multi_label", False, "Of a CSV file: whether an image may have several labels, or none.")
    flags.string(
        "csv_label_separator",
        None,
        "With --multi_label: what is between the labels of a cell. Default: | or ;, whichever there is.",
    )
    flags.float("validation_split", 0.2, "Share of images to validate on if the data has no split.", 0.0, 1.0)
    flags.integer("limit", None, "Most images per class and split.", 1)


def files_of(flags):
    """Return the arguments of `data.load`, `scan` and `check` that say which image files there are, but no limit."""
    return {
        "data_dir": flags.data_dir,
        "validation_split": flags.validation_split,
        "csv_path_column": flags.csv_path_column,
        "csv_label_column": flags.csv_label_column,
        "multi_label": flags.multi_label,
        "csv_label_separator": flags.csv_label_separator,
    }


def define_recipe(flags, recipe, without=()):
    """Define --recipe, and a flag for each field of a recipe but those `without`."""
    flags.about("Network")
    flags.string("recipe", recipe, "Name of a record of keras_effconv.training.RECIPES; other flags change it.")
    hints, documented = typing.get_type_hints(Recipe), arguments_of(Recipe)
    fields = {field.name: field for field in dataclasses.fields(Recipe)}
    for topic, name in ((topic, name) for topic, names in TOPICS.items() for name in names if name not in without):
        flags.about(topic)
        field = fields[name]
        types = [hint for hint in (hints[field.name], *typing.get_args(hints[field.name])) if hint in DEFINE]
        several = typing.get_origin(hints[field.name]) is tuple
        define = Flags.list if several else DEFINE[types[0]] if types else Flags.string
        define(flags, field.name, None, _help(documented[field.name]))


def _help(text):
    """Return the documentation of a field as the help of its flag, which begins with no type."""
    text = re.sub(r"^(?:str or kind|(?:int|float|bool|str|dict|tuple of [a-z ]+?)[,;:]) *", "", text.replace("`", ""))
    text = text.removeprefix("; ")
    return text[:1].upper() + text[1:]


def recipe_from(flags):
    """Return the recipe that --recipe names, with the fields that flags give.

    Raises:
        ValueError: for an unknown recipe, or a field that cannot be what a flag says.
    """
    from keras_effconv.training import RECIPES
    from keras_effconv.training.finetune import sized
    from keras_effconv.utils.suggestions import did_you_mean

    if flags.recipe not in RECIPES:
        known = ", ".join(RECIPES)
        hint = did_you_mean(flags.recipe, RECIPES)
        raise ValueError(f"`recipe` must be one of {known}. Received: recipe={flags.recipe!r}{hint}")
    values = {f.name: flags[f.name].value for f in dataclasses.fields(Recipe) if f.name in flags}
    fields = {name: _field(name, value) for name, value in values.items() if value is not None}
    small = {name: value for name, value in SMOKE.items() if name not in fields} if flags.smoke else {}
    recipe = dataclasses.replace(RECIPES[flags.recipe], **small, **fields)
    recipe = sized(recipe, flags.dataset if flags.data_dir is None else None)
    if recipe.weights is None and recipe.head_c:
        logging.warning("--weights=none: the head is fitted on an untrained network's features; expect little of it")
    return recipe


def _field(name, value):
    """Return a flag's value as the field of a recipe."""
    if name in NONE and value.lower() == "none":
        return None
    if name == "conv" and value.startswith("@"):  # a run keeps what the file says now
        return repr(get(value))
    if name == "options":
        return json_object("--options", value)
    if name == "crop":
        return value or None
    if isinstance(value, list):
        try:
            return tuple(float(each) if "." in each else int(each) for each in value)
        except ValueError:
            raise ValueError(f"`{name}` must be numbers, with commas. Received: {name}={','.join(value)}") from None
    return value


def load(flags, recipe, preprocessing, cache_dir):
    """Return the data that the flags name, as a network wants its images.

    Raises:
        ValueError: the data cannot be read or downloaded.
    """
    from keras_effconv import data
    from keras_effconv.training.input_pipeline import streamed

    limit = flags.limit or (SMOKE_LIMIT if flags.smoke else None)
    source = files_of(flags) | {"seed": recipe.seed, "limit": limit, "strict": flags.strict}
    try:
        if not flags.stream:
            return data.load(flags.dataset, resize=preprocessing, cache_dir=cache_dir, **source)
        return streamed(data.scan(flags.dataset, **source), preprocessing, flags.strict)
    except RuntimeError as error:  # a download that failed, or that must be done by hand
        raise ValueError(error) from error
