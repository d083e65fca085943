"""Export a classifier to TensorFlow Serving, ONNX Runtime, OpenVINO or LiteRT.

    python scripts/export.py --model=outputs/finetune/model.keras --output=serving/flowers
    python scripts/export.py --model=EfficientNetLite0 --format=onnx --output=outputs/lite0-onnx
    python scripts/export.py --model=model.keras --format=litert --precision=int8 --calibration_dir=photos --output=lite

--model is a model.keras that scripts/finetune.py wrote (labels.txt beside it names the classes), or the name of a
network. What is written is read back, and compared with the model, before it appears in --output.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags, logging

FLAGS = flags.FLAGS

flags.DEFINE_string("model", "EfficientNetLite0", "Path of a .keras file, or the name of a network.")
flags.DEFINE_string("weights", "imagenet", 'For a network by name: a tag, the path of a file, or "none".')
flags.DEFINE_string("conv", "Conv()", "For a network by name: kind of convolution.")
flags.DEFINE_string("format", "saved_model", "saved_model, onnx, openvino or litert.")
flags.DEFINE_string("output", None, "Folder to write; a saved_model has a folder a version in it.", required=True)
flags.DEFINE_string("labels", None, "File with the name of a class a line. Default: labels.txt beside --model.")
flags.DEFINE_boolean("deploy", True, "Export what keras_effconv.deploy makes of it: faster, the same outputs.")
flags.DEFINE_string("precision", "float32", "Of the weights: float32, float16 (openvino, litert) or int8 (litert).")
flags.DEFINE_string("calibration_dir", None, "int8: folder of typical images, with or without a folder per class.")
flags.DEFINE_integer("calibration_images", 100, "int8: how many of them to use.", 1)
flags.DEFINE_float("tolerance", None, "Difference from the Keras model that is allowed; default by precision.", 0.0)
flags.DEFINE_integer("version", None, "saved_model: version; default the next free one.", 1)
flags.DEFINE_integer("top", 5, "saved_model: labels in an answer.", 1)


def main(argv):
    cli.flags_only(argv)
    run()


def run():
    """Load the model, export it and say what was written."""
    from keras_effconv import deploy, exporting

    if FLAGS.format not in exporting.FORMATS:
        raise ValueError(f"--format: expected one of {', '.join(exporting.FORMATS)}, received {FLAGS.format!r}")
    given = {flag: getattr(FLAGS, flag) for flag in ("version", "top", "tolerance") if FLAGS[flag].present}
    model, labels = load()
    model = deploy(model, target=FLAGS.format) if FLAGS.deploy else model
    if FLAGS.calibration_dir is not None:
        given["calibration"] = calibration(model)
    folder = exporting.export(model, FLAGS.output, FLAGS.format, labels=labels, precision=FLAGS.precision, **given)
    told = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    measure = "moved probability" if FLAGS.precision == "int8" else "largest difference"
    print(f"{folder}: {size / 1e6:.1f} MB, {measure} from the Keras model {told['difference']:.2g}")


def load():
    """The model, and the names of its classes or `None`."""
    import keras

    import keras_effconv

    path, labels = Path(FLAGS.model), FLAGS.labels
    if path.suffix != ".keras":
        weights = None if FLAGS.weights.lower() == "none" else FLAGS.weights
        model = keras_effconv.applications.get(FLAGS.model)(weights=weights, conv=FLAGS.conv)
        names = [name for _, name in keras_effconv.zoo.imagenet_classes()] if model.output_shape[-1] == 1000 else None
    else:
        if not path.is_file():
            raise ValueError(f"--model: expected a file that exists or the name of a network, received {FLAGS.model!r}")
        model, names, beside = keras.models.load_model(path, compile=False), None, path.with_name("labels.txt")
        labels = labels or (beside if beside.is_file() else None)
    return model, Path(labels).read_text(encoding="utf-8").splitlines() if labels else names


def calibration(model):
    """Images of --calibration_dir, evenly drawn from its sorted files, as the model wants them."""
    import numpy as np

    from keras_effconv import preprocessing_for
    from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, read_image
    from keras_effconv.data.sources.listing import IMAGE_EXTENSIONS

    paths = sorted(path for path in Path(FLAGS.calibration_dir).rglob("*") if path.suffix.lower() in IMAGE_EXTENSIONS)
    wanted = preprocessing_for(model).preprocessing
    decoder, images = compiled_decoder(wanted), []
    for i in np.unique(np.linspace(0, len(paths) - 1, min(FLAGS.calibration_images, len(paths))).astype(int)):
        try:
            images.append(np.asarray(read_image(paths[i], decoder)))
        except UnreadableImageError as error:
            logging.warning("%s: %s", paths[i], error)
    if not images:
        raise ValueError(f"--calibration_dir: expected a folder of images, received {FLAGS.calibration_dir!r}")
    return np.stack(images)


if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    cli.run(main)
