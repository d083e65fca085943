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
    extra = _tensors(folder)
    with zipfile.ZipFile(folder / FILE, "a") as archive:
        archive.writestr(LABELS, "".join(f"{label}\n" for label in classifier.labels))
        archive.writestr(METADATA, json.dumps({**classifier.metadata(), **extra}))
    return extra


def _float16(converter, tf, settings):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _int8(converter, tf, settings):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([image[None]] for image in settings.calibration)
    converter.inference_input_type = converter.inference_output_type = tf.as_dtype(settings.io)


PRECISIONS = {"float32": lambda *_: None, "float16": _float16, "int8": _int8}


def _interpreter(folder, threads):
    runtime = require("ai_edge_litert.interpreter", "export")
    interpreter = runtime.Interpreter(model_path=str(folder / FILE), num_threads=threads or os.cpu_count())
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    return interpreter, source, target


def _tensors(folder):
    """Return the types of the input and the output; of integers also what makes numbers of them."""
    _, source, target = _interpreter(folder, 1)
    return {"input": _tensor(source), "output": _tensor(target)}


def _tensor(details):
    tensor, (scale, zero) = {"dtype": np.dtype(details["dtype"]).name}, details["quantization"]
    return {**tensor, "scale": float(scale), "zero_point": int(zero)} if scale else tensor


def _quantized(values, details):
    """Return float32 values as an integer tensor holds them, or as they are for one of float32."""
    scale, zero = details["quantization"]
    if not scale:
        return np.ascontiguousarray(values)
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(details["dtype"])


def _dequantized(values, details):
    scale, zero = details["quantization"]
    return (values.astype("float32") - zero) * np.float32(scale) if scale else values


def load(folder, precision, threads):
    """Open an interpreter with a thread for each core; by itself it takes one. One call at a time.

    Images are quantized for an input of integers, and probabilities are made of an output of integers.
    """
    interpreter, source, target = _interpreter(folder, threads)
    one, ready = threading.Lock(), None

    def run(images):
        nonlocal ready
        with one:
            if len(images) != ready:
                interpreter.resize_tensor_input(source["index"], images.shape)
                interpreter.allocate_tensors()
                ready = len(images)
            interpreter.set_tensor(source["index"], _quantized(images, source))
            interpreter.invoke()
            return _dequantized(interpreter.get_tensor(target["index"]), target)

    return run


FORMAT = Format(
    "litert", write, load, ("ai_edge_litert.interpreter",), single, tuple(PRECISIONS), settings=("calibration", "io")
)
