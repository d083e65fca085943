"""One run of training from flags: what `finetune` and `train` share."""

import functools
from pathlib import Path

from keras_effconv.cli.command import resumable
from keras_effconv.cli.flags import flags_only
from keras_effconv.cli.training_flags import define_data, define_recipe, load, recipe_from
from keras_effconv.utils.extras import require


def define(flags, recipe, dataset, output):
    """Define the flags of a command that trains one network."""
    define_data(flags, dataset)
    define_recipe(flags, recipe)
    flags.about("Run")
    flags.string("output", output, "Folder to write to.")
    flags.boolean("resume", False, "Resume from the checkpoint in --output.")
    flags.enum("distribute", "auto", ["auto", "none", "mirrored", "multi-host"], "Devices, see docs/distributed.md.")
    flags.float("checkpoint_minutes", 10.0, "Between checkpoints within an epoch.", 0.0)
    flags.list("track", [], "Experiment trackers that follow the run, with commas: wandb, mlflow.")
    flags.list("export", [], "Formats to export the model to as well, with commas, such as openvino:int8,onnx:float16.")
    flags.about("Several runs")
    flags.integer("hpo", None, "Search for a better recipe first, with so many trials.", 1)
    flags.float("hpo_minutes", None, "Of --hpo: after which no other trial begins.", 0.0)
    flags.integer(
        "folds",
        None,
        "Estimate the accuracy without losing images: divide them into so many folds, and train a network for each on "
        "the others. No model is left.",
        2,
    )


def run(flags, words):
    """Train, and print the report; ctrl-C leaves a checkpoint to resume from."""
    flags_only(words, "data_dir")
    return resumable(lambda: _run(flags), lambda: _left(Path(flags.output).expanduser()))


def _left(output):
    from keras_effconv.training.checkpoint import STATE

    if (output / STATE).is_file():
        return f"the last checkpoint in {output} is whole: --resume continues from it"
    return f"there is no checkpoint in {output} yet"


def _run(flags):
    """Check the flags, before data is read and anything is written; then train."""
    from keras_effconv.cli.exports import targets, write_exports
    from keras_effconv.training import network, train
    from keras_effconv.training.devices import find_devices
    from keras_effconv.training.reporting import screen
    from keras_effconv.training.reporting.run_record import check_same, described
    from keras_effconv.training.task import MultiLabel
    from keras_effconv.training.tracking import check_trackers, tracked

    recipe, output = recipe_from(flags), Path(flags.output).expanduser()
    network.check(recipe)
    if flags.multi_label:
        MultiLabel().check(recipe)
    check_trackers(flags.track)
    every = targets(flags.export)
    devices = find_devices(flags.distribute)
    _check_several_runs(flags, recipe, devices)
    if flags.resume and not flags.hpo:  # the recipe is known when the search has ended
        check_same(output, described(recipe))
    dataset = load(flags, recipe, network.preprocessing(recipe), output / "cache")
    print(screen.opening(recipe, dataset))
    options = {"devices": devices, "checkpoint_seconds": 60 * flags.checkpoint_minutes, "begun": flags.begun}
    if flags.folds:
        return _cross_validate(flags, recipe, dataset, output, options)
    if flags.hpo:
        recipe = _tuned(flags, recipe, dataset, output, {"devices": devices})
    with tracked(flags.track if devices.writer else [], recipe, output) as (callbacks, finish):
        result = train(recipe, dataset, output, flags.resume, callbacks, **options)
        if devices.writer:
            finish(screen.final_numbers(result))
    if devices.writer:
        print(*screen.closing(result, recipe, dataset), sep="\n")
        if every:
            write_exports(result, every, dataset, output)


def _cross_validate(flags, recipe, dataset, output, options):
    from keras_effconv.training import train
    from keras_effconv.training.cross_validation import FILE, cross_validate, table

    one = functools.partial(train, **options)
    found = cross_validate(recipe, dataset, output, flags.folds, flags.resume, one)
    print(f"\n{table(found)}\nwritten to {output}: {FILE}")


def _tuned(flags, recipe, dataset, output, options):
    """Return the best recipe of a search."""
    from keras_effconv.training import train
    from keras_effconv.training.hyperparameters import table, tune

    seconds = None if flags.hpo_minutes is None else 60 * flags.hpo_minutes
    tuned = tune(recipe, dataset, output, flags.hpo, seconds, flags.resume, functools.partial(train, **options))
    print(f"\n{table(tuned)}\n")
    return tuned.recipe


def _check_several_runs(flags, recipe, devices):
    """Raise a `ValueError` for what goes with one run only."""
    from keras_effconv.training.hyperparameters import check_tunable

    if flags.hpo_minutes is not None and not flags.hpo:
        raise ValueError("`hpo_minutes` must be with --hpo. Received: without")
    if recipe.minutes and (flags.hpo or flags.folds):
        raise ValueError("`minutes` must be without --hpo and --folds, which are several runs. Received: both")
    if flags.export and flags.folds:
        raise ValueError("`export` must be without --folds, which leaves no model. Received: both")
    if flags.hpo and (flags.folds or flags.stream or devices.shard[1] > 1):
        raise ValueError("`hpo` must be without --folds, --stream and several hosts. Received: both")
    if flags.folds and (flags.track or flags.stream or devices.shard[1] > 1):
        raise ValueError("`folds` must be without --track, --stream and several hosts. Received: both")
    if flags.hpo:
        check_tunable(recipe)
        require("optuna", "hpo")
