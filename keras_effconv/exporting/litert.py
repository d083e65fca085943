"""LiteRT (TensorFlow Lite): `model.tflite`, of built-in operations only."""

import json
import queue
import warnings
import zipfile

import numpy as np

from keras_effconv.exporting import litert_precision
from keras_effconv.exporting.destination import single
from keras_effconv.exporting.format import INT8, LABELS, METADATA, Format, share
from keras_effconv.exporting.layer_names import layers_among
from keras_effconv.utils.extras import require

FILE = "model.tflite"


def write(classifier, folder, precision, settings):
    """Write `model.tflite` by TensorFlow's converter. At its end is an archive of labels and metadata for `unzip`."""
    import tensorflow as tf

    from keras_effconv.exporting.freezing import as_module, frozen

    module = as_module(frozen(classifier.model))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    with warnings.catch_warnings():  # statistics of quantized inputs, which these are not
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")  # which TensorFlow itself uses
        content = litert_precision.PRECISIONS[precision](converter, settings, classifier.layers())
    (folder / FILE).write_bytes(content)
    extra = _tensors(folder)
    if precision == "int8":
        extra["float_layers"] = layers_among(litert_precision.float_operations(content), classifier.layers())
    with zipfile.ZipFile(folder / FILE, "a") as archive:
        archive.writestr(LABELS, "".join(f"{label}\n" for label in classifier.labels))
        archive.writestr(METADATA, json.dumps({**classifier.metadata(), **extra}))
    return extra


def _interpreter(folder, threads):
    runtime = require("ai_edge_litert.interpreter", "export")
    interpreter = runtime.Interpreter(model_path=str(folder / FILE), num_threads=threads)
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


def load(folder, precision, threads, streams):
    """Open an interpreter for each stream, with a thread for each of its cores; by itself it takes one.

    Images are quantized for an input of integers, and probabilities are made of an output of integers.
    """
    free = queue.SimpleQueue()
    for _ in range(streams):
        free.put(_Stream(*_interpreter(folder, threads or share(streams))))

    def run(images):
        stream = free.get()
        try:
            return stream(images)
        finally:
            free.put(stream)

    return run


class _Stream:
    """An interpreter, for one call at a time."""

    def __init__(self, interpreter, source, target):
        self.interpreter, self.source, self.target, self.ready = interpreter, source, target, None

    def __call__(self, images):
        if len(images) != self.ready:
            self.ready = None  # if there is no memory for so many, the next call makes room again
            self.interpreter.resize_tensor_input(self.source["index"], images.shape)
            self.interpreter.allocate_tensors()
            self.ready = len(images)
        self.interpreter.set_tensor(self.source["index"], _quantized(images, self.source))
        self.interpreter.invoke()
        return _dequantized(self.interpreter.get_tensor(self.target["index"]), self.target)


FORMAT = Format(
    "litert",
    write,
    load,
    ("ai_edge_litert.interpreter",),
    single,
    tuple(litert_precision.PRECISIONS),
    settings=(*INT8, "io"),
    levels=(127, 127),
)
