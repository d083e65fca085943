"""OpenVINO's intermediate representation: `model.xml` and `model.bin`."""

import json
import threading

from keras_effconv.exporting.format import Format
from keras_effconv.exporting.places import alone
from keras_effconv.extras import require

FILE = "model.xml"
HINTS = {"float32": "f32", "bfloat16": "bf16"}


def write(program, folder, precision, settings):
    """By OpenVINO's own reader of TensorFlow graphs; `float16` halves `model.bin`, the arithmetic is the device's."""
    from keras_effconv.exporting.freezing import frozen

    openvino = require("openvino", "export")
    graph = frozen(program.model)
    (folder / "graph.pb").write_bytes(graph.SerializeToString())
    model = openvino.convert_model(folder / "graph.pb")
    (folder / "graph.pb").unlink()
    model.inputs[0].set_names({"images"})
    model.outputs[0].set_names({"probabilities"})
    for key, value in program.metadata().items():
        model.set_rt_info(json.dumps(value), ["keras_effconv", key])
    openvino.save_model(model, folder / FILE, compress_to_fp16=precision == "float16")


def load(folder, precision, threads):
    """A model compiled for the CPU, one call at a time.

    Left to itself, OpenVINO computes in bfloat16 where the processor has it; here that is asked for.
    """
    core = require("openvino", "export").Core()
    options = {"INFERENCE_PRECISION_HINT": HINTS[precision], "INFERENCE_NUM_THREADS": threads or 0}
    compiled, one = core.compile_model(core.read_model(folder / FILE), "CPU", options), threading.Lock()

    def run(images):
        with one:
            return compiled(images)["probabilities"]

    return run


FORMAT = Format("openvino", write, load, ("openvino",), alone, ("float32", "float16"), tuple(HINTS))
