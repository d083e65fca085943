"""Convert a trained network to a cheaper kind of convolution; no labels are needed.

    keras-effconv convert --model=outputs/finetune/model.keras --conv="OctConv(alpha=0.25)" --data_dir=flowers
    keras-effconv convert --model=outputs/finetune/model.keras --budget=0.7 --runtime=onnx --data_dir=flowers
    keras-effconv convert --model=resnet50.keras --preprocessing=caffe --conv="HetConv(parts=4)" --data_dir=photos
    keras-effconv convert --model=EfficientNetLite0 --conv="OctConv(alpha=0.25)" --data_dir=photos --mimic=1000

--model is a .keras file of any functional Keras model, hf://user/name, or the name of a network. A hundred images
suffice: channels are put in order, and each new convolution is fitted to what the dense network computes (--mimic=1000
adds gradient steps). A part of the images is held back to compare both networks. If their folders are the classes of
the model, accuracy on the validation images is measured, too.

It writes `model.keras`, `labels.txt`, a model card, a report, a picture and a SavedModel for TensorFlow Serving,
`serving/1`, to --output. `keras-effconv predict`, `evaluate`, `export` and `serve` take them from there.
"""

from pathlib import Path

from keras_effconv.cli.command import resumable
from keras_effconv.cli.flags import flags_only
from keras_effconv.cli.training_flags import define_source


def define(flags):
    """Define the flags."""
    flags.about("Model")
    flags.string("model", None, "Path of a .keras file, hf://user/name, or name of a network.", required=True)
    flags.string("weights", "imagenet", 'For a network by name: a tag, the path of a file, or "none".')
    flags.string("labels", None, "File with the name of a class a line. Default: labels.txt next to --model.")
    flags.string(
        "preprocessing",
        None,
        "For a model that does not say what it wants of RGB images, 0..255: a mode of keras.applications, tf (-1..1), "
        "torch or caffe, or 0..1; raw for none.",
    )
    flags.float("crop", 0.875, "With --preprocessing: central share of an image; 0 squeezes the whole.", 0.0, 1.0)
    flags.integer("image_size", None, "With --preprocessing: pixels, for a model that reads images of any size.", 1)
    flags.about("Convolution")
    flags.string("conv", None, "Kind of convolution, or @file.json.")
    flags.float("budget", None, "In place of --conv: share of the measured time; each layer gets its own kind.", 0.0)
    flags.string("runtime", None, "Times are measured in: tensorflow, jax, onnx or openvino. Default: the backend.")
    flags.string("precision", "float32", "Of the runtime: float32, or int8 where it has it.")
    flags.integer("batch", 4, "Images at a time when times are measured.", 1)
    define_source(flags, None)
    flags.about("Conversion")
    flags.integer("images", 512, "Most images that kernels are fitted to.", 1)
    flags.integer("mimic", 0, "Gradient steps towards the dense network, after the fit.", 0)
    flags.boolean("order", True, "Put channels that belong together next to each other first.")
    flags.boolean("fit", True, "Fit the new kernels to what the dense network computes.")
    flags.boolean("measure", True, "Measure the time of each layer, and of both networks.")
    flags.integer("seed", 0, "Of all that is drawn.")
    flags.string("output", "outputs/convert", "Folder to write to.")
    flags.boolean("resume", False, "Resume the steps of --mimic from the state in --output.")


def run(flags, words):
    """Convert, and print the report; ctrl-C leaves the state of --mimic to resume from."""
    flags_only(words, "model")
    return resumable(lambda: _run(flags), lambda: _left(Path(flags.output).expanduser()))


def _left(output):
    from keras_effconv.cli import convert_state

    return convert_state.told(output)


def _run(flags):
    """Check the flags, before images are read and anything is written; then convert."""
    from keras_effconv.cli import convert_checks, convert_images, convert_model, convert_state
    from keras_effconv.converting import convert

    output = Path(flags.output).expanduser()
    conv = convert_checks.check(flags, output)
    model, names = convert_model.load(flags)
    photos = convert_images.load(flags, model, names)
    convert_state.begin(output, flags.resume, convert_state.described(flags, conv, photos.dataset))
    count = len(photos.dataset.train)
    print(f"{photos.dataset.name}: {count} images; {flags.model}, {conv or f'{flags.budget} of the time'}")
    options = {name: flags[name].value for name in ("order", "fit", "mimic", "measure", "seed", "precision", "batch")}
    converted = convert(
        model,
        conv,
        photos.dataset,
        budget=flags.budget,
        runtime=flags.runtime,
        most=flags.images,
        folder=output if flags.mimic else None,
        **options,
    )
    finish(flags, output, model, converted, names, photos)
    convert_state.end(output)


def finish(flags, output, model, converted, names, photos):
    """Measure the accuracy if there are labels, write all, and print what the conversion came to."""
    from keras_effconv.cli import convert_accuracy, models
    from keras_effconv.converting import outputs
    from keras_effconv.training.reporting.environment import environment
    from keras_effconv.utils.paths import quoted

    accuracy = convert_accuracy.measured(model, converted, photos, output) if photos.labelled else None
    limits = models.thresholds_of(flags.model, model, names) if names else None
    written = outputs.write(
        output,
        converted,
        converted.convert_report,
        source=flags.model if flags.weights == "imagenet" else f"{flags.model}, weights {flags.weights}",
        data=photos.dataset.name,
        environment=environment(),
        labels=names,
        accuracy=accuracy,
        thresholds=limits,
    )
    print(f"\n{converted.convert_report}")
    if accuracy is not None:
        print(convert_accuracy.told(accuracy))
    print(f"written to {output}: {' '.join(written)}")
    print("next:", quoted(["keras-effconv", "predict", "IMAGE", f"--model={output / 'model.keras'}"]))
