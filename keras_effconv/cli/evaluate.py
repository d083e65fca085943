"""Evaluate a trained model, or an export in its runtime: top-1 and top-5, classes, sizes, speed.

    keras-effconv evaluate --model=outputs/finetune/model.keras --data_dir=flowers
    keras-effconv evaluate --model=outputs/finetune/model.keras --data_dir=flowers --split=test
    keras-effconv evaluate --model=outputs/flowers-onnx --data_dir=flowers
    keras-effconv evaluate --model=outputs/train/model.keras --data_dir=imagenet.csv --sizes=224,256,320,384

Classes are matched by name, by the file labels.txt next to the model: the data may have fewer of them, in any order.
It prints a table by image size and one by class, and writes `report.html`, `evaluation.json` and `confusion.png` to
--output.
"""

import dataclasses
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_effconv.cli.flags import define_views, flags_only, positive_integer
from keras_effconv.cli.training_flags import define_source, files_of
from keras_effconv.utils.text_table import aligned

NAMES = {
    "top1": "top-1",
    "mean_average_precision": "mean average precision",
    "top1_interval": "95 % interval",
    "mean_average_precision_interval": "95 % interval",
    "top5": "top-5",
    "f1": "F1",
}
SHORT = {"accuracy": "top1", "accuracy_interval": "top1_interval"}
SPLITS = ["validation", "train", "test"]


def define(flags):
    """Define the flags."""
    flags.about("Model")
    flags.string(
        "model",
        None,
        "Path of a .keras file, folder of an export, hf://user/name, or name of a network.",
        required=True,
    )
    flags.string("weights", "imagenet", 'For a network by name: a tag, the path of a file, hf://..., or "none".')
    flags.string("labels", None, "File with the name of a class a line. Default: labels.txt next to --model.")
    define_source(flags, "digits")
    flags.integer("seed", None, "Of the split, if the data has none. Default: that of the run of the model, or 0.")
    flags.about("Evaluation")
    flags.enum("split", "validation", SPLITS, "Which images.")
    flags.list(
        "sizes", [], "Image sizes in pixels; the model's own by default. Networks that pool their last map; no export."
    )
    flags.integer("batch_size", 32, "Images per step.", 1)
    define_views(flags)
    flags.string("output", "outputs/evaluate", "Folder to write to.")


def run(flags, words):
    """Evaluate at each size; classes, page and picture are of the model's own size, or of the first one."""
    flags_only(words, "model")
    from keras_effconv.cli import evaluate_subject
    from keras_effconv.cli.evaluated_run import record_of
    from keras_effconv.training.reporting import evaluation as report
    from keras_effconv.training.reporting.environment import check_folder
    from keras_effconv.utils.extras import require

    output = Path(flags.output).expanduser()
    for module in ("matplotlib.figure", "scipy.optimize"):
        require(module)
    check_folder(output, 1 << 22)
    subject = evaluate_subject.load(flags.model, flags.weights, flags.labels)
    check_labels(flags, subject)
    sizes = [positive_integer("--sizes", size) for size in flags.sizes] or [subject.size]
    models, rows, shown, record = [subject.at(size) for size in sizes], [], None, record_of(flags.model)
    for size, model in zip(sizes, models):
        measured, row = at(flags, subject, model, size, record, say=size == sizes[0])
        rows.append(row)
        shown = measured if shown is None or size == subject.size else shown  # images of the other sizes are not kept
        del measured
    picture = write(flags, output, shown, rows, subject.facts)
    print(sizes_table(rows))
    print("\n" + "\n".join(report.table(shown.evaluation)))
    print(f"\nwritten to {output}: report.html evaluation.json {picture}")


def sizes_table(rows):
    """Return a line of text for each image size."""
    columns = [name for name in NAMES if name in rows[0]]
    cells = [("pixels", *(NAMES[name] for name in columns), "images/s")]
    for row in rows:
        shares = [
            "" if row[name] is None else " to ".join(f"{share:.1%}" for share in np.atleast_1d(row[name]))
            for name in columns
        ]
        cells.append((row["size"], *shares, f"{row['images_per_second']:.0f}"))
    return aligned(cells, right=range(len(cells[0])), rule=True)


class Measured(NamedTuple):
    """What a model says of a split: the `Evaluation`, the `Split`, and the model for images of its size."""

    evaluation: object
    split: object
    model: object
    data: str


def write(flags, output, measured, rows, facts):
    """Write the files of an evaluation, and return the name of the picture.

    Args:
        flags: the flags of the command.
        output: Path of the folder.
        measured: `Measured`.
        rows: list of dicts, one a size.
        facts: list of pairs of str, of the model.
    """
    from keras_effconv.training.reporting import findings, html_report, plots
    from keras_effconv.training.reporting.calibration import calibrate
    from keras_effconv.training.reporting.page.parts import percent
    from keras_effconv.utils.files import write_json

    evaluation, images = measured.evaluation, f"{flags.split} images"
    calibration = calibrate(evaluation.choices(), images)
    mistakes = findings.mistakes_of(measured.model, evaluation, measured.split)
    summary = {"model": flags.model, "split": flags.split, "views": flags.views, "sizes": rows}
    summary |= {"classes": list(evaluation.class_names)}
    summary |= {"metric": evaluation.metric, **evaluation.measured(), "per_class": evaluation.per_class()}
    write_json(output / "evaluation.json", {**summary, "calibration": findings.described(calibration)})
    picture = plots.of_classes(evaluation, output)
    headline = SHORT.get(evaluation.metric, evaluation.metric)
    title = f"{Path(flags.model).name} on {measured.data}"
    facts = [
        *facts,
        ("Classes", f"{len(evaluation.class_names)}"),
        *(
            (f"At {row['size']} pixels", f"{percent(row[headline])}, {row['images_per_second']:.0f} images/s")
            for row in rows
        ),
    ]
    html_report.write_evaluation(output / html_report.PAGE, title, evaluation, images, facts, calibration, mistakes)
    return picture


def at(flags, subject, model, size, record, say=True):
    """Return what is `Measured` at one size of the image, and its row."""
    from keras_effconv import data
    from keras_effconv.cli.evaluated_run import split_seed, warn_of_other_images
    from keras_effconv.data.images.levels import warn_without_white
    from keras_effconv.inference import averaged
    from keras_effconv.training import evaluate
    from keras_effconv.training.reporting.evaluation import answering

    view = subject.preprocessing.settled()
    source = files_of(flags) | {"seed": split_seed(flags, record), "limit": flags.limit}
    dataset = data.load(flags.dataset, resize=view.at(size), **source)
    split, class_names = matched(chosen(dataset, flags.split), dataset, subject.classes, subject.names, say)
    if say:
        warn_of_other_images(record, dataset, flags.split)
    if say and flags.data_dir is not None:
        warn_without_white(split.names, subject.preprocessing)
    batch = min(flags.batch_size, len(split))
    run = averaged(answering(model), flags.views)
    run(split.images[:batch])  # the graph is made before time is taken
    begun = time.perf_counter()
    evaluation = evaluate(run, split, class_names, batch)
    speed = len(split) / (time.perf_counter() - begun)
    if subject.thresholds is not None:
        evaluation = evaluation.with_thresholds(subject.thresholds, "when the model was trained")
    row = {"size": size, "images": len(split), **shares(evaluation), "images_per_second": speed}
    return Measured(evaluation, split, model, dataset.name), row


def check_labels(flags, subject):
    """Raise a `ValueError` if either the data or the model has several labels an image, and the other one has not."""
    if flags.multi_label != (subject.thresholds is not None):
        wanted = "False for a model of one class an image" if flags.multi_label else "set for a model of several labels"
        raise ValueError(f"`multi_label` must be {wanted}. Received: multi_label={flags.multi_label}")


def shares(evaluation):
    """Return the numbers of an evaluation that have a column: dict."""
    measured = {SHORT.get(name, name): value for name, value in evaluation.measured().items()}
    return {name: measured[name] for name in NAMES if name in measured}


def chosen(dataset, name):
    """Return a split.

    Raises:
        ValueError: the data has no such images, or they have no labels.
    """
    split = getattr(dataset, name)
    if split is None or not len(split):
        there = ", ".join(each for each in SPLITS if getattr(dataset, each) is not None)
        raise ValueError(f"`split` must be one that the data has: {there}. Received: split={name!r}")
    if split.labels.min() < 0:
        raise ValueError(f"`split` must have a label for each image. Received: split={name!r}, whose labels are hidden")
    return split


def matched(split, dataset, classes, names, say=True):
    """Return a split with the labels of the model, and the names of the model's classes.

    Args:
        split: `Split`, its labels those of `dataset`.
        dataset: `Dataset`.
        classes: int, of the model.
        names: list of str, what the classes of the model are called, or `None`.
        say: bool, whether to print how they were matched. Default `True`.

    Raises:
        ValueError: the data has classes that the model does not know.
    """
    from keras_effconv.training.class_names import in_short, match, others

    if names is None:
        if len(dataset.class_names) != classes:
            raise ValueError(
                f"Without a labels.txt next to the model, the data must have its {classes} classes. "
                f"Received: {len(dataset.class_names)}"
            )
        if say:
            print("there is no labels.txt next to the model: its classes are taken in the order of the data's")
        return split, dataset.class_names
    ours = known(names, dataset.class_names)
    order = np.array(match(dataset.class_names, ours, "the model"), "int32")
    absent = others(dataset.class_names, ours)
    if say and absent:
        print(f"the data has {len(order)} of the model's {classes} classes, by name; not {in_short(absent)}")
    elif say and order.tolist() != list(range(classes)):
        print("the data has the model's classes in another order: matched by name")
    return dataclasses.replace(split, labels=relabelled(split.labels, order, classes)), tuple(names)


def relabelled(labels, order, classes):
    """Return labels of the data as those of a model, which has each class of the data at a place of `order`."""
    if labels.ndim == 1:
        return order[labels]
    ours = np.zeros((len(labels), classes), labels.dtype)
    ours[:, order] = labels
    return ours


def known(names, class_names):
    """Return what the model's classes are called in the data: of ImageNet's, some sets have identifiers (n01440764)."""
    from keras_effconv import zoo

    identifiers = [identifier for identifier, _ in zoo.imagenet_classes()] if len(names) == 1000 else []
    return identifiers if set(class_names) & set(identifiers) else names
