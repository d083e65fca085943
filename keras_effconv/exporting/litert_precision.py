"""LiteRT files of float16 and of int8, by TensorFlow's converter."""

from keras_effconv.exporting.layer_names import names_in
from keras_effconv.utils.extras import require

WITHOUT_ARITHMETIC = (
    *("QUANTIZE", "DEQUANTIZE", "RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "CONCATENATION", "SPLIT", "PAD"),
    *("SHAPE", "STRIDED_SLICE", "SLICE", "GATHER", "PACK", "CAST", "SOFTMAX"),
)


def _as_it_is(converter, settings, layers):
    return converter.convert()


def _float16(converter, settings, layers):
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _int8(converter, settings, layers):
    """Quantize weights by channel, and activations; with layers in float32 by what TensorFlow finds errors with."""
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([image[None]] for image in settings.calibration)
    if settings.keep_float:
        return _partly(converter, settings, layers)
    converter.inference_input_type = converter.inference_output_type = tf.as_dtype(settings.io)
    return converter.convert()


def _partly(converter, settings, layers):
    import tensorflow as tf

    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter)
    kept = names_in(_outputs(debugger.calibrated_model), layers, settings.keep_float)
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept)
    return debugger.get_nondebug_quantized_model()


def _operations(content):
    """Yield (kind, names of outputs, types of outputs) of each operation of a file."""
    schema = require("ai_edge_litert.schema_py_generated", "export")
    model = schema.ModelT.InitFromPackedBuf(content)
    kinds = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    types = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    (graph,) = model.subgraphs
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        tensors = [graph.tensors[i] for i in operator.outputs]
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        yield kind, [each.name.decode() for each in tensors], [types[each.type] for each in tensors]


def _outputs(content):
    return [name for _, names, _ in _operations(content) for name in names]


def float_operations(content):
    """Return the names of what the operations of an int8 file write in float32, but for the softmax.

    Args:
        content: bytes of the file.
    """
    return [
        names[0] for kind, names, types in _operations(content) if kind not in WITHOUT_ARITHMETIC and "FLOAT32" in types
    ]


# Each takes a `tf.lite.TFLiteConverter`, the `Settings` and the names of all layers, and returns the file's bytes.
PRECISIONS = {"float32": _as_it_is, "float16": _float16, "int8": _int8}
