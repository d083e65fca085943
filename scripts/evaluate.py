"""Evaluate a trained model: top-1 and top-5, classes, image sizes, speed.

    python scripts/evaluate.py --model=outputs/finetune/model.keras --data_dir=flowers
    python scripts/evaluate.py --model=outputs/train/model.keras --data_dir=imagenet.csv --sizes=224,256,320,384

It prints a table by image size and one by class, and writes `evaluation.json` and `confusion.png` to --output.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_string("model", None, "Path of a .keras file that finetune.py or train.py wrote.", required=True)
flags.DEFINE_string("data_dir", None, "As of finetune.py.")
flags.DEFINE_string("dataset", "digits", "As of finetune.py; not used with --data_dir.")
flags.DEFINE_float("validation_split", 0.2, "As of finetune.py.", 0.0, 1.0)
flags.DEFINE_integer("seed", 0, "Of the split, where the data has none: that of the run that is evaluated.")
flags.DEFINE_integer("limit", None, "Most images per class and split.", 1)
flags.DEFINE_enum("split", "validation", ["validation", "train"], "Which images.")
flags.DEFINE_list("sizes", [], "Image sizes in pixels; the model's own by default. Networks that pool their last map.")
flags.DEFINE_integer("batch_size", 32, "Images per step.", 1)
flags.DEFINE_string("output", "outputs/evaluate", "Folder to write to.")


def main(argv):
    """Evaluate at each size; classes and picture are of the model's own size, or of the first one."""
    cli.flags_only(argv)
    from keras_effconv.training.reporting import evaluation as report
    from keras_effconv.training.reporting import plots as pictures
    from keras_effconv.utils.files import write_json

    model, output = load(FLAGS.model), Path(FLAGS.output)
    sizes = [cli.whole("--sizes", size) for size in FLAGS.sizes] or [model.input_shape[1]]
    rows, evaluations = [], {}
    for size in sizes:
        evaluations[size], row = at(model, size)
        rows.append(row)
    first = evaluations.get(model.input_shape[1], evaluations[sizes[0]])
    print("| pixels | top-1 | top-5 | images/s |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['size']} | {row['top1']:.1%} | {row['top5']:.1%} | {row['images_per_second']:.0f} |")
    print("\n" + "\n".join(report.table(first)))
    write_json(output / "evaluation.json", {"model": FLAGS.model, "sizes": rows, "confusion": first.confusion.tolist()})
    pictures.confusion(first, output / "confusion.png")
    print(f"\nwritten to {output}: evaluation.json confusion.png")


def load(path):
    """The classifier in a file."""
    import keras

    import keras_effconv  # noqa: F401  (tells Keras of the layers)

    if not Path(path).is_file():
        raise ValueError(f"--model: expected a .keras file that exists, received {path!r}")
    return keras.models.load_model(path, compile=False)


def at(model, size):
    """The evaluation at one size of the image, and its row."""
    from keras_effconv import data, preprocessing_for
    from keras_effconv.training import evaluate
    from keras_effconv.training.trainer import at_size

    wanted = preprocessing_for(model).preprocessing
    images = data.load(
        FLAGS.dataset,
        FLAGS.data_dir,
        wanted.at(size),
        validation_split=FLAGS.validation_split,
        seed=FLAGS.seed,
        limit=FLAGS.limit,
    )
    if len(images.class_names) != model.output_shape[-1]:
        raise ValueError(
            f"expected data of the model's {model.output_shape[-1]} classes, received {len(images.class_names)}"
        )
    split, resized = getattr(images, FLAGS.split), at_size(model, size)
    resized.predict_on_batch(split.images[: FLAGS.batch_size])  # the graph is made before time is taken
    begun = time.perf_counter()
    evaluation = evaluate(resized, split, images.class_names, FLAGS.batch_size)
    speed = len(split) / (time.perf_counter() - begun)
    row = {"size": size, "images": len(split), "top1": evaluation.accuracy, "top5": evaluation.accuracy_at(5)}
    return evaluation, {**row, "images_per_second": speed}


if __name__ == "__main__":
    cli.run(main)
