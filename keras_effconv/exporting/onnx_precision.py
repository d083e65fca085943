"""ONNX models of float16 and of int8, by the tools of ONNX Runtime. Input and output stay float32."""

import collections
import tempfile
import warnings
from pathlib import Path

from keras_effconv.utils.extras import require

FLOAT_OPERATIONS = {"Softmax"}  # int8 probabilities would have steps of 1/256
WITHOUT_ARITHMETIC = FLOAT_OPERATIONS | {
    *("QuantizeLinear", "DequantizeLinear", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"),
    *("Concat", "Slice", "Split", "Gather", "Shape", "Cast", "Pad", "Relu", "Clip", "MaxPool"),
}
OF_TWO = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Sub", "Mul", "Div"}  # operations of two tensors
PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")  # the graph has constants and folded scales already


def _as_it_is(model, settings, axes, kept):
    return model


def _float16(model, settings, axes, kept):
    """Store weights and compute in float16, between casts at the input and the output."""
    tool, graphs = (require(f"onnxruntime.transformers.{name}", "export") for name in ("float16", "onnx_model"))
    with warnings.catch_warnings():  # of each weight that is too small for float16; the comparison tells what it does
        warnings.filterwarnings("ignore", "the float32 number")
        model = tool.convert_float_to_float16(model, keep_io_types=True)
    graphs.OnnxModel(model).topological_sort()  # its casts are at the end, which only some runtimes take
    return model


def _int8(model, settings, axes, kept):
    return quantized(model, ({"images": image[None].transpose(axes)} for image in settings.calibration), kept)


def quantized(model, feeds, kept=()):
    """Quantize weights and activations to int8, weights by channel, between QuantizeLinear and DequantizeLinear.

    Args:
        model: `ModelProto`.
        feeds: iterable of dicts of arrays by the name of the input, to take the scales of activations from.
        kept: sequence of str, the names of nodes that stay in float32. Default: none but the softmax.

    Returns:
        A `ModelProto`.
    """
    onnx, tool = require("onnx", "export"), require("onnxruntime.quantization", "export")

    class Feeds(tool.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(feeds)

        def get_next(self):
            return next(self.rest, None)

    onnx.helper.set_model_props(model, dict([PREPARED]))
    floats = [node.name for node in model.graph.node if node.op_type in FLOAT_OPERATIONS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        tool.quantize_static(
            model,
            path,
            Feeds(),
            quant_format=tool.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,  # weights of 7 bits: those of 8 overflow in sums of 16 on processors without VNNI
            activation_type=tool.QuantType.QInt8,
            weight_type=tool.QuantType.QInt8,
            nodes_to_exclude=[*floats, *kept],
        )
        return onnx.load(path)


def float_nodes(model):
    """Return the names of the nodes of a quantized model that compute in float32, but for the softmax.

    A runtime computes a node in int8 if `DequantizeLinear` writes what it reads, weights included, and `QuantizeLinear`
    reads what it writes.

    Args:
        model: `ModelProto`.
    """
    writers = {name: node.op_type for node in model.graph.node for name in node.output}
    readers = collections.defaultdict(set)
    for node in model.graph.node:
        for name in node.input:
            readers[name].add(node.op_type)
    names = []
    for node in model.graph.node:
        sources = {writers.get(name) for name in node.input[: 2 if node.op_type in OF_TWO else 1]}
        whole = sources == {"DequantizeLinear"} and readers[node.output[0]] == {"QuantizeLinear"}
        if node.op_type not in WITHOUT_ARITHMETIC and not whole:
            names.append(node.name)
    return names


# Each takes a `ModelProto`, the `Settings`, the axes that make the input of an image, and the names of kept nodes.
PRECISIONS = {"float32": _as_it_is, "float16": _float16, "int8": _int8}
