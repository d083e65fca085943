"""The data sets that publications transfer to: list and prepare them, and measure how fast images are read.

python scripts/datasets.py list
python scripts/datasets.py prepare flowers102                          # downloads it, once
python scripts/datasets.py prepare stanford_cars --manual_dir=cars     # from files that were downloaded by hand
python scripts/datasets.py throughput --data_dir=flowers               # images per second, read and trained on
python scripts/datasets.py table                                       # writes the table of docs/data.md
"""

import contextlib
import dataclasses
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS
PAGE = Path(__file__).parents[1] / "docs" / "data.md"
MARKERS = re.compile(r"(<!-- data sets -->\n).*?(<!-- /data sets -->)", re.DOTALL)

flags.DEFINE_string("tfds_dir", None, "prepare: where TFDS keeps data; default TFDS_DATA_DIR or ~/tensorflow_datasets.")
flags.DEFINE_string("manual_dir", None, "prepare: where files are that were downloaded by hand.")
flags.DEFINE_string("data_dir", None, "throughput: folder or CSV file; else the NAME of a prepared data set.")
flags.DEFINE_integer("image_size", 224, "throughput: pixels.", 1)
flags.DEFINE_integer("batch_size", 32, "throughput: images in a batch.", 1)
flags.DEFINE_integer("workers", 0, "throughput: images decoded at a time; 0: TensorFlow finds out.", 0)
flags.DEFINE_float("seconds", 10.0, "throughput: to measure reading for.", 0.1)
flags.DEFINE_string("recipe", "finetune", 'throughput: recipe whose training is measured too; "none": reading alone.')
flags.DEFINE_integer("limit", 100, "throughput: most images per class and split to train on.", 1)
flags.DEFINE_boolean("check", False, "table: compare with docs/data.md and write nothing.")


def main(argv):
    try:
        cli.act(argv, {"list": show, "prepare": prepare, "throughput": throughput, "table": table})
    except RuntimeError as error:  # a download that failed, or that must be done by hand
        raise ValueError(error) from error


def show():
    """Print the table."""
    from keras_effconv import data

    print(data.list())


def prepare(name):
    """Download a data set, and compare the sizes of its splits with what publications say."""
    from keras_effconv import data
    from keras_effconv.data.sources.catalog import find

    builder = data.prepare(name, FLAGS.tfds_dir, FLAGS.manual_dir)
    print(f"{name}: {builder.data_dir}")
    entry, wrong = find(name), False
    for split, expected in entry.splits if entry else ():
        found = builder.info.splits[split].num_examples
        wrong |= found != expected
        print(f"{split:16} {found:>9,} images" + (f", published {expected:,}" if found != expected else ""))
    sys.exit(int(wrong))


def throughput(name=""):
    """Print how many images a second are read, decoded and cropped."""
    from keras_effconv import data

    dataset = data.scan(name, FLAGS.data_dir)
    for what, source, training in (("train", dataset.train, True), ("evaluate", dataset.validation, False)):
        found = data.throughput(
            source, FLAGS.image_size, FLAGS.batch_size, training, FLAGS.seconds, FLAGS.workers or None
        )
        print(f"{dataset.name}, to {what}: {found:.0f} images/s of {FLAGS.image_size} pixels, {os.cpu_count()} cores")
    if FLAGS.recipe != "none":
        trained(name)


def trained(name):
    """Print how many images a second a network trains on, from memory, and read meanwhile; two epochs each."""
    from keras_effconv import data
    from keras_effconv.training import RECIPES, network, train
    from keras_effconv.training.input_pipeline import streamed

    if FLAGS.recipe not in RECIPES:
        raise ValueError(f"`recipe` must be none or one of {', '.join(RECIPES)}. Received: recipe={FLAGS.recipe!r}")
    fields = {"image_size": FLAGS.image_size, "batch_size": FLAGS.batch_size, "weights": None}
    recipe = dataclasses.replace(RECIPES[FLAGS.recipe], **fields, head_c=0, epochs=2)
    wanted = network.preprocessing(recipe)
    sources = {
        "from memory": data.load(name, FLAGS.data_dir, resize=wanted, limit=FLAGS.limit),
        "from disk": streamed(data.scan(name, FLAGS.data_dir, limit=FLAGS.limit), wanted),
    }
    if len(sources["from memory"].train) < 2 * recipe.batch_size:
        raise ValueError(f"expected images for two batches of {recipe.batch_size}: set --limit or --batch_size")
    found = {}
    for source, dataset in sources.items():
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            found[source] = train(recipe, dataset, folder).images_per_second
    speeds = ", ".join(f"{speed:.1f} images/s {source}" for source, speed in found.items())
    lost = 1 - found["from disk"] / found["from memory"]
    print(f"{recipe.model}, {recipe.conv}, recipe {FLAGS.recipe}, trains at {speeds}: {lost:.0%} is lost to reading")


def table():
    """Write the table of docs/data.md, or compare; status 1 if it differs."""
    text = PAGE.read_text(encoding="utf-8")
    updated = MARKERS.sub(lambda found: found[1] + markdown() + found[2], text)
    if FLAGS.check:
        sys.exit(int(updated != text))
    PAGE.write_text(updated, encoding="utf-8")
    print(markdown())


def markdown():
    """The table as text."""
    from keras_effconv import data

    lines = [
        "| name | data set | classes | train | evaluate | EfficientNet, top-1 % | by hand | terms |",
        "|---" * 8 + "|",
    ]
    for record in data.list():
        evaluate = f"{record.validation_size:,}" if record.validation else "a part"
        accuracies = ", ".join(f"{network.rpartition('-')[2]} {accuracy}" for network, accuracy in record.published)
        names = ", ".join(f"`{name}`" for name in (record.name, *record.aliases))
        by_hand = ", ".join(f"`{name}`" for name in record.manual)
        cells = (names, record.title, f"{record.classes:,}", f"{record.train_size:,}", evaluate, accuracies, by_hand)
        lines.append("| " + " | ".join((*cells, record.terms)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    cli.run(main)
