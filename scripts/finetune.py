"""Fine-tune a network on a folder of images, a TFDS data set or scikit-learn's digits.

    python scripts/finetune.py                                   # EfficientNetLite0 on digits
    python scripts/finetune.py --data_dir=flowers --conv="OctConv(alpha=0.25)"

It ends with a report, `model.keras`, `labels.txt`, two pictures, TensorBoard logs and a SavedModel for TensorFlow
Serving, `serving/1`, in --output.
"""

import dataclasses
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import app, flags, logging

FLAGS = flags.FLAGS

flags.DEFINE_string("model", "EfficientNetLite0", "Name of a network, as in keras_effconv.")
flags.DEFINE_string("conv", "Conv()", 'Kind of convolution: "Conv()", "HetConv(parts=4)", "OctConv(alpha=0.25)".')
flags.DEFINE_string(
    "weights", "imagenet", '"imagenet" or another tag (scripts/zoo.py list), the path of a file, or "none".'
)
flags.DEFINE_string("options", "{}", 'JSON of other arguments of the network, such as {"stride_position": "middle"}.')
flags.DEFINE_string("data_dir", None, "Folder with a folder per class, or with train/ and validation/ of such.")
flags.DEFINE_string("dataset", "digits", '"digits" (embedded) or a TFDS name; not used with --data_dir.')
flags.DEFINE_float("validation_split", 0.2, "Share of images to validate on where the data has no split.", 0.0, 1.0)
flags.DEFINE_boolean("strict", False, "Stop at files that cannot be read.")
flags.DEFINE_integer("image_size", 0, "Pixels; 0: the network's own, for digits 64.", 0)
flags.DEFINE_float(
    "crop", 0.0, "Central square, as a share of the shorter side; 0: the whole image, squeezed.", 0.0, 1.0
)
flags.DEFINE_integer("batch_size", 32, "Images per step.", 1)
flags.DEFINE_integer("head_epochs", 40, "Epochs of the head on cached features.", 1)
flags.DEFINE_float("head_lr", 3e-3, "Learning rate of the head's phase.", 0.0)
flags.DEFINE_integer("epochs", 8, "Epochs with unfrozen blocks; 0: head only.", 0)
flags.DEFINE_float("lr", None, "Peak learning rate of that phase; default 1e-3, or 1e-4 for a fused warm start.", 0.0)
flags.DEFINE_integer("unfreeze_blocks", 14, "Blocks to unfreeze, from the end; -1: all.", -1)
flags.DEFINE_enum("augmentation", "standard", ["none", "light", "standard"], "Augmentation of training images.")
flags.DEFINE_float("label_smoothing", 0.1, "Of the loss.", 0.0, 1.0)
flags.DEFINE_float("weight_decay", 0.02, "Decoupled, of kernels.", 0.0)
flags.DEFINE_float("dropout", 0.2, "Before the classifier.", 0.0, 1.0)
flags.DEFINE_float("drop_connect_rate", 0.1, "Stochastic depth, in families that have it.", 0.0, 1.0)
flags.DEFINE_integer("seed", 0, "Of the split, the order, the augmentation and the new weights.")
flags.DEFINE_string("output", "outputs/finetune", "Folder to write to.")
flags.DEFINE_boolean("resume", False, "Go on from the checkpoint in --output.")
flags.DEFINE_boolean("smoke", False, "A run of less than a minute, to see that all works.")

SMOKE = {"head_epochs": 5, "epochs": 1, "image_size": 64, "limit": 8}

FILES = ("model.keras", "labels.txt", "report.json", "learning_curves.png", "predictions.png", "logs/", "serving/1")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"expected flags only, received {' '.join(argv[1:])}")
    begun = time.perf_counter()
    try:
        run(begun)
    except (ValueError, OSError, ImportError) as error:
        cli.fail(error)
    except KeyboardInterrupt:
        print(f"\nstopped; the last checkpoint in {FLAGS.output} is whole: --resume goes on from it", file=sys.stderr)
        sys.exit(130)


def recipe_from_flags(FineTune, check):
    """The flags that are fields of the recipe."""
    fields = {field.name: getattr(FLAGS, field.name) for field in dataclasses.fields(FineTune)}
    fields["options"] = cli.json_object("--options", FLAGS.options)
    fields["crop"] = FLAGS.crop or None
    fields["weights"] = None if FLAGS.weights.lower() == "none" else FLAGS.weights
    if FLAGS.smoke:
        fields.update({name: value for name, value in SMOKE.items() if name in fields and not FLAGS[name].present})
    if not fields["image_size"] and FLAGS.data_dir is None and FLAGS.dataset == "digits":
        fields["image_size"] = 64
    recipe = FineTune(**fields)
    check(recipe)
    if recipe.weights is None:
        logging.warning("--weights=none: the head is fitted on an untrained network's features; expect little of it")
    return recipe


def run(begun):
    """Check the flags, then data, training, report and files."""
    from keras_effconv import data
    from keras_effconv.files import write_json
    from keras_effconv.training import fine_tune
    from keras_effconv.training.network import check, preprocessing
    from keras_effconv.training.recipe import FineTune

    recipe = recipe_from_flags(FineTune, check)
    wanted, output = preprocessing(recipe), Path(FLAGS.output)
    told = told_of(recipe)
    check_resume(output / "run.json", told)
    dataset = data.load(
        FLAGS.dataset,
        FLAGS.data_dir,
        size=wanted.size,
        crop=wanted.crop,
        interpolation=wanted.interpolation,
        validation_split=FLAGS.validation_split,
        seed=FLAGS.seed,
        strict=FLAGS.strict,
        limit=SMOKE["limit"] if FLAGS.smoke else None,
        cache_dir=output / "cache",
    )
    print(
        f"{dataset.name}: {len(dataset.train)} training and {len(dataset.validation)} validation images of "
        f"{wanted.size} x {wanted.size}, {len(dataset.class_names)} classes; {recipe.model}, {recipe.conv}"
    )
    import keras

    # Only a run that trains takes the folder: one that fails before leaves what another left there.
    remember = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: write_json(output / "run.json", told))
    board = keras.callbacks.TensorBoard(output / "logs", write_graph=False)
    result = fine_tune(recipe, dataset, output, resume=FLAGS.resume, callbacks=[remember, board])
    finish(result, recipe, dataset, output, begun)


def told_of(recipe):
    """What makes a run the same run."""
    return {**dataclasses.asdict(recipe), "data": FLAGS.data_dir or FLAGS.dataset}


def check_resume(path, told):
    """Raise a `ValueError` when --resume would go on from another run."""
    if not FLAGS.resume or not path.is_file():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    other = [f"{k}={found.get(k)!r}" for k in told if found.get(k) != told[k]]
    if other:
        raise ValueError(f"--resume expects the flags of the run in {path.parent}: {', '.join(other)}")


def finish(result, recipe, dataset, output, begun):
    """Evaluate, write all files and print the report."""
    from keras_effconv import export
    from keras_effconv.files import replacing, write_json, write_lines
    from keras_effconv.training import evaluate, pictures, report

    evaluation = evaluate(result.model, dataset.validation, dataset.class_names, recipe.batch_size)
    with replacing(output / "model.keras") as temporary:
        result.model.save(temporary)
    write_lines(output / "labels.txt", dataset.class_names)
    pictures.learning_curves(result, output / "learning_curves.png")
    pictures.predictions(evaluation, dataset.validation, output / "predictions.png")
    export(result.model, output / "serving", labels=dataset.class_names, version=1)
    summary = {
        "model": recipe.model,
        "conv": recipe.conv,
        "accuracy": evaluation.accuracy,
        "head_accuracy": result.head_accuracy,
        "last_accuracy": (result.curves.get("val_accuracy") or [result.head_accuracy])[-1],
        "best_epoch": result.best,
        "validation_images": len(dataset.validation),
        "images_per_second": round(result.images_per_second, 1),
        "seconds": round(time.perf_counter() - begun, 1),
        "unreadable": list(dataset.unreadable),
        "confusion": evaluation.confusion.tolist(),
    }
    write_json(output / "report.json", summary)
    print("\n" + "\n".join(report.table(evaluation)))
    print(
        f"\naccuracy {summary['accuracy']:.1%} on {len(dataset.validation)} validation images, at the epoch that is "
        f"best on them: {result.best} of {recipe.epochs} (last {summary['last_accuracy']:.1%}, head alone "
        f"{summary['head_accuracy']:.1%}); training at {result.images_per_second:.0f} images/s; "
        f"{summary['seconds']:.0f} s in all"
    )
    print(f"written to {output}: {' '.join(FILES)}")
    python = os.path.relpath(sys.executable)
    print(f"next: {python} scripts/predict.py IMAGE --model={output / 'model.keras'}")


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    cli.run(main)
