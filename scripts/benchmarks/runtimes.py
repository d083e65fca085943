"""What networks.py times: for each runtime, how a model is stored for it and a function of images."""

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np

import keras_effconv
from keras_effconv.cli.timing import compiled


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A way to run a network.

    Attributes:
        save: callable (model, folder) -> path of what runs.
        load: callable (path) -> function of float32 images (n, h, w, c), 0..255, that returns when all is computed.
        rival: str, the runtime of keras.applications that it is compared with.
        passes: int, multiply-accumulates over those of a forward pass: 3 for a step of training, whose backward pass
            has two convolutions for each one of the forward pass.
        theirs: bool, whether it runs the network of keras.applications in place of this package's.
        precision: str, of weights and maps.
    """

    save: Callable
    load: Callable
    rival: str = "keras"
    passes: int = 1
    theirs: bool = False
    precision: str = "float32"


def saved(model, folder):
    """The model as it is."""
    path = folder / "model.keras"
    if not path.exists():  # for another runtime
        folder.mkdir(parents=True, exist_ok=True)
        model.save(path)
    return path


def deployed(model, folder):
    """The model as `deploy` makes it."""
    return saved(keras_effconv.deploy(model), folder / "deployed")


def exported(format):
    """The model as `deploy` makes it for a format, exported."""

    def save(model, folder):
        path = folder / format
        if not path.exists():
            keras_effconv.export(keras_effconv.deploy(model, target=format), path, format=format)
        return path

    return save


def quantized(format):
    """The same in int8. Weights are random, so how far answers move says nothing, and any distance is allowed."""

    def save(model, folder):
        path = folder / f"{format}-int8"
        if path.exists():
            return path
        images = np.random.default_rng(0).uniform(0, 255, (8, *model.input_shape[1:])).astype("float32")
        fast, options = keras_effconv.deploy(model, target=format), {"precision": "int8", "calibration": images}
        keras_effconv.export(fast, path, format=format, tolerance=float("inf"), **options)
        return path

    return save


def graph(path):
    """The graph of a model file, compiled once, in this process."""
    return compiled(keras.models.load_model(path, compile=False))


def step(path):
    """A step of SGD with momentum on a batch, compiled as this package's training is: on TensorFlow without XLA."""
    model = keras.models.load_model(path, compile=False)
    # A rate so small that the weights stay what they are: numbers that grow or vanish could change the time.
    optimizer = keras.optimizers.SGD(1e-6, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=keras.backend.backend() != "tensorflow")
    return lambda x: model.train_on_batch(x, np.arange(len(x)) % model.output_shape[-1])


def runtime_of(precision="float32"):
    """The runtime of an export, on all cores."""
    return functools.partial(keras_effconv.exporting.load, precision=precision)


RUNTIMES = {
    "keras": Runtime(saved, graph, theirs=True),
    "graph": Runtime(saved, graph),
    "deployed": Runtime(deployed, graph),
    "saved_model": Runtime(exported("saved_model"), runtime_of()),
    "onnx": Runtime(exported("onnx"), runtime_of()),
    "openvino": Runtime(exported("openvino"), runtime_of()),
    "openvino-bf16": Runtime(exported("openvino"), runtime_of("bfloat16"), precision="bfloat16"),
    "litert": Runtime(exported("litert"), runtime_of()),
    "onnx-int8": Runtime(quantized("onnx"), runtime_of(), precision="int8"),
    "openvino-int8": Runtime(quantized("openvino"), runtime_of(), precision="int8"),
    "litert-int8": Runtime(quantized("litert"), runtime_of(), precision="int8"),
    "keras-train": Runtime(saved, step, "keras-train", passes=3, theirs=True),
    "train": Runtime(saved, step, "keras-train", passes=3),
}


def check(runtimes):
    """Raise a `ValueError` for a runtime that there is not."""
    unknown = [name for name in runtimes if name not in RUNTIMES]
    if unknown or not runtimes:
        raise ValueError(f"`runtimes` must be of {', '.join(RUNTIMES)}. Received: {', '.join(unknown)!r}")
