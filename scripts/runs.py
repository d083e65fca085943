"""What scripts that train share: the fields of a recipe as flags, and a run from them to its files."""

import dataclasses
import inspect
import json
import os
import re
import sys
import time
import typing
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags, logging

from keras_effconv.training.recipe import Recipe

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # --help of a script shows the flags that are defined here

SMOKE = {"epochs": 1, "image_size": 64}
SMOKE_LIMIT = 8
FILES = (
    "model.keras",
    "labels.txt",
    "README.md",
    "report.json",
    "metrics.csv",
    "learning_curves.png",
    "confusion.png",
    "predictions.png",
    "environment.json",
    "logs/",
    "serving/1",
)
NONE = ("weights", "teacher")  # where the flag's "none" is the recipe's None
DEFINE = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_boolean, str: flags.DEFINE_string}


def define(recipe, dataset, output):
    """Define the flags of a script that trains one network."""
    define_data(dataset)
    define_recipe(recipe)
    flags.DEFINE_string("output", output, "Folder to write to.")
    flags.DEFINE_boolean("resume", False, "Go on from the checkpoint in --output.")
    flags.DEFINE_enum(
        "distribute", "auto", ["auto", "none", "mirrored", "multi-host"], "Devices, see docs/distributed.md."
    )
    flags.DEFINE_float("checkpoint_minutes", 10.0, "Between checkpoints within an epoch.", 0.0)


def define_data(dataset):
    """Define the flags that `load` reads."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder with a folder per class, with train/ and validation/ of such, or with .npz files; or a CSV file.",
    )
    flags.DEFINE_string(
        "dataset",
        dataset,
        '"digits" (embedded), a name of scripts/datasets.py list or of TFDS; not used with --data_dir.',
    )
    flags.DEFINE_float("validation_split", 0.2, "Share of images to validate on where the data has no split.", 0.0, 1.0)
    flags.DEFINE_integer("limit", None, "Most images per class and split.", 1)
    flags.DEFINE_boolean(
        "stream", False, "Read images while training: for data that memory and disk cannot hold decoded."
    )
    flags.DEFINE_boolean("strict", False, "Stop at files that cannot be read.")
    flags.DEFINE_boolean("smoke", False, "A run of less than a minute, to see that all works.")


def define_recipe(recipe, without=()):
    """Define --recipe, and a flag for each field of a recipe but those `without`."""
    flags.DEFINE_string("recipe", recipe, "Name of a record of keras_effconv.training.RECIPES; other flags change it.")
    hints, told = typing.get_type_hints(Recipe), descriptions()
    for field in dataclasses.fields(Recipe):
        if field.name in ("source", *without):
            continue
        kinds = [kind for kind in (hints[field.name], *typing.get_args(hints[field.name])) if kind in DEFINE]
        plural = typing.get_origin(hints[field.name]) is tuple
        make = flags.DEFINE_list if plural else DEFINE[kinds[0]] if kinds else flags.DEFINE_string
        make(field.name, None, told[field.name])


def descriptions():
    """What the documentation of a recipe says of each field, on one line."""
    text = inspect.getdoc(Recipe)
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: " ".join(words.split()).replace("`", "") for name, words in entries}


def recipe_from_flags():
    """The recipe that was asked for by name, with the fields that flags give."""
    from keras_effconv.training import RECIPES

    if FLAGS.recipe not in RECIPES:
        raise ValueError(f"`recipe` must be one of {', '.join(RECIPES)}. Received: recipe={FLAGS.recipe!r}")
    given = {f.name: FLAGS[f.name].value for f in dataclasses.fields(Recipe) if f.name in FLAGS}
    given = {name: _field(name, value) for name, value in given.items() if value is not None}
    small = {name: value for name, value in SMOKE.items() if name not in given} if FLAGS.smoke else {}
    recipe = dataclasses.replace(RECIPES[FLAGS.recipe], **small, **given)
    if not recipe.image_size and FLAGS.data_dir is None and FLAGS.dataset == "digits":
        recipe = dataclasses.replace(recipe, image_size=64)
    if recipe.weights is None and recipe.head_c:
        logging.warning("--weights=none: the head is fitted on an untrained network's features; expect little of it")
    return recipe


def _field(name, value):
    """A flag's value as the field of a recipe."""
    if name in NONE and value.lower() == "none":
        return None
    if name == "options":
        return cli.json_object("--options", value)
    if name == "crop":
        return value or None
    if isinstance(value, list):
        try:
            return tuple(float(each) if "." in each else int(each) for each in value)
        except ValueError:
            raise ValueError(f"`{name}` must be numbers, with commas. Received: {name}={','.join(value)}") from None
    return value


def main(argv):
    """A run from flags."""
    cli.flags_only(argv)
    begun = time.perf_counter()
    try:
        _run(begun)
    except KeyboardInterrupt:
        print(f"\nstopped; the last checkpoint in {FLAGS.output} is whole: --resume goes on from it", file=sys.stderr)
        sys.exit(130)


def _run(begun):
    """Check the flags, then data, training, report and files."""
    from keras_effconv.training import network
    from keras_effconv.training.devices import find_devices
    from keras_effconv.training.reporting.environment import check_folder

    recipe, output = recipe_from_flags(), Path(FLAGS.output)
    network.check(recipe)
    devices = find_devices(FLAGS.distribute)
    told = describe(recipe)
    if FLAGS.resume:
        check_same(output, told)
    dataset = load(recipe, network.preprocessing(recipe), output)
    if devices.writer:
        check_folder(output, 200 << 20)
    print(
        f"{dataset.name}: {len(dataset.train)} training and {len(dataset.validation)} validation images, "
        f"{len(dataset.class_names)} classes; {recipe.model}, {recipe.conv}"
    )
    result = _train(recipe, dataset, devices, told)
    if devices.writer:
        from finishing import finish

        finish(result, recipe, dataset, output, begun, FILES)


def load(recipe, wanted, output):
    """The data that the flags name, as the network wants its images."""
    from keras_effconv import data
    from keras_effconv.training.input_pipeline import streamed

    limit = FLAGS.limit or (SMOKE_LIMIT if FLAGS.smoke else None)
    split = {"validation_split": FLAGS.validation_split, "seed": recipe.seed, "limit": limit, "strict": FLAGS.strict}
    try:
        if not FLAGS.stream:
            return data.load(FLAGS.dataset, FLAGS.data_dir, wanted, cache_dir=output / "cache", **split)
        return streamed(data.scan(FLAGS.dataset, FLAGS.data_dir, **split), wanted, FLAGS.strict)
    except RuntimeError as error:  # a download that failed, or that must be done by hand
        raise ValueError(error) from error


def _train(recipe, dataset, devices, told):
    import keras

    from keras_effconv.training import train
    from keras_effconv.training.reporting.environment import environment
    from keras_effconv.utils.files import write_json

    def remember(logs=None):
        """Only a run that trains takes the folder: one that fails before leaves what another left there."""
        write_json(output / "run.json", told)
        write_json(output / "environment.json", environment())

    output, callbacks = Path(FLAGS.output), []
    if devices.writer:
        callbacks.append(keras.callbacks.LambdaCallback(on_train_begin=remember))
        callbacks.append(keras.callbacks.TensorBoard(output / "logs", write_graph=False))
    seconds = 60 * FLAGS.checkpoint_minutes
    return train(recipe, dataset, output, FLAGS.resume, callbacks, devices, seconds)


def describe(recipe):
    """What makes a run the same run, as `run.json` holds it."""
    return {**json.loads(json.dumps(dataclasses.asdict(recipe))), "data": FLAGS.data_dir or FLAGS.dataset}


def check_same(folder, told):
    """Raise a `ValueError` when a run would go on from another one's checkpoint."""
    path = folder / "run.json"
    if not path.is_file():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    other = [f"{k}={found.get(k)!r}" for k in told if found.get(k) != told[k]]
    if other:
        raise ValueError(f"going on (--resume) expects the flags of the run in {folder}: {', '.join(other)}")
