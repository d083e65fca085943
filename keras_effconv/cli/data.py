"""Check your own images; list and prepare data sets by name; measure how fast images are read.

    keras-effconv data check photos                                # what is there, and what would harm training
    keras-effconv data check photos.csv --output=outputs/check     # writes check.json and contact_sheet.png, too
    keras-effconv data list
    keras-effconv data prepare flowers102                          # downloads it, once
    keras-effconv data prepare stanford_cars --manual_dir=cars     # from files that were downloaded by hand
    keras-effconv data throughput --data_dir=flowers               # images per second, read and trained on

TFDS_DATA_DIR says where prepared data sets are; TensorFlow Datasets downloads those of other names too.

The status of `check` is 1 if it has found a problem: files that cannot be read, images that are in two splits or in two
classes, also nearly the same ones, class names that look alike, or a class without a readable training image. All else
is a note.
"""

import contextlib
import dataclasses
import os
import sys
import tempfile
from pathlib import Path

from keras_effconv.cli.flags import act
from keras_effconv.cli.training_flags import define_files, files_of

TRAINED = 100  # images per class and split for `throughput`, unless --limit says another number


def define(flags):
    """Define the flags."""
    flags.about("data prepare")
    flags.string("tfds_dir", None, "prepare: where TFDS keeps data; default TFDS_DATA_DIR or ~/tensorflow_datasets.")
    flags.string("manual_dir", None, "prepare: folder of files that were downloaded by hand.")
    define_files(flags)
    flags.about("data check")
    flags.integer("seed", 0, "check: of the split, if the data has none, and of the choice that --limit makes.")
    flags.string("output", None, "check: folder for check.json and contact_sheet.png. Default: nothing is written.")
    flags.about("data throughput")
    flags.integer("image_size", 224, "throughput: pixels.", 1)
    flags.integer("batch_size", 32, "throughput: images in a batch.", 1)
    flags.integer("workers", 0, "throughput: images decoded at a time; 0: TensorFlow finds out.", 0)
    flags.float("seconds", 10.0, "throughput: to measure reading for.", 0.1)
    flags.string("recipe", "finetune", 'throughput: recipe whose training is measured too; "none": reading alone.')


def run(flags, words):
    """Run an action."""
    try:
        return act(flags, words, {"check": check, "list": show, "prepare": prepare, "throughput": throughput})
    except RuntimeError as error:  # a download that failed, or that must be done by hand
        raise ValueError(error) from error


def show(flags):
    """Print the table."""
    from keras_effconv import data
    from keras_effconv.utils.text_table import terminal_width

    print(data.list().table(terminal_width()))


def prepare(flags, name):
    """Download a data set, and compare the sizes of its splits with what publications say."""
    from keras_effconv import data
    from keras_effconv.data.sources.catalog import find

    builder = data.prepare(name, flags.tfds_dir, flags.manual_dir)
    print(f"{name}: {builder.data_dir}")
    record, wrong = find(name), False
    for split, expected in record.splits if record else ():
        images = builder.info.splits[split].num_examples
        wrong |= images != expected
        print(f"{split:16} {images:>9,} images" + (f", published {expected:,}" if images != expected else ""))
    return int(wrong)


def check(flags, path=None):
    """Look at every image of a folder or a CSV file, and print what is there; the status is 1 for a problem."""
    from keras_effconv import data
    from keras_effconv.data.checking.report import JSON, PICTURE
    from keras_effconv.training.reporting.environment import check_folder
    from keras_effconv.utils.extras import require

    if (path is None) == (flags.data_dir is None):
        given = "nothing" if path is None else f"{path} and --data_dir={flags.data_dir}"
        raise ValueError(f"`FOLDER` must be a folder of images or a CSV file. Received: {given}")
    source = {**files_of(flags), "data_dir": path or flags.data_dir}
    output = flags.output and Path(flags.output).expanduser()
    if output:
        require("matplotlib.figure")
        check_folder(output, 1 << 20)
        _check_apart(output)
    report = data.check(limit=flags.limit, seed=flags.seed, **source)
    if output:
        report.save(output)
    print(f"\n{report}")
    if output:
        print(f"\nwritten to {output}: {JSON} {PICTURE}")
    return int(bool(report.problems))


def _check_apart(output):
    """Raise a ValueError for a folder with other images than ours: a loader takes it for one that a run has written."""
    from keras_effconv.data.checking.report import PICTURE
    from keras_effconv.data.sources.listing import LeftOut, list_images

    if others := [path for path in list_images(output, LeftOut()) if path != str(output / PICTURE)]:
        raise ValueError(f"`output` must be a folder without images. Received: output={str(output)!r} with {others[0]}")


def throughput(flags, name=""):
    """Print how many images a second are read, decoded and cropped."""
    from keras_effconv import data

    dataset = data.scan(name, **files_of(flags))
    for what, source, training in (("train", dataset.train, True), ("evaluate", dataset.validation, False)):
        speed = data.throughput(
            source, flags.image_size, flags.batch_size, training, flags.seconds, flags.workers or None
        )
        print(f"{dataset.name}, to {what}: {speed:.0f} images/s of {flags.image_size} pixels, {os.cpu_count()} cores")
    if flags.recipe != "none":
        trained(flags, name)


def trained(flags, name):
    """Print how many images a second a network trains on, from memory, and read meanwhile; two epochs each."""
    from keras_effconv import data
    from keras_effconv.training import RECIPES, network, train
    from keras_effconv.training.input_pipeline import streamed

    if flags.recipe not in RECIPES:
        raise ValueError(f"`recipe` must be none or one of {', '.join(RECIPES)}. Received: recipe={flags.recipe!r}")
    fields = {"image_size": flags.image_size, "batch_size": flags.batch_size, "weights": None}
    recipe = dataclasses.replace(RECIPES[flags.recipe], **fields, head_c=0, epochs=2)
    preprocessing = network.preprocessing(recipe)
    sources = {
        "from memory": data.load(name, resize=preprocessing, limit=flags.limit or TRAINED, **files_of(flags)),
        "from disk": streamed(data.scan(name, limit=flags.limit or TRAINED, **files_of(flags)), preprocessing),
    }
    if len(sources["from memory"].train) < 2 * recipe.batch_size:
        raise ValueError(f"expected images for two batches of {recipe.batch_size}: set --limit or --batch_size")
    speeds = {}
    for source, dataset in sources.items():
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            speeds[source] = train(recipe, dataset, folder, outputs=False).images_per_second
    lost = 1 - speeds["from disk"] / speeds["from memory"]
    text = ", ".join(f"{speed:.1f} images/s {source}" for source, speed in speeds.items())
    print(f"{recipe.model}, {recipe.conv}, recipe {flags.recipe}, trains at {text}: {lost:.0%} is lost to reading")
