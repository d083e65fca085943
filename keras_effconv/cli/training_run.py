"""One run of training from flags: what `finetune` and `train` share."""

import sys
import time
from pathlib import Path

from keras_effconv.cli.command import INTERRUPTED
from keras_effconv.cli.flags import flags_only
from keras_effconv.cli.training_flags import define_data, define_recipe, load, recipe_from


def define(flags, recipe, dataset, output):
    """Define the flags of a command that trains one network."""
    define_data(flags, dataset)
    define_recipe(flags, recipe)
    flags.string("output", output, "Folder to write to.")
    flags.boolean("resume", False, "Resume from the checkpoint in --output.")
    flags.enum("distribute", "auto", ["auto", "none", "mirrored", "multi-host"], "Devices, see docs/distributed.md.")
    flags.float("checkpoint_minutes", 10.0, "Between checkpoints within an epoch.", 0.0)


def run(flags, words):
    """Train, and print the report; ctrl-C leaves a checkpoint to resume from."""
    flags_only(words)
    begun = time.perf_counter()
    try:
        _run(flags, begun)
    except KeyboardInterrupt:
        print(f"\nstopped; the last checkpoint in {flags.output} is whole: --resume continues from it", file=sys.stderr)
        return INTERRUPTED


def _run(flags, begun):
    """Check the flags, before data is read and anything is written; then train."""
    from keras_effconv.training import network, train
    from keras_effconv.training.devices import find_devices
    from keras_effconv.training.reporting.run_record import check_same

    recipe, output = recipe_from(flags), Path(flags.output)
    network.check(recipe)
    devices = find_devices(flags.distribute)
    if flags.resume:
        check_same(output, recipe)
    dataset = load(flags, recipe, network.preprocessing(recipe), output / "cache")
    print(
        f"{dataset.name}: {len(dataset.train)} training and {len(dataset.validation)} validation images, "
        f"{len(dataset.class_names)} classes; {recipe.model}, {recipe.conv}"
    )
    seconds = 60 * flags.checkpoint_minutes
    result = train(recipe, dataset, output, flags.resume, devices=devices, checkpoint_seconds=seconds)
    if devices.writer:
        report(result, recipe, dataset, time.perf_counter() - begun)


def report(result, recipe, dataset, seconds):
    """Print what a run came to, and where it is."""
    from keras_effconv.training.reporting import evaluation, outputs

    print("\n" + "\n".join(evaluation.table(result.evaluation)))
    others = {"last": result.last_accuracy, "head alone": result.head_accuracy}
    others = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in others.items() if accuracy is not None)
    print(
        f"\naccuracy {result.evaluation.accuracy:.1%} on {len(dataset.validation)} validation images, at the epoch "
        f"that is best on them: {result.best} of {recipe.epochs} ({others or 'nothing was trained'}); "
        f"training at {result.images_per_second:.0f} images/s; {seconds:.0f} s in all"
    )
    print(f"written to {result.folder}: {' '.join(outputs.files(result.folder))}")
    print(f"next: keras-effconv predict IMAGE --model={result.folder / 'model.keras'}")
