"""OpenVINO's intermediate representation: `model.xml` and `model.bin`."""

import functools
import json
import threading

from keras_effconv.exporting import onnx
from keras_effconv.exporting.destination import single
from keras_effconv.exporting.format import Format
from keras_effconv.utils.extras import require

FILE = "model.xml"
HINTS = {"float32": "f32", "bfloat16": "bf16"}
KEPT = 4  # batch sizes


def write(classifier, folder, precision, settings):
    """Write the files by way of ONNX, since OpenVINO's reader of TensorFlow graphs misplaces channels (2026.4.1).

    It misplaces channels that are reordered before a convolution, as in `HetConv(layout="shifted")`. With `float16`,
    half the bytes are stored; the device decides in what it computes.
    """
    onnx_library, openvino = require("onnx", "export"), require("openvino", "export")
    onnx_library.save(onnx.converted(classifier), folder / onnx.FILE)
    model = openvino.convert_model(folder / onnx.FILE)
    (folder / onnx.FILE).unlink()
    for key, value in classifier.metadata().items():
        model.set_rt_info(json.dumps(value), ["keras_effconv", key])
    openvino.save_model(model, folder / FILE, compress_to_fp16=precision == "float16")


def load(folder, precision, threads):
    """Compile for the CPU, for each batch size; the last few are kept. One call at a time.

    With an open batch size, OpenVINO (2026.4.1) computes some convolutions of 1 x 1 maps wrongly for single images. By
    default it computes in bfloat16 if the processor can, so the precision is set. Threads are not tied to cores, since
    tied threads wait for each other if anything else runs.
    """
    core = require("openvino", "export").Core()
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": threads or 0,
        "ENABLE_CPU_PINNING": False,
    }
    model, one = core.read_model(folder / FILE), threading.Lock()
    model.input("images"), model.output("probabilities")  # an error if it is another file's

    @functools.lru_cache(maxsize=KEPT)
    def compiled(shape):
        fixed = model.clone()
        fixed.reshape({"images": shape})
        return core.compile_model(fixed, "CPU", options)

    def run(images):
        with one:
            return compiled(images.shape)(images)["probabilities"]

    return run


FORMAT = Format("openvino", write, load, ("onnx", "tf2onnx", "openvino"), single, ("float32", "float16"), tuple(HINTS))
