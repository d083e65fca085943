"""Train networks x kinds x seeds by one recipe, and show accuracy against cost.

    keras-effconv compare --data_dir=cifar10 --models=ResNet20,VGG16CIFAR --epochs=30
    keras-effconv compare --recipe=finetune --models=EfficientNetLite0 --data_dir=flowers --distill \\
        --kinds="Conv();OctConv(alpha=0.25);HetConv(parts=2)" --output=outputs/warm
    keras-effconv compare --report

Each run has a folder of its own in --output, with `model.keras`, and a row in `runs-NAME.csv`; what has a row is not
run again, and what was interrupted is resumed. Processes that share --output need different --name. --report trains
nothing: it reads all `runs*.csv`, times the networks, and writes `report.md` and `accuracy.png`.
"""

import dataclasses
import hashlib
import re
import time
from pathlib import Path

from keras_effconv.cli.flags import flags_only, kinds
from keras_effconv.cli.training_flags import define_data, define_recipe, load, recipe_from

PLAIN = "Conv()"
LONGEST = 80  # letters of a kind in the name of a folder
KINDS = "Conv();HetConv(parts=2);HetConv(parts=4);HetConv(parts=8);OctConv(alpha=0.25);OctConv(alpha=0.5)"


def define(flags):
    """Define the flags."""
    define_data(flags, "cifar10")
    define_recipe(flags, "cifar-minutes", without=("model", "conv", "seed", "teacher"))
    flags.about("Study")
    flags.list("models", ["ResNet20"], "Names of networks.")
    flags.string("kinds", KINDS, "Kinds, with semicolons.")
    flags.list("seeds", ["0", "1", "2"], "Of weights, order and augmentation; the data is that of seed 0.")
    flags.boolean("distill", False, "Train each kind a second time, with the trained Conv() network as its teacher.")
    flags.string("output", "outputs/compare", "Folder to write to.")
    flags.string("name", "", "Of this process' rows, runs-NAME.csv, if several share --output.")
    flags.about("Report")
    flags.boolean("report", False, "Train nothing: time the networks of all rows, and write table and plot.")
    flags.integer("repeats", 15, "Of --report: runs of each; the median counts.", 3)


def run(flags, words):
    """Train what has no row yet, or report."""
    flags_only(words, "data_dir")
    if flags.multi_label:
        raise ValueError("`multi_label` must be False in a comparison, which is of accuracies. Received: True")
    report(flags) if flags.report else study(flags)


def study(flags):
    """Train all runs that have no row yet, seed by seed, so that what is cut off is of the last seeds."""
    from keras_effconv.cli import compare_rows as rows
    from keras_effconv.training import network

    output, loaded = Path(flags.output), {}
    data = Path(flags.data_dir).name if flags.data_dir else flags.dataset
    planned = list(plan(flags, recipe_from(flags), output))
    for recipe in planned:
        network.check(dataclasses.replace(recipe, teacher=None))
    for number, recipe in enumerate(planned, 1):
        settings = rows.settings(recipe, flags.recipe, data, flags.limit)
        label = f"{number}/{len(planned)}: {place(output, recipe).name}"
        if rows.has(rows.read(output), recipe, settings):
            print(f"{label}: has its row")
            continue
        network.check(recipe)
        preprocessing = network.preprocessing(recipe)
        view = preprocessing.size, preprocessing.crop, preprocessing.interpolation
        if view not in loaded:
            loaded[view] = load(flags, dataclasses.replace(recipe, seed=0), preprocessing, output / "cache")
        print(label, flush=True)
        row = one(recipe, loaded[view], place(output, recipe), settings)
        rows.append(output / ("-".join(filter(None, ("runs", flags.name))) + ".csv"), row)
        print(f"{label}: {row.last:.2%} in {row.seconds:.0f} s, {row.images_per_second:.0f} images/s", flush=True)


def plan(flags, recipe, output):
    """Yield a recipe for each run, in their order: a teacher is before those that it teaches."""
    from keras_effconv import applications

    names = list(map(repr, kinds(flags.kinds)))
    models = [applications.get(name).__name__ for name in flags.models]
    if not all(seed.strip().isdecimal() for seed in flags.seeds):
        raise ValueError(f"`seeds` must be whole numbers, with commas. Received: seeds={','.join(flags.seeds)}")
    for seed in map(int, flags.seeds):
        for model in models:
            for kind in sorted(names, key=PLAIN.__ne__):
                one = dataclasses.replace(recipe, model=model, conv=kind, seed=seed)
                yield one
                if flags.distill and kind != PLAIN:
                    teacher = place(output, dataclasses.replace(one, conv=PLAIN)) / "model.keras"
                    yield dataclasses.replace(one, teacher=str(teacher))


def place(output, recipe):
    """Return the folder of a run: `ResNet20-HetConv-parts-4-0`."""
    kind = re.sub(r"[^\w.]+", "-", recipe.conv).strip("-")
    if len(kind) > LONGEST:
        kind = f"{kind[:LONGEST]}-{hashlib.sha256(recipe.conv.encode()).hexdigest()[:8]}"
    return output / "-".join([recipe.model, kind, str(recipe.seed), *["distilled"] * bool(recipe.teacher)])


def one(recipe, dataset, folder, settings):
    """Train a network, and return its row."""
    from keras_effconv.cli import compare_rows as rows
    from keras_effconv.training import train
    from keras_effconv.training.checkpoint import BEST, START, STATE
    from keras_effconv.training.network import forget
    from keras_effconv.utils.files import replacing

    forget()
    begun = time.perf_counter()
    result = train(recipe, dataset, folder, resume=True, outputs=False)
    row = rows.row(recipe, settings, result, len(dataset.class_names), time.perf_counter() - begun)
    with replacing(folder / "model.keras") as temporary:
        result.model.save(temporary)
    for name in (STATE, BEST, START):
        (folder / name).unlink(missing_ok=True)
    return row


def report(flags):
    """Time the networks of all rows; write the table and the plot."""
    from keras_effconv.cli import compare_report
    from keras_effconv.cli import compare_rows as rows

    every = rows.read(Path(flags.output))
    if not every:
        raise ValueError(f"`output` must be a folder with rows in runs*.csv. Received: output={flags.output!r}")
    points = compare_report.points(every, compare_report.times(every, flags.repeats))
    print(compare_report.write(points, every, Path(flags.output)))
    print(f"written to {flags.output}: report.md accuracy.png")
