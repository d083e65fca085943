"""Data sets by name: list and prepare them, and measure how fast images are read.

    keras-effconv data list
    keras-effconv data prepare flowers102                          # downloads it, once
    keras-effconv data prepare stanford_cars --manual_dir=cars     # from files that were downloaded by hand
    keras-effconv data throughput --data_dir=flowers               # images per second, read and trained on

TFDS_DATA_DIR says where prepared data sets are; TensorFlow Datasets downloads those of other names too.
"""

import contextlib
import dataclasses
import os
import sys
import tempfile

from keras_effconv.cli.flags import act


def define(flags):
    """Define the flags."""
    flags.string("tfds_dir", None, "prepare: where TFDS keeps data; default TFDS_DATA_DIR or ~/tensorflow_datasets.")
    flags.string("manual_dir", None, "prepare: folder of files that were downloaded by hand.")
    flags.string("data_dir", None, "throughput: folder, CSV file or address; else the NAME of a prepared data set.")
    flags.integer("image_size", 224, "throughput: pixels.", 1)
    flags.integer("batch_size", 32, "throughput: images in a batch.", 1)
    flags.integer("workers", 0, "throughput: images decoded at a time; 0: TensorFlow finds out.", 0)
    flags.float("seconds", 10.0, "throughput: to measure reading for.", 0.1)
    flags.string("recipe", "finetune", 'throughput: recipe whose training is measured too; "none": reading alone.')
    flags.integer("limit", 100, "throughput: most images per class and split to train on.", 1)


def run(flags, words):
    """Run an action."""
    try:
        return act(flags, words, {"list": show, "prepare": prepare, "throughput": throughput})
    except RuntimeError as error:  # a download that failed, or that must be done by hand
        raise ValueError(error) from error


def show(flags):
    """Print the table."""
    from keras_effconv import data

    print(data.list())


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


def throughput(flags, name=""):
    """Print how many images a second are read, decoded and cropped."""
    from keras_effconv import data

    dataset = data.scan(name, flags.data_dir)
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
        "from memory": data.load(name, flags.data_dir, preprocessing, limit=flags.limit),
        "from disk": streamed(data.scan(name, flags.data_dir, limit=flags.limit), preprocessing),
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
