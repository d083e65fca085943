"""Evaluate a trained model: top-1 and top-5, classes, image sizes, speed.

    keras-effconv evaluate --model=outputs/finetune/model.keras --data_dir=flowers
    keras-effconv evaluate --model=outputs/train/model.keras --data_dir=imagenet.csv --sizes=224,256,320,384

It prints a table by image size and one by class, and writes `evaluation.json` and `confusion.png` to --output.
"""

import time
from pathlib import Path

from keras_effconv.cli.flags import flags_only, positive_integer


def define(flags):
    """Define the flags."""
    flags.string("model", None, "Path of a .keras file, hf://user/name, or name of a network.", required=True)
    flags.string("weights", "imagenet", 'For a network by name: a tag, the path of a file, hf://..., or "none".')
    flags.string("data_dir", None, "As of `keras-effconv finetune`.")
    flags.string("dataset", "digits", "As of `keras-effconv finetune`; not used with --data_dir.")
    flags.float("validation_split", 0.2, "As of `keras-effconv finetune`.", 0.0, 1.0)
    flags.integer("seed", 0, "Of the split, if the data has none: that of the run that is evaluated.")
    flags.integer("limit", None, "Most images per class and split.", 1)
    flags.enum("split", "validation", ["validation", "train"], "Which images.")
    flags.list("sizes", [], "Image sizes in pixels; the model's own by default. Networks that pool their last map.")
    flags.integer("batch_size", 32, "Images per step.", 1)
    flags.string("output", "outputs/evaluate", "Folder to write to.")


def run(flags, words):
    """Evaluate at each size; classes and picture are of the model's own size, or of the first one."""
    flags_only(words)
    from keras_effconv.cli import models
    from keras_effconv.training.reporting import evaluation as report
    from keras_effconv.training.reporting import plots
    from keras_effconv.utils.files import write_json

    (model, _), output = models.load(flags.model, weights=flags.weights), Path(flags.output)
    sizes = [positive_integer("--sizes", size) for size in flags.sizes] or [model.input_shape[1]]
    rows, evaluations = [], {}
    for size in sizes:
        evaluations[size], row = at(flags, model, size)
        rows.append(row)
    first = evaluations.get(model.input_shape[1], evaluations[sizes[0]])
    print("| pixels | top-1 | top-5 | images/s |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['size']} | {row['top1']:.1%} | {row['top5']:.1%} | {row['images_per_second']:.0f} |")
    print("\n" + "\n".join(report.table(first)))
    write_json(output / "evaluation.json", {"model": flags.model, "sizes": rows, "confusion": first.confusion.tolist()})
    plots.confusion(first, output / "confusion.png")
    print(f"\nwritten to {output}: evaluation.json confusion.png")


def at(flags, model, size):
    """Return the evaluation at one size of the image, and its row."""
    from keras_effconv import data, preprocessing_for
    from keras_effconv.training import evaluate
    from keras_effconv.training.trainer import at_size

    view = preprocessing_for(model).preprocessing.settled()
    images = data.load(
        flags.dataset,
        flags.data_dir,
        view.at(size),
        validation_split=flags.validation_split,
        seed=flags.seed,
        limit=flags.limit,
    )
    if len(images.class_names) != model.output_shape[-1]:
        raise ValueError(
            f"the data must have the {model.output_shape[-1]} classes of the model. Received: {len(images.class_names)}"
        )
    split, resized = getattr(images, flags.split), at_size(model, size)
    resized.predict_on_batch(split.images[: flags.batch_size])  # the graph is made before time is taken
    begun = time.perf_counter()
    evaluation = evaluate(resized, split, images.class_names, flags.batch_size)
    speed = len(split) / (time.perf_counter() - begun)
    row = {"size": size, "images": len(split), "top1": evaluation.accuracy, "top5": evaluation.accuracy_at(5)}
    return evaluation, {**row, "images_per_second": speed}
