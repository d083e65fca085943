"""LiteRT (TensorFlow Lite): `model.tflite`, of built-in operations only."""

import json
import os
import threading
import warnings
import zipfile

import numpy as np

from keras_effconv.exporting.destination import single
from keras_effconv.exporting.format import LABELS, METADATA, Format
from keras_effconv.utils.extras import require

FILE = "model.tflite"


def write(classifier, folder, precision, settings):
    """Write `model.tflite` by TensorFlow's converter. At its end is an archive of labels and metadata for `unzip`."""
    import tensorflow as tf

    from keras_effconv.exporting.freezing import as_module, frozen

    module = as_module(frozen(classifier.model))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    PRECISIONS[precision](converter, tf, settings)
    with warnings.catch_warnings():  # statistics of quantized inputs, which these are not
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        (folder / FILE).write_bytes(converter.convert())
    with zipfile.ZipFile(folder / FILE, "a") as archive:
        archive.writestr(LABELS, "".join(f"{label}\n" for label in classifier.labels))
        archive.writestr(METADATA, json.dumps(classifier.metadata()))


def _float16(converter, tf, settings):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _int8(converter, tf, settings):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([image[None]] for image in settings.calibration)


# The input and the output stay float32 in all of them.
PRECISIONS = {"float32": lambda *_: None, "float16": _float16, "int8": _int8}


def load(folder, precision, threads):
    """Open an interpreter with a thread for each core; by itself it takes one. One call at a time."""
    runtime = require("ai_edge_litert.interpreter", "export")
    interpreter = runtime.Interpreter(model_path=str(folder / FILE), num_threads=threads or os.cpu_count())
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    one, ready = threading.Lock(), None

    def run(images):
        nonlocal ready
        with one:
            if len(images) != ready:
                interpreter.resize_tensor_input(source["index"], images.shape)
                interpreter.allocate_tensors()
                ready = len(images)
            interpreter.set_tensor(source["index"], np.ascontiguousarray(images))
            interpreter.invoke()
            return interpreter.get_tensor(target["index"])

    return run


FORMAT = Format(
    "litert", write, load, ("ai_edge_litert.interpreter",), single, tuple(PRECISIONS), settings=("calibration",)
)
