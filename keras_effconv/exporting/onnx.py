"""ONNX: `model.onnx`, for ONNX Runtime and whatever else reads it."""

import json

from keras_effconv.exporting.format import Format
from keras_effconv.exporting.places import alone
from keras_effconv.extras import require

FILE, OPSET = "model.onnx", 17


def write(program, folder, precision, settings):
    """What `export.json` tells of the input is in the file's metadata too."""
    onnx = require("onnx", "export")
    model = converted(program)
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in program.metadata().items()})
    onnx.save(model, folder / FILE)


def converted(program):
    """A program as an ONNX `ModelProto`, by tf2onnx."""
    from keras_effconv.exporting.freezing import INPUT, OUTPUT, frozen

    model, _ = require("tf2onnx.convert", "export").from_graph_def(
        frozen(program.model),
        name=program.model.name,
        input_names=[f"{INPUT}:0"],
        output_names=[f"{OUTPUT}:0"],
        tensors_to_rename={f"{name}:0": name for name in (INPUT, OUTPUT)},
        opset=OPSET,
    )
    return model


def load(folder, precision, threads):
    """A session of ONNX Runtime on the CPU; any thread may call it."""
    runtime = require("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    session = runtime.InferenceSession(folder / FILE, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["probabilities"], {"images": images})[0]


FORMAT = Format("onnx", write, load, ("onnx", "tf2onnx", "onnxruntime"), alone)
