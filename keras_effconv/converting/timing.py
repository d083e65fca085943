"""What a convolution, or a whole network, costs in a runtime: measured milliseconds."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import keras

from keras_effconv import kinds
from keras_effconv.converting.runtimes import runner
from keras_effconv.feature_maps import half, split_channels
from keras_effconv.inference import deploy

WARM_UP = 2  # calls that do not count: graphs are traced, memory is found
SHORTEST = 0.002  # seconds of a turn: what is faster is called several times in it
PLAIN = "Conv()"


class LayerCall(NamedTuple):
    """A convolution as far as its time depends on it.

    Attributes:
        shape: tuple of three ints, the map that it reads, ahead of padding.
        filters: int.
        kernel_size, strides: pair of ints.
        groups: int.
        activation: str, what is computed with it once deployed; `None` for nothing.
        is_depthwise: bool.
    """

    shape: tuple[int, int, int]
    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    groups: int = 1
    activation: str | None = None
    is_depthwise: bool = False


class Candidate(NamedTuple):
    """What a convolution may become.

    Attributes:
        kind: str, the repr of a kind.
        reads, writes: float, the low band's share of the channels of the map that it reads and of the one it writes.
    """

    kind: str = PLAIN
    reads: float = 0.0
    writes: float = 0.0


DENSE = Candidate()


def layer_model(call: LayerCall, candidate: Candidate) -> keras.Model:
    """Return a model of one convolution, as it is inside of a deployed network.

    Args:
        call: `LayerCall`.
        candidate: `Candidate`.

    Example:

    >>> call = LayerCall((8, 8, 16), filters=16, kernel_size=(3, 3), activation="relu")
    >>> model = layer_model(call, Candidate("OctConv(alpha=0.25)", reads=0.25, writes=0.25))
    >>> sorted(x.shape for x in model.inputs)
    [(None, 4, 4, 4), (None, 8, 8, 12)]
    """
    height, width, channels = call.shape
    sizes = {"high": (height, width), "low": (half(height), half(width))}
    bands = split_channels(channels, candidate.reads)
    maps = {band: keras.Input((*sizes[band], count), name=band) for band, count in bands.items()}
    x = maps["high"] if set(maps) == {"high"} else maps
    kind, config = kinds.get(candidate.kind), {"activation": call.activation, "name": "conv"}
    if call.is_depthwise:
        config["depth_multiplier"] = call.filters // channels
        return keras.Model(x, kind.depthwise(x, call.kernel_size, call.strides, **config))
    y = kind.conv(x, call.filters, call.kernel_size, call.strides, groups=call.groups, **config)
    return keras.Model(x, y)


def in_turns(runs: Mapping, repeats: int, clock: Callable[[], float] = time.perf_counter) -> dict:
    """Return the median milliseconds of each function; they take turns, so the machine's moods fall on all alike.

    Args:
        runs: mapping of functions of no arguments, by any key.
        repeats: int, turns of each that count.
        clock: callable that returns seconds. Default `time.perf_counter`.

    Example:

    >>> in_turns({"nothing": lambda: None}, repeats=3, clock=itertools.count().__next__)
    {'nothing': 1000.0}
    """
    calls = {}
    for key, run in runs.items():
        for _ in range(WARM_UP):
            run()
        begun = clock()
        run()
        calls[key] = max(1, min(100, round(SHORTEST / max(clock() - begun, 1e-6))))
    seconds = {key: [] for key in runs}
    for key, run in itertools.chain.from_iterable(itertools.repeat(tuple(runs.items()), repeats)):
        begun = clock()
        for _ in range(calls[key]):
            run()
        seconds[key].append((clock() - begun) / calls[key])
    return {key: 1000 * statistics.median(each) for key, each in seconds.items()}


def measured_ms(
    layers: Mapping[LayerCall, Iterable[Candidate]],
    runtime: str,
    batch: int,
    repeats: int = 9,
    precision: str = "float32",
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[tuple[LayerCall, Candidate], float]:
    """Measure what each candidate for each convolution costs; the candidates for one take turns.

    Args:
        layers: mapping of `LayerCall` to the candidates for it. Layers of equal shapes are equal keys, timed once.
        runtime, batch, precision, threads: as of `runtimes.runner`.
        repeats: int, turns of each candidate. Default 9.
        clock: callable that returns seconds. Default `time.perf_counter`.

    Returns:
        dict of (`LayerCall`, `Candidate`) -> milliseconds of a batch.

    Raises:
        ValueError, ImportError: as of `runtimes.runner`.

    Example:

    >>> call = LayerCall((8, 8, 16), filters=16, kernel_size=(3, 3))
    >>> ms = measured_ms({call: [DENSE, Candidate("HetConv(parts=2)")]}, keras.backend.backend(), batch=1, repeats=1)
    >>> len(ms), min(ms.values()) > 0
    (2, True)
    """
    milliseconds = {}
    for call, candidates in layers.items():
        runs = {
            candidate: runner(layer_model(call, candidate), runtime, batch, precision, threads)
            for candidate in dict.fromkeys(candidates)
        }
        times = in_turns(runs, repeats, clock)
        milliseconds.update({(call, candidate): ms for candidate, ms in times.items()})
    return milliseconds


def network_ms(
    models: Mapping[str, keras.Model],
    runtime: str,
    batch: int,
    repeats: int = 9,
    precision: str = "float32",
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Measure what whole networks cost, deployed; they take turns.

    Args:
        models: mapping of name to `keras.Model`.
        runtime, batch, precision, threads: as of `runtimes.runner`.
        repeats: int, turns of each network. Default 9.
        clock: callable that returns seconds. Default `time.perf_counter`.

    Returns:
        dict of name -> milliseconds of a batch.
    """
    runs = {name: runner(deploy(model), runtime, batch, precision, threads) for name, model in models.items()}
    return in_turns(runs, repeats, clock)
