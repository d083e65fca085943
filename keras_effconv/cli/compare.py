"""Train networks x kinds x seeds by one recipe, and show accuracy against cost.

    python scripts/compare_kinds.py --data_dir=cifar10 --models=ResNet20,VGG16CIFAR --epochs=30
    python scripts/compare_kinds.py --recipe=finetune --models=EfficientNetLite0 --data_dir=flowers --distill \
        --kinds="Conv();OctConv(alpha=0.25);HetConv(parts=2)" --output=outputs/warm
    python scripts/compare_kinds.py --report

Each run has a folder of its own in --output, with `model.keras`, and a row in `runs-NAME.csv`; what has a row is not
run again, and what was interrupted goes on. Processes that share --output need different --name. --report trains
nothing: it reads all `runs*.csv`, times the networks here, and writes `report.md` and `accuracy.png`.
"""

import dataclasses
import gc
import os
import re
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
import runs
from absl import flags, logging

FLAGS = flags.FLAGS
PLAIN = "Conv()"
KINDS = "Conv();HetConv(parts=2);HetConv(parts=4);HetConv(parts=8);OctConv(alpha=0.25);OctConv(alpha=0.5)"

runs.define_data("cifar10")
runs.define_recipe("cifar-minutes", without=("model", "conv", "seed", "teacher"))
flags.DEFINE_list("models", ["ResNet20"], "Names of networks.")
flags.DEFINE_string("kinds", KINDS, "Kinds, with semicolons.")
flags.DEFINE_list("seeds", ["0", "1", "2"], "Of weights, order and augmentation; the data is that of seed 0.")
flags.DEFINE_boolean("distill", False, "Train each kind a second time, with the trained Conv() network as its teacher.")
flags.DEFINE_string("output", "outputs/compare", "Folder to write to.")
flags.DEFINE_string("name", "", "Of this process' rows, runs-NAME.csv, where several share --output.")
flags.DEFINE_boolean("report", False, "Train nothing: time the networks of all rows, and write table and picture.")
flags.DEFINE_integer("repeats", 15, "Of --report: runs of each; the median counts.", 3)


def main(argv):
    cli.flags_only(argv)
    report() if FLAGS.report else study()


def study():
    """All runs that have no row yet, seed by seed, so that what is cut off is of the last seeds."""
    import compare_rows as rows

    from keras_effconv.training import network

    output, loaded = Path(FLAGS.output), {}
    data = Path(FLAGS.data_dir).name if FLAGS.data_dir else FLAGS.dataset
    planned = list(plan(runs.recipe_from_flags(), output))
    for recipe in planned:
        network.check(dataclasses.replace(recipe, teacher=None))
    for number, recipe in enumerate(planned, 1):
        settings = rows.settings(recipe, FLAGS.recipe, data, FLAGS.limit)
        label = f"{number}/{len(planned)}: {place(output, recipe).name}"
        if rows.has(rows.read(output), recipe, settings):
            print(f"{label}: there already")
            continue
        network.check(recipe)
        wanted = network.preprocessing(recipe)
        view = wanted.size, wanted.crop, wanted.interpolation
        if view not in loaded:
            loaded[view] = runs.load(dataclasses.replace(recipe, seed=0), wanted, output)
        print(label, flush=True)
        row = one(recipe, loaded[view], place(output, recipe), settings)
        rows.append(output / ("-".join(filter(None, ("runs", FLAGS.name))) + ".csv"), row)
        print(f"{label}: {row.last:.2%} in {row.seconds:.0f} s, {row.images_per_second:.0f} images/s", flush=True)


def plan(recipe, output):
    """A recipe for each run, in their order: a teacher is before those that it teaches."""
    from keras_effconv import applications

    chosen = list(map(repr, cli.kinds(FLAGS.kinds)))
    models = [applications.get(name).__name__ for name in FLAGS.models]
    if not all(seed.strip().isdecimal() for seed in FLAGS.seeds):
        raise ValueError(f"`seeds` must be whole numbers, with commas. Received: seeds={','.join(FLAGS.seeds)}")
    for seed in map(int, FLAGS.seeds):
        for model in models:
            for kind in sorted(chosen, key=PLAIN.__ne__):
                one = dataclasses.replace(recipe, model=model, conv=kind, seed=seed)
                yield one
                if FLAGS.distill and kind != PLAIN:
                    teacher = place(output, dataclasses.replace(one, conv=PLAIN)) / "model.keras"
                    yield dataclasses.replace(one, teacher=str(teacher))


def place(output, recipe):
    """The folder of a run: `ResNet20-HetConv-parts-4-0`."""
    kind = re.sub(r"[^\w.]+", "-", recipe.conv).strip("-")
    return output / "-".join([recipe.model, kind, str(recipe.seed), *["distilled"] * bool(recipe.teacher)])


def one(recipe, dataset, folder, settings):
    """A run to its row."""
    import compare_rows as rows
    import keras

    from keras_effconv.training import train
    from keras_effconv.training.checkpoint import BEST, STATE
    from keras_effconv.utils.files import replacing, write_json

    keras.backend.clear_session()  # networks of the runs before
    gc.collect()
    told = {**runs.describe(recipe), "limit": FLAGS.limit}
    runs.check_same(folder, told)
    remember = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: write_json(folder / "run.json", told))
    begun = time.perf_counter()
    result = train(recipe, dataset, folder, resume=True, callbacks=[remember])
    row = rows.row(recipe, settings, result, len(dataset.class_names), time.perf_counter() - begun)
    with replacing(folder / "model.keras") as temporary:
        result.model.save(temporary)
    for name in (STATE, BEST):
        (folder / name).unlink(missing_ok=True)
    return row


def report():
    """Time the networks of the rows that are there; table and picture."""
    import compare_report
    import compare_rows as rows

    found = rows.read(Path(FLAGS.output))
    if not found:
        raise ValueError(f"expected rows in runs*.csv of --output={FLAGS.output}, found none")
    points = compare_report.points(found, compare_report.times(found, FLAGS.repeats))
    print(compare_report.write(points, found, Path(FLAGS.output)))
    print(f"written to {FLAGS.output}: report.md accuracy.png")


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    cli.run(main)
