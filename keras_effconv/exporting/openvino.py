"""OpenVINO's intermediate representation: `model.xml` and `model.bin`."""

import functools
import itertools
import json
import queue

import numpy as np

from keras_effconv.exporting import onnx, openvino_precision
from keras_effconv.exporting.destination import single
from keras_effconv.exporting.format import INT8, Format
from keras_effconv.exporting.layer_names import layers_among, names_in
from keras_effconv.utils.extras import require

FILE = "model.xml"
HINTS = {"float32": "f32", "bfloat16": "bf16"}
SIZES = (8, 4, 2, 1)  # of batches; a compiled network takes memory for each


def write(classifier, folder, precision, settings):
    """Write the files by way of ONNX, since OpenVINO's reader of TensorFlow graphs misplaces channels (2026.4.1).

    It misplaces channels that are reordered before a convolution, as in `HetConv(layout="shifted")`. With `float16`,
    half the bytes are stored; the device decides in what it computes. With `int8`, NNCF takes scales from the
    calibration images. `openvino.convert_model` would do the same as reading, and report its use to the internet.
    """
    onnx_library, openvino = require("onnx", "export"), require("openvino", "export")
    onnx_library.save(onnx.converted(classifier), folder / onnx.FILE)
    model, layers, extra = openvino.Core().read_model(folder / onnx.FILE), classifier.layers(), {}
    if precision == "int8":
        model = openvino_precision.int8(model, settings, lambda names: names_in(names, layers, settings.keep_float))
        extra["float_layers"] = layers_among(openvino_precision.float_operations(model), layers)
    for key, value in classifier.metadata().items():
        model.set_rt_info(json.dumps(value), ["keras_effconv", key])
    openvino.save_model(model, folder / FILE, compress_to_fp16=precision == "float16")
    (folder / onnx.FILE).unlink()
    return extra


def load(folder, precision, threads, streams):
    """Compile for the CPU, for each of a few batch sizes, of which others are put together. `streams` calls at a time.

    With an open batch size, OpenVINO (2026.4.1) computes some convolutions of 1 x 1 maps wrongly for single images. By
    default it computes in bfloat16 if the processor can, so the precision is set. Threads are not tied to cores, since
    tied threads wait for each other if anything else runs.
    """
    core = require("openvino", "export").Core()
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": (threads or 0) * streams,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,
    }
    model = core.read_model(folder / FILE)
    model.input("images"), model.output("probabilities")  # an error if it is another file's

    @functools.lru_cache(maxsize=len(SIZES))
    def requests(shape):
        fixed = model.clone()
        fixed.reshape({"images": shape})
        compiled, free = core.compile_model(fixed, "CPU", options), queue.SimpleQueue()
        for _ in range(streams):
            free.put(compiled.create_infer_request())
        return free

    def part(images):
        free = requests(images.shape)
        request = free.get()
        try:
            return request.infer(images)["probabilities"]
        finally:
            free.put(request)

    def run(images):
        ends = itertools.accumulate(parts(len(images)))
        return np.concatenate([part(images[start:end]) for start, end in itertools.pairwise((0, *ends))])

    return run


def parts(count):
    """Return the sizes of the batches that images are computed in.

    Example:

    >>> parts(29)
    [8, 8, 8, 4, 1]
    """
    sizes = []
    for size in SIZES:
        sizes += [size] * (count // size)
        count %= size
    return sizes


FORMAT = Format(
    "openvino",
    write,
    load,
    ("onnx", "tf2onnx", "openvino"),
    single,
    openvino_precision.PRECISIONS,
    tuple(HINTS),
    settings=INT8,
    levels=(63.5, 127),  # of 7 bits, where NNCF has the largest weight between two levels; depthwise of 8
)
