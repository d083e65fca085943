"""The clock of scripts/benchmarks/networks.py, and the row that a measurement is."""

import concurrent.futures
import dataclasses
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import keras
import numpy as np
from memory import peak_memory
from runtimes import RUNTIMES
from tqdm import tqdm

import keras_effconv
from keras_effconv.cli.timing import in_turns

MATRICES = {"cpu": 2048, "gpu": 8192}
THEIRS = "keras.applications"


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement.

    Attributes:
        model, kind, runtime: str.
        batch: int, images per call.
        macs, macs_executed: int, of an image's forward pass: as defined, and as the form of execution computes.
        seconds: float, the median of the calls.
        spread: float, the middle half of the calls over the median.
        memory: float, bytes at the peak, see `memory`; nan where it was not measured.
        gmacs: float, executed multiply-accumulates per second, 1e9; a step of training has three times those of a
            forward pass.
        peak: float, what a matrix product reached before and after the turns at its best, 1e9 per second.
        over_plain: float, time over that of `Conv()` in the same runtime; nan without one.
        over_keras: float, time over that of keras.applications: under `tf.function`, for a step of training over the
            same step; nan where it was not measured.
    """

    model: str
    kind: str
    runtime: str
    batch: int
    macs: int
    macs_executed: int
    seconds: float
    spread: float
    memory: float
    gmacs: float
    peak: float
    over_plain: float
    over_keras: float

    @property
    def images_per_second(self):
        """Images per second."""
        return self.batch / self.seconds

    @property
    def of_peak(self):
        """Share of the peak that was reached."""
        return self.gmacs / self.peak

    @property
    def milliseconds(self):
        """Milliseconds per image."""
        return 1000 * self.seconds / self.batch


def machine_peak(device="cpu"):
    """Multiply-accumulates per second, 1e9, of a product of two float32 matrices, the best of ten.

    On the CPU it is NumPy's, which is nearer to what the machine can do than TensorFlow's.
    """
    side, seconds = MATRICES[device], []
    x = np.random.default_rng(0).normal(size=(side, side)).astype("float32")
    multiply = np.matmul if device == "cpu" else keras.ops.matmul
    x = x if device == "cpu" else keras.ops.convert_to_tensor(x)
    for _ in range(10):
        begun = time.perf_counter()
        keras.ops.convert_to_numpy(multiply(x, x)[0, 0])  # waits for all, copies one number
        seconds.append(time.perf_counter() - begun)
    return side**3 / min(seconds) / 1e9


class Settings(NamedTuple):
    """How networks are measured.

    Attributes:
        runtimes: list of names; those of keras.applications count where it has the network.
        image_size: int, pixels; 0 for the network's own.
        repeats: int, calls of each.
        device: `"cpu"` or `"gpu"`.
        with_memory: bool, whether to measure memory too, before the clock runs.
        files: path of a folder where what the runtimes load stays, and is found again; `None`: it is removed.
        options: dict of further arguments of the network.
    """

    runtimes: list[str]
    image_size: int = 0
    repeats: int = 15
    device: str = "cpu"
    with_memory: bool = True
    files: str | None = None
    options: dict = MappingProxyType({})


def measure(name, kinds, batch, settings):
    """All rows of a model at a batch size, measured in turns.

    Args:
        name: str, of a network.
        kinds: list of kinds.
        batch: int, images per call.
        settings: `Settings`.

    Returns:
        list of `Row`.
    """
    options = dict(settings.options)
    size = settings.image_size or keras_effconv.applications.get(name).preprocessing.size
    images = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype("float32")
    label = f"{name}, batch {batch}"
    with tempfile.TemporaryDirectory() as temporary:
        words = [name, str(size), *(f"{key}={value}" for key, value in options.items())]
        folder = Path(settings.files or temporary) / "-".join(words)
        paths, counts = store(name, kinds, settings.runtimes, images.shape[1:], folder, options)
        memory = {}
        if settings.with_memory:
            for key, path in tqdm(paths.items(), f"{label}, memory", unit="run", dynamic_ncols=True):
                memory[key] = peak_memory(key[1], path, images.shape)
        runs = {key: RUNTIMES[key[1]].load(path) for key, path in paths.items()}
        peak = machine_peak(settings.device)  # not in the turns: whoever came after it would be slower
        times = in_turns(runs, images, settings.repeats, label)
        peak = max(peak, machine_peak(settings.device))
    return [_row(name, key, batch, times, counts[key[0]], peak, memory.get(key, float("nan"))) for key in times]


def store(name, kinds, runtimes, shape, folder, options=None):
    """What each runtime loads, as files: two dicts, (kind, runtime) -> path and kind -> `ModelCount`.

    Every file is made in a process of its own: what exporting VGG16 needs, some 10 GB, and the graphs that TensorFlow
    keeps are given back before the next one, and before the clock runs.
    """
    kinds = [*([THEIRS] if hasattr(keras.applications, name) else []), *kinds]
    pairs = [(kind, each) for kind in kinds for each in runtimes if RUNTIMES[each].theirs == (kind == THEIRS)]
    paths, counts, context = {}, {}, multiprocessing.get_context("spawn")
    for kind, runtime in tqdm(pairs, f"{name}, files", unit="file", dynamic_ncols=True):
        with concurrent.futures.ProcessPoolExecutor(1, context) as process:
            done = process.submit(store_one, name, kind, runtime, shape, folder / str(kind), options)
            paths[str(kind), runtime], counts[str(kind)] = done.result()
    return paths, counts


def store_one(name, kind, runtime, shape, folder, options=None):
    """The file of a kind, or of keras.applications (counted as `Conv()`), for a runtime, and its `ModelCount`."""
    keras.utils.set_random_seed(0)
    build = keras_effconv.applications.get(name)
    options = {"weights": None, "input_shape": shape, **(options or {})}
    model = build(conv=None if kind == THEIRS else kind, **options)
    counted = keras_effconv.count(model)
    if kind == THEIRS:
        model = getattr(keras.applications, name)(**options)
    for variable in model.weights:  # a bias of zeros would be left out of the graph, and all that is fused with it
        value = keras.ops.convert_to_numpy(variable)
        if not value.any():
            variable.assign(np.random.default_rng(0).normal(0, 0.01, value.shape))
    return RUNTIMES[runtime].save(model, folder), counted


def _row(name, key, batch, times, counted, peak, memory):
    medians = {each: statistics.median(seconds) for each, seconds in times.items()}
    lower, _, upper = statistics.quantiles(times[key], n=4)
    (kind, runtime), median = key, medians[key]
    gmacs = RUNTIMES[runtime].passes * counted.macs_executed * batch / median / 1e9
    return Row(
        model=name,
        kind=kind,
        runtime=runtime,
        batch=batch,
        macs=counted.macs,
        macs_executed=counted.macs_executed,
        seconds=median,
        spread=(upper - lower) / median,
        memory=memory,
        gmacs=gmacs,
        peak=peak,
        over_plain=median / medians.get(("Conv()", runtime), float("nan")),
        over_keras=median / medians.get((THEIRS, RUNTIMES[runtime].rival), float("nan")),
    )
