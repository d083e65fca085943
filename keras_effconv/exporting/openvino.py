"""OpenVINO's intermediate representation: `model.xml` and `model.bin`."""

import functools
import json
import threading

from keras_effconv.exporting import onnx
from keras_effconv.exporting.destination import alone
from keras_effconv.exporting.format import Format
from keras_effconv.utils.extras import require

FILE = "model.xml"
HINTS = {"float32": "f32", "bfloat16": "bf16"}
KEPT = 4  # batch sizes


def write(program, folder, precision, settings):
    """By way of ONNX: OpenVINO's reader of TensorFlow graphs misplaces channels (2026.4.1).

    What it misplaces are channels put in another order before a convolution, as `HetConv(layout="shifted")` has them.
    With `float16` half the bytes are stored; the arithmetic is the device's.
    """
    onnx_library, openvino = require("onnx", "export"), require("openvino", "export")
    onnx_library.save(onnx.converted(program), folder / onnx.FILE)
    model = openvino.convert_model(folder / onnx.FILE)
    (folder / onnx.FILE).unlink()
    for key, value in program.metadata().items():
        model.set_rt_info(json.dumps(value), ["keras_effconv", key])
    openvino.save_model(model, folder / FILE, compress_to_fp16=precision == "float16")


def load(folder, precision, threads):
    """A model compiled for the CPU, anew for each batch size and kept for the last few; one call at a time.

    With a batch size that is left open, OpenVINO (2026.4.1) computes some convolutions of 1 x 1 maps wrongly for single
    images. Left to itself it also computes in bfloat16 where the processor has it; here that is asked for. Threads are
    not tied to cores: tied ones wait for each other where anything else runs.
    """
    core = require("openvino", "export").Core()
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": threads or 0,
        "ENABLE_CPU_PINNING": False,
    }
    model, one = core.read_model(folder / FILE), threading.Lock()

    @functools.lru_cache(maxsize=KEPT)
    def compiled(shape):
        fixed = model.clone()
        fixed.reshape({"images": shape})
        return core.compile_model(fixed, "CPU", options)

    def run(images):
        with one:
            return compiled(images.shape)(images)["probabilities"]

    return run


FORMAT = Format("openvino", write, load, ("onnx", "tf2onnx", "openvino"), alone, ("float32", "float16"), tuple(HINTS))
