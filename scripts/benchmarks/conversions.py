"""Convert trained networks to other kinds, and measure what is left of them on images that took no part.

python scripts/benchmarks/conversions.py --model=ResNet56 --weights=resnet56-4bfd9763.th --data_dir=cifar10 \
    --kinds="HetConv(parts=2);OctConv(alpha=0.5)" --mimic=2000 --output=outputs/conversions.csv
python scripts/benchmarks/conversions.py --model=EfficientNetLite0 --data_dir=flowers,pets,cats_vs_dogs \
    --kinds="OctConv(alpha=0.25)" --images=240 --mimic=500 --output=outputs/conversions.csv
python scripts/benchmarks/conversions.py --model=outputs/vgg16/VGG16CIFAR-Conv-0/model.keras --data_dir=cifar10 \
    --kinds="HetConv(parts=4)" --mimic=1500 --output=outputs/conversions.csv

Each kind is measured after the fit and, with --mimic, after so many gradient steps. `agreement` is the share of the
validation images on which the best class is the dense network's; `top-1` is known where the classes of the data are
those of the network. With --moved=4, a row tells how often the dense network agrees with itself on images that are
moved by 4 pixels, as a measure of what agreement can be. A row that --output has is not measured again.
"""

import csv
import json
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

COLUMNS = (
    *("network", "options", "kind", "images", "steps", "rate"),
    *("top-1 %", "agreement %", "dense top-1 %", "GMAC of dense", "seconds"),
)


def define(flags):
    """Define the flags."""
    flags.string("model", "ResNet20", "Name of a network, or a .keras file that this package trained.")
    flags.string("weights", "imagenet", "Tag, or path of a file.")
    flags.list("data_dir", None, "Folders of images or of .npz files; the training images convert.", required=True)
    flags.string("kinds", "HetConv(parts=2);HetConv(parts=4);OctConv(alpha=0.25);OctConv(alpha=0.5)", "Kinds.")
    flags.integer("images", 512, "Training images that kernels are fitted to.", 2)
    flags.integer("mimic", 0, "Gradient steps on all training images; 0 for none.", 0)
    flags.integer(
        "moved", 0, "Pixels that images are moved by for the dense network's agreement with itself; 0: not.", 0
    )
    flags.integer("size", 0, "Pixels; 0 for the network's own.", 0)
    flags.integer("seed", 0, "Of all that is drawn.", 0)
    flags.string("output", "outputs/conversions.csv", "CSV file, to which rows are added.")


def run(flags, words):
    """Measure what is not yet measured, and print all rows."""
    flags_only(words)
    output = Path(flags.output).expanduser()
    output.parent.mkdir(parents=True, exist_ok=True)
    done = _read(output)
    for row in measured(flags, done):
        done.append(row)
        with output.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(done)
    from keras_effconv.utils.text_table import markdown

    print(markdown([COLUMNS, *([row.get(column, "") for column in COLUMNS] for row in done)]))
    print(platform.processor() or platform.machine())


def _read(path):
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured(flags, done):
    """Yield a row for each kind and number of steps that has none, and for the dense network on moved images."""
    import numpy as np

    dense, view, design = network(flags)
    own = {"network": design.name, "options": json.dumps(design.changes, sort_keys=True)}
    has = {(row["kind"], int(row["steps"])) for row in done if own.items() <= row.items()}
    moved = [(f"Conv(), images moved by {flags.moved} pixels", 0)] if flags.moved else []
    asked = [(kind, steps) for kind in flags.kinds.split(";") if kind for steps in sorted({0, flags.mimic})]
    todo = [each for each in moved + asked if each not in has]
    if not todo:
        return
    images, validation, labels = loaded(flags.data_dir, view)
    expected = dense.predict(validation, batch_size=50, verbose=0)
    known = len(np.unique(labels)) == expected.shape[1] and len(flags.data_dir) == 1
    labels = labels if known else None
    for kind, steps in todo:
        if (kind, steps) in moved:
            facts = {"images": "0", "GMAC of dense": "1.00", "seconds": "0"}
            answers = dense.predict(shifted(validation, flags.moved), batch_size=50, verbose=0)
        else:
            model, facts = converted(flags, dense, kind, images, steps)
            answers = model.predict(validation, batch_size=50, verbose=0)
        row = own | facts | {"kind": kind, "steps": str(steps)} | accuracies(answers, expected, labels)
        print(row, flush=True)
        yield row


def converted(flags, dense, kind, images, steps):
    """Return the converted network, and what a row says of the conversion."""
    from keras_effconv.converting import convert

    begun = time.perf_counter()
    model = convert(dense, kind, images, mimic=steps, most=flags.images, seed=flags.seed, measure=False)
    seconds, report = time.perf_counter() - begun, model.convert_report
    used = len(images) if steps else report.images
    macs = f"{report.macs / report.macs_before:.2f}"
    rate = "" if report.learning_rate is None else f"{report.learning_rate:.2g}"
    return model, {"images": str(used), "rate": rate, "GMAC of dense": macs, "seconds": f"{seconds:.0f}"}


def accuracies(answers, expected, labels):
    """Return the accuracies of a row; `labels` are `None` where the classes of the data are not the network's."""
    import numpy as np

    def top1(outputs):
        return "" if labels is None else f"{100 * np.mean(outputs.argmax(1) == labels):.1f}"

    agreement = f"{100 * np.mean(answers.argmax(1) == expected.argmax(1)):.1f}"
    return {"top-1 %": top1(answers), "agreement %": agreement, "dense top-1 %": top1(expected)}


def shifted(images, pixels):
    """Return images moved down and to the right, their borders mirrored."""
    import numpy as np

    padded = np.pad(images, ((0, 0), (pixels, 0), (pixels, 0), (0, 0)), "reflect")
    return padded[:, : images.shape[1], : images.shape[2]]


def network(flags):
    """Return the dense network with its preprocessing, so that it reads pixels, what it wants of them, its design."""
    import keras

    import keras_effconv as ke
    from keras_effconv.network_info import info_of

    if flags.model.endswith(".keras"):
        plain = ke.zoo.load_model(flags.model)
    else:
        plain = ke.applications.get(flags.model)(weights=flags.weights)
    prepare = ke.preprocessing_for(plain)
    size = flags.size or prepare.preprocessing.size
    image = keras.Input((size, size, 3), name="image")
    dense = keras.Model(image, plain(prepare(image)), name=plain.name)
    return dense, prepare.preprocessing.at(size), info_of(plain).design


def loaded(folders, view):
    """Return training images, validation images and their labels, of all folders."""
    import numpy as np

    from keras_effconv import data

    sets = [data.load(data_dir=folder, resize=view) for folder in folders]
    parts = [(each.train.images, each.validation.images, each.validation.labels) for each in sets]
    return tuple(np.concatenate(part) for part in zip(*parts))


if __name__ == "__main__":
    main(__doc__, define, run)
