"""Export a classifier to TensorFlow Serving, ONNX Runtime, OpenVINO or LiteRT.

    keras-effconv export --model=outputs/finetune/model.keras --output=serving/flowers
    keras-effconv export --model=EfficientNetLite0 --format=onnx --output=outputs/lite0-onnx
    keras-effconv export --model=model.keras --format=litert --precision=int8 --calibration_dir=photos --output=lite
    keras-effconv export --model=model.keras --format=onnx --precision=float16 --layout=nchw --output=outputs/half

--model is a model.keras that `keras-effconv finetune` wrote, or the name of a network; the file labels.txt next to it
has the names of the classes, and thresholds.json the thresholds of a model of several labels. What is written is read
back, and compared with the model, before it appears in --output.
"""

import json
import os

import numpy as np

from keras_effconv.cli.flags import flags_only


def define(flags):
    """Define the flags."""
    flags.about("Model")
    flags.string("model", "EfficientNetLite0", "Path of a .keras file, hf://user/name, or the name of a network.")
    flags.string("weights", "imagenet", 'For a network by name: a tag, the path of a file, or "none".')
    flags.string("conv", "Conv()", "For a network by name: kind of convolution.")
    flags.string("labels", None, "File with the name of a class a line. Default: labels.txt next to --model.")
    flags.about("Export")
    flags.string("format", "saved_model", "saved_model, onnx, openvino or litert.")
    flags.string("output", None, "Folder to write; a saved_model has a folder a version in it.", required=True)
    flags.boolean("deploy", True, "Export what keras_effconv.deploy makes of it: faster, the same outputs.")
    flags.float("tolerance", None, "Difference from the Keras model that is allowed; default by precision.", 0.0)
    flags.string("precision", "float32", "Of the weights: float32, or, but for saved_model, float16 or int8.")
    flags.about("int8")
    flags.string("calibration_dir", None, "int8: folder of typical images, with or without a folder per class.")
    flags.integer("calibration_images", 100, "int8: how many of them to use.", 1)
    flags.list("keep_float", [], "int8: names of layers that stay float32, with commas.")
    flags.float("max_loss", 0.005, "int8: accuracy that may be lost, if the folders of images are the classes.", 0.0)
    flags.string("io", "float32", "litert with int8: type of input and output, float32, uint8 or int8.")
    flags.about("One format alone")
    flags.string("layout", "nhwc", "onnx: of the input, nhwc or nchw.")
    flags.integer("opset", None, "onnx: version of the operators. Default: 17.", 1)
    flags.integer("version", None, "saved_model: version; default the next free one.", 1)
    flags.integer("top", 5, "saved_model: labels in an answer.", 1)


def run(flags, words):
    """Load the model, export it and print what was written."""
    flags_only(words, "model")
    from keras_effconv import deploy, exporting
    from keras_effconv.cli import models
    from keras_effconv.utils.files import bytes_in

    if flags.format not in exporting.FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(exporting.FORMATS)}. Received: format={flags.format!r}")
    for name in ("max_loss", "calibration_images"):
        if flags[name].present and flags.calibration_dir is None:
            raise ValueError(f"`{name}` must be with --calibration_dir. Received: without")
    given = ("version", "top", "tolerance", "io", "layout", "opset", "keep_float")
    options = {flag: flags[flag].value for flag in given if flags[flag].present}
    model, labels = models.load(flags.model, flags.conv, flags.weights, flags.labels)
    limits = models.thresholds_of(flags.model, model, models.numbered(model, labels))
    model = deploy(model, target=flags.format) if flags.deploy else model
    if flags.calibration_dir is not None:
        options |= calibration(model, labels, flags)
    options |= {"labels": labels, "thresholds": limits, "precision": flags.precision}
    folder = exporting.export(model, flags.output, flags.format, **options)
    record = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    measure = "moved probability" if flags.precision == "int8" else "largest difference"
    print(f"{folder}: {bytes_in(folder) / 1e6:.1f} MB, {measure} from the Keras model {record['difference']:.2g}")
    if record.get("float_layers"):
        print(f"computed in float32: {', '.join(record['float_layers'])}")


def calibration(model, labels, flags):
    """Read images of a folder, evenly drawn from its sorted files, as the model wants them.

    Returns:
        A dict of arguments of `export`: the images, and their classes if each is in a folder with the name of one.
    """
    from keras_effconv import preprocessing_for
    from keras_effconv.data.sources.listing import LeftOut, list_images
    from keras_effconv.data.sources.unlabelled import read_files

    paths = list_images(os.path.expanduser(flags.calibration_dir), LeftOut())
    if not paths:
        raise ValueError(
            f"`calibration_dir` must be a folder of images. Received: calibration_dir={flags.calibration_dir!r}"
        )
    view = preprocessing_for(model).preprocessing
    images, read = read_files(paths, view, flags.calibration_images, "calibration_dir")
    folders = [os.path.basename(os.path.dirname(path)) for path in read]
    try:
        classes = _classes_of(model, labels, folders)
    except ValueError as error:
        if flags["max_loss"].present:
            raise ValueError(f"`max_loss` needs images in folders with the names of classes. {error}") from None
        print(f"the accuracy of int8 is not measured. {error}")
        return {"calibration": images}
    return {"calibration": images, "calibration_labels": classes, "max_loss": flags.max_loss}


def _classes_of(model, labels, folders):
    """Return the class of each image by the name of its folder; an error if one may be another or several."""
    from keras_effconv.network_info import says_several
    from keras_effconv.training.class_names import match

    if says_several(model):
        raise ValueError("An image must have one class. Received: a model of several labels")
    names = list(dict.fromkeys(folders))
    places = dict(zip(names, match(names, labels or (), "the model")))
    return np.array([places[name] for name in folders])
