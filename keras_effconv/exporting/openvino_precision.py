"""OpenVINO models of int8, by NNCF. Input and output stay float32."""

import contextlib
import io

from keras_effconv.utils.extras import require
from keras_effconv.utils.logs import silenced

PRECISIONS = ("float32", "float16", "int8")  # half the bytes are a matter of saving
MOVES = {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Split", "VariadicSplit", "StridedSlice", "Pad"}
EXACT = {"Relu", "Clamp", "MaxPool", "Maximum", "Minimum"}  # in integers, or part of the convolution before
WITHOUT_ARITHMETIC = (
    MOVES | EXACT | {"Parameter", "Result", "Constant", "Convert", "FakeQuantize", "ShapeOf", "Gather", "Softmax"}
)


def quantized(model, feeds, kept=lambda names: []):
    """Quantize weights and activations to int8, weights by channel.

    Activations are symmetric, but behind what cuts negative values off they take no sign (NNCF's mixed preset).
    Weights have 7 bits, since those of 8 overflow in sums of 16 on processors without VNNI; of depthwise convolutions,
    which sum otherwise, 8.

    Args:
        model: `openvino.Model`, which is simplified in place.
        feeds: sequence of dicts of arrays by the name of the input, to take the scales of activations from.
        kept: callable from the names of operations to those that stay in float32. Default: none.

    Returns:
        An `openvino.Model`.
    """
    nncf = require("nncf", "int8")
    _simplify(model)
    names = kept([each.get_friendly_name() for each in model.get_ops() if each.get_type_name() != "Constant"])
    options = {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": len(feeds),
        "ignored_scope": nncf.IgnoredScope(names=names) if names else None,
        "advanced_parameters": nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    }
    with silenced("nncf"), contextlib.redirect_stdout(io.StringIO()):  # it tells each of its steps, and draws bars
        return nncf.quantize(model, nncf.Dataset(feeds), **options)


def _simplify(model):
    """Fold constants and put operations together, which reading alone does not.

    Without, NNCF takes the kernels of depthwise convolutions for activations.
    """
    require("openvino._offline_transformations", "export").apply_moc_transformations(model, cf=False)


def int8(model, settings, kept):
    """Quantize for images one at a time, since an open batch size is computed wrongly, and open it again.

    Args:
        model: `openvino.Model`, whose input is `images`.
        settings: `Settings`.
        kept: callable from the names of operations to those that stay in float32.

    Returns:
        An `openvino.Model`.
    """
    name, shape = "images", settings.calibration.shape[1:]
    model.reshape({name: (1, *shape)})
    model = quantized(model, [{name: image[None]} for image in settings.calibration], kept)
    model.reshape({name: (-1, *shape)})
    return model


def float_operations(model):
    """Return the names of the operations of a quantized model that compute in float32, but for the softmax.

    Args:
        model: `openvino.Model`.
    """
    return [each.get_friendly_name() for each in model.get_ordered_ops() if _is_float(each)]


def _is_float(operation):
    if operation.get_type_name() in WITHOUT_ARITHMETIC:
        return False
    written = [_source(value.get_node()) for value in operation.input_values()]
    varying = [source for source in written if source is not None]
    scales = operation.get_type_name() in ("Add", "Multiply", "Subtract") and len(varying) < 2  # a bias; of weights
    return bool(varying) and not scales and any(source != "FakeQuantize" for source in varying)


def _source(node):
    """Return the type of the operation that computes a value, behind those that move values; `None` for constants."""
    while node.get_type_name() in MOVES and node.get_input_size():
        node = node.input_value(0).get_node()
    if node.get_type_name() in ("Constant", "Convert"):
        return None
    weights = node.get_type_name() in ("Multiply", "Subtract")  # a constant by its scale
    if weights and all(_source(value.get_node()) is None for value in node.input_values()):
        return None
    return node.get_type_name()
