"""What scripts/benchmark.py times: a function from images to probabilities for each runtime, and the clock."""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

import keras_effconv

WARM_UP = 3  # calls that do not count: graphs are traced, memory is found
MATRIX = 2048


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement.

    Attributes:
        model, kind, runtime: str.
        batch: int, images per call.
        macs, macs_executed: int, of an image: as defined, and as the form of execution computes.
        seconds: float, the median of the calls.
        spread: float, the middle half of the calls over the median.
        gmacs: float, executed multiply-accumulates per second, 1e9.
        of_peak: float, share of what a matrix product reaches on this machine.
        over_plain: float, time over that of `Conv()` in the same runtime; nan without one.
        over_keras: float, time over that of keras.applications under `tf.function`; nan where it was not measured.
    """

    model: str
    kind: str
    runtime: str
    batch: int
    macs: int
    macs_executed: int
    seconds: float
    spread: float
    gmacs: float
    of_peak: float
    over_plain: float
    over_keras: float

    @property
    def images_per_second(self):
        """Images per second."""
        return self.batch / self.seconds


def graph(model, folder):
    """The model's graph, compiled once, in this process."""
    if keras.backend.backend() == "jax":
        import jax

        state = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])
        compiled = jax.jit(lambda x: model.stateless_call(*state, x)[0])
        return lambda x: np.asarray(compiled(x))
    import tensorflow as tf

    compiled = tf.function(lambda x: model(x, training=False))
    return lambda x: compiled(x).numpy()


def deployed(model, folder):
    """The graph of `deploy(model)`."""
    return graph(keras_effconv.deploy(model), folder)


def exported(format, precision="float32"):
    """A runtime's own: `deploy(model)` exported to its format."""

    def make(model, folder):
        fast = keras_effconv.deploy(model)
        path = keras_effconv.export(fast, Path(folder) / format / precision, format=format)
        return keras_effconv.exporting.load(path, precision=precision)

    return make


RUNTIMES = {
    "graph": graph,
    "deployed": deployed,
    "saved_model": exported("saved_model"),
    "onnx": exported("onnx"),
    "openvino": exported("openvino"),
    "openvino-bf16": exported("openvino", "bfloat16"),
    "litert": exported("litert"),
}


def check(runtimes):
    """Raise a `ValueError` for a runtime that there is not."""
    unknown = [name for name in runtimes if name not in (*RUNTIMES, "keras")]
    if unknown or not runtimes:
        raise ValueError(f"`runtimes` must be of keras, {', '.join(RUNTIMES)}. Received: {', '.join(unknown)!r}")


def machine_peak():
    """Multiply-accumulates per second of a product of two float32 matrices, the best of ten."""
    x = keras.random.normal((MATRIX, MATRIX))
    seconds = []
    for _ in range(10):
        begun = time.perf_counter()
        keras.ops.convert_to_numpy(keras.ops.matmul(x, x))
        seconds.append(time.perf_counter() - begun)
    return MATRIX**3 / min(seconds)


def measure(name, kinds, batch, runtimes, image_size, repeats, peak):
    """All rows of a model at a batch size, measured in turns.

    Args:
        name: str, of a network.
        kinds: list of kinds.
        batch: int, images per call.
        runtimes: list of names.
        image_size: int, pixels; 0 for the network's own.
        repeats: int, calls of each.
        peak: float, of `machine_peak()`.

    Returns:
        list of `Row`.
    """
    size = image_size or keras_effconv.applications.get(name).preprocessing.size
    images = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        runs, counts = {}, {}
        if "keras" in runtimes:
            runs["keras.applications", "keras"] = graph(getattr(keras.applications, name)(weights=None), folder)
        for kind in kinds:
            keras.utils.set_random_seed(0)
            model = keras_effconv.applications.get(name)(weights=None, input_shape=images.shape[1:], conv=kind)
            counts[repr(kind)] = keras_effconv.count(model)
            for runtime in runtimes:
                if runtime != "keras":
                    runs[repr(kind), runtime] = RUNTIMES[runtime](model, Path(folder) / repr(kind))
        times = in_turns(runs, images, repeats, f"{name}, batch {batch}")
    if "keras" in runtimes:  # the same network as Conv()
        plain = keras_effconv.applications.get(name)(weights=None, input_shape=images.shape[1:])
        counts["keras.applications"] = keras_effconv.count(plain)
    return [_row(name, key, batch, times, counts[key[0]], peak) for key in times]


def in_turns(runs, images, repeats, label):
    """Seconds of each call: dict of key -> list."""
    seconds = {key: [] for key in runs}
    for repeat in tqdm(range(repeats + WARM_UP), label, unit="turn", dynamic_ncols=True):
        for key, run in runs.items():
            begun = time.perf_counter()
            run(images)
            if repeat >= WARM_UP:
                seconds[key].append(time.perf_counter() - begun)
    return seconds


def _row(name, key, batch, times, counted, peak):
    medians = {each: statistics.median(seconds) for each, seconds in times.items()}
    lower, _, upper = statistics.quantiles(times[key], n=4)
    median = medians[key]
    gmacs = counted.macs_executed * batch / median / 1e9
    return Row(
        model=name,
        kind=key[0],
        runtime=key[1],
        batch=batch,
        macs=counted.macs,
        macs_executed=counted.macs_executed,
        seconds=median,
        spread=(upper - lower) / median,
        gmacs=gmacs,
        of_peak=gmacs * 1e9 / peak,
        over_plain=median / medians.get(("Conv()", key[1]), float("nan")),
        over_keras=median / medians.get(("keras.applications", "keras"), float("nan")),
    )
