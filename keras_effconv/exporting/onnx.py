"""ONNX: `model.onnx`, for ONNX Runtime and whatever else reads it."""

import json

from keras_effconv.exporting.format import Format
from keras_effconv.exporting.places import alone
from keras_effconv.extras import require

FILE, OPSET = "model.onnx", 17


def write(program, folder, precision, settings):
    """By tf2onnx, from a graph of constants; what `export.json` tells of the input is in the file's metadata too."""
    from keras_effconv.exporting.freezing import frozen

    onnx, convert = require("onnx", "export"), require("tf2onnx.convert", "export")
    graph = frozen(program.model)
    names = {f"{name}:0": name for name in ("images", "probabilities")}
    model, _ = convert.from_graph_def(
        graph,
        name=program.model.name,
        input_names=["images:0"],
        output_names=["probabilities:0"],
        tensors_to_rename=names,
        opset=OPSET,
    )
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in program.metadata().items()})
    onnx.save(model, folder / FILE)


def load(folder, precision, threads):
    """A session of ONNX Runtime on the CPU; any thread may call it."""
    runtime = require("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    session = runtime.InferenceSession(folder / FILE, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["probabilities"], {"images": images})[0]


FORMAT = Format("onnx", write, load, ("onnx", "tf2onnx", "onnxruntime"), alone)
