"""A model with fixed weights as a function of no arguments, in each runtime that can be timed."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_effconv.exporting.onnx import OPSET
from keras_effconv.exporting.openvino import HINTS
from keras_effconv.graph import with_structure
from keras_effconv.inference.forms import choose_forms
from keras_effconv.inference.precision import in_float32
from keras_effconv.inference.rewriting import Graph
from keras_effconv.utils.arguments import one_of
from keras_effconv.utils.extras import require

ANY_SIDE = 64  # pixels, of the images of a model that takes any
CALIBRATION = 4  # arrays of noise that int8 takes its scales from: times do not depend on them


def runner(
    model: keras.Model, runtime: str, batch: int, precision: str = "float32", threads: int | None = None
) -> Callable:
    """Return a function that computes a model once on a batch of noise, and returns when all is computed.

    Of a model that takes images of any size, the noise has `ANY_SIDE` pixels.

    Layouts are the runtime's own: ONNX Runtime and OpenVINO get and give (n, c, h, w), so that no transposition is
    timed that a layer inside of a network does not have.

    Args:
        model: `keras.Model` of any number of inputs and outputs; its convolutions get the form that the runtime wants.
            One of half precision is timed in float32, as it is exported.
        runtime: str, a key of `RUNTIMES`.
        batch: int.
        precision: str, one of `RUNTIMES[runtime]`. Default `"float32"`.
        threads: int. Default: as many as the runtime takes by itself. TensorFlow's cannot be set for one model.

    Raises:
        ValueError: for a runtime or a precision that is not there, with those that are.
        ImportError: the runtime is not installed.

    Example:

    >>> image = keras.Input((8, 8, 3))
    >>> run = runner(keras.Model(image, keras.layers.Conv2D(4, 3)(image)), keras.backend.backend(), batch=2)
    >>> [x.shape for x in run()]
    [(2, 6, 6, 4)]
    """
    check(runtime, precision)
    graph = Graph(in_float32(model))
    choose_forms(graph, runtime)
    rng = np.random.default_rng(0)
    shapes = [[batch, *(ANY_SIDE if side is None else side for side in x.shape[1:])] for x in model.inputs]
    inputs = [rng.normal(size=shape).astype("float32") for shape in shapes]
    return MAKERS[runtime](graph.build(), inputs, precision, threads)


def check(runtime: str, precision: str) -> None:
    """Check that models can be timed in a runtime and precision.

    Raises:
        ValueError: they cannot; the message names what there is.
    """
    one_of("runtime", runtime, tuple(RUNTIMES))
    if precision not in RUNTIMES[runtime]:
        there = ", ".join(f"{precision!r} in {runtime}" for runtime, all_ in RUNTIMES.items() for precision in all_)
        raise ValueError(f"`precision` must be one of {there}. Received: precision={precision!r} in {runtime}")
    backend, needed = keras.backend.backend(), "jax" if runtime == "jax" else "tensorflow"
    if backend != needed:
        raise ValueError(f"`runtime` must be one that KERAS_BACKEND={backend!r} writes. Received: runtime={runtime!r}")


def _constant_function(model):
    """Return a `tf.function` of a model's inputs, one argument each, whose weights are constants, and its signature."""
    import tensorflow as tf

    weights = [[v.numpy() for v in each] for each in (model.trainable_variables, model.non_trainable_variables)]

    def call(*inputs):
        constants = [[tf.constant(array) for array in each] for each in weights]
        outputs, _ = model.stateless_call(*constants, with_structure(model, list(inputs)), training=False)
        return [tf.identity(x) for x in keras.tree.flatten(outputs)]

    return call


def _tensorflow(model, inputs, precision, threads):
    """As a SavedModel computes: a graph of constants."""
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]
    signature = [tf.TensorSpec(x.shape, x.dtype) for x in tensors]
    call = tf.function(_constant_function(model), autograph=False).get_concrete_function(*signature)
    return lambda: [x.numpy() for x in call(*tensors)]


def _jax(model, inputs, precision, threads):
    import jax

    state = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]
    call = jax.jit(lambda xs: keras.tree.flatten(model.stateless_call(*state, with_structure(model, xs))[0]))
    arrays = [jax.numpy.asarray(x) for x in inputs]
    return lambda: [np.asarray(x) for x in call(arrays)]


def _proto(model, inputs):
    """Return a model as an ONNX `ModelProto` of a fixed batch, maps as (n, c, h, w)."""
    import tensorflow as tf

    signature = [tf.TensorSpec(x.shape, tf.float32, name=f"input_{i}") for i, x in enumerate(inputs)]
    function = tf.function(_constant_function(model), signature, autograph=False)
    outputs = function.get_concrete_function().outputs
    proto, _ = require("tf2onnx.convert", "export").from_function(
        function,
        signature,
        opset=OPSET,
        inputs_as_nchw=[f"{spec.name}:0" for spec in signature if len(spec.shape) == 4],
        outputs_as_nchw=[x.name for x in outputs if len(x.shape) == 4],
    )
    return proto


def _as_channels_first(inputs):
    return [np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim == 4 else x for x in inputs]


def _onnx(model, inputs, precision, threads):
    """As `exporting.load` runs it, but threads that have no work sleep: they would slow down the next one's turn."""
    library = require("onnxruntime", "export")
    proto, arrays = _proto(model, inputs), _as_channels_first(inputs)
    feeds = {f"input_{i}": x for i, x in enumerate(arrays)}
    if precision == "int8":
        from keras_effconv.exporting.onnx_precision import quantized

        proto = quantized(proto, [feeds] * CALIBRATION)
    options = library.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads or 0, 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = library.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feeds)


def _openvino(model, inputs, precision, threads):
    """As `exporting.load` runs it."""
    library, onnx = require("openvino", "export"), require("onnx", "export")
    feeds = {f"input_{i}": x for i, x in enumerate(_as_channels_first(inputs))}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(_proto(model, inputs), path)
        converted = library.Core().read_model(path)
        if precision == "int8":
            from keras_effconv.exporting.openvino_precision import quantized

            converted = quantized(converted, [feeds] * CALIBRATION)
        options = {
            "INFERENCE_PRECISION_HINT": HINTS.get(precision, HINTS["float32"]),
            "INFERENCE_NUM_THREADS": threads or 0,
            "ENABLE_CPU_PINNING": False,
        }
        compiled = library.Core().compile_model(converted, "CPU", options)
    return lambda: list(compiled(feeds).values())


MAKERS = {"tensorflow": _tensorflow, "jax": _jax, "onnx": _onnx, "openvino": _openvino}
RUNTIMES = {
    "tensorflow": ("float32",),
    "jax": ("float32",),
    "onnx": ("float32", "int8"),
    "openvino": (*HINTS, "int8"),
}
