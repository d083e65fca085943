"""ONNX models of float16 and of int8, by the tools of ONNX Runtime. Input and output stay float32."""

import tempfile
import warnings
from pathlib import Path

from keras_effconv.utils.extras import require

FLOAT_OPERATIONS = {"Softmax"}  # int8 probabilities would have steps of 1/256
PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")  # the graph has constants and folded scales already


def _as_it_is(model, calibration, axes):
    return model


def _float16(model, calibration, axes):
    """Store weights and compute in float16, between casts at the input and the output."""
    tool, graphs = (require(f"onnxruntime.transformers.{name}", "export") for name in ("float16", "onnx_model"))
    with warnings.catch_warnings():  # of each weight that is too small for float16; the comparison tells what it does
        warnings.filterwarnings("ignore", "the float32 number")
        model = tool.convert_float_to_float16(model, keep_io_types=True)
    graphs.OnnxModel(model).topological_sort()  # its casts are at the end, which only some runtimes take
    return model


def _int8(model, calibration, axes):
    return quantized(model, ({"images": image[None].transpose(axes)} for image in calibration))


def quantized(model, feeds):
    """Quantize weights and activations to int8, weights by channel, between QuantizeLinear and DequantizeLinear.

    Args:
        model: `ModelProto`.
        feeds: iterable of dicts of arrays by the name of the input, to take the scales of activations from.

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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        tool.quantize_static(
            model,
            path,
            Feeds(),
            quant_format=tool.QuantFormat.QDQ,
            per_channel=True,
            activation_type=tool.QuantType.QInt8,
            weight_type=tool.QuantType.QInt8,
            nodes_to_exclude=[node.name for node in model.graph.node if node.op_type in FLOAT_OPERATIONS],
        )
        return onnx.load(path)


# Each takes a `ModelProto`, the calibration images (n, size, size, 3) and the axes that make the input of an image.
PRECISIONS = {"float32": _as_it_is, "float16": _float16, "int8": _int8}
