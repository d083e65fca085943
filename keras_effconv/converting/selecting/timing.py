"""What a convolution, or a whole network, costs in a runtime: measured milliseconds."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import keras

from keras_effconv import kinds
from keras_effconv.converting.selecting.runtimes import check, runner
from keras_effconv.feature_maps import half, split_channels
from keras_effconv.inference import deploy

WARM_UP = 2  # calls that do not count: graphs are traced, memory is found
SHORTEST = 0.005  # seconds of a turn: what is faster is called several times in it
MOST = 25  # calls of a turn
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
        multiple: int, what the low bands' channels are rounded to, as of `split_channels`.
    """

    kind: str = PLAIN
    reads: float = 0.0
    writes: float = 0.0
    multiple: int = 1

    @property
    def has_bands(self) -> bool:
        """Return whether it reads or writes a low band."""
        return bool(self.reads or self.writes)


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
    bands = split_channels(channels, candidate.reads, candidate.multiple)
    maps = {band: keras.Input((*sizes[band], count), name=band) for band, count in bands.items()}
    x = maps["high"] if set(maps) == {"high"} else maps
    kind, config = kinds.get(candidate.kind), {"activation": call.activation, "name": "conv"}
    if call.is_depthwise:
        config["depth_multiplier"] = call.filters // channels
        return keras.Model(x, kind.depthwise(x, call.kernel_size, call.strides, **config))
    y = kind.conv(x, call.filters, call.kernel_size, call.strides, groups=call.groups, **config)
    return keras.Model(x, y)


def in_turns(runs: Mapping, repeats: int, clock: Callable[[], float] = time.perf_counter) -> dict:
    """Return the median milliseconds of a call of each function.

    The functions take turns, so that the machine's moods fall on all alike. What is fast has several calls in a turn.

    Args:
        runs: mapping of functions of no arguments, by any key.
        repeats: int, turns of each that count.
        clock: callable that returns seconds. Default `time.perf_counter`.

    Example:

    >>> in_turns({"nothing": lambda: None}, repeats=3, clock=itertools.count().__next__)
    {'nothing': 1000}
    """
    calls = {}
    for key, run in runs.items():
        for _ in range(WARM_UP):
            run()
        begun = clock()
        run()
        calls[key] = max(1, min(MOST, round(SHORTEST / max(clock() - begun, 1e-6))))
    seconds = {key: [] for key in runs}
    for key, run in itertools.chain.from_iterable(itertools.repeat(tuple(runs.items()), repeats)):
        for _ in range(calls[key]):
            begun = clock()
            run()
            seconds[key].append(clock() - begun)
    return {key: 1000 * statistics.median(each) for key, each in seconds.items()}


@dataclasses.dataclass(frozen=True)
class Timer:
    """Measures layers and networks in a runtime.

    Args:
        runtime: str, a key of `runtimes.RUNTIMES`.
        batch: int. Default 4.
        precision: str, one of those of the runtime. Default `"float32"`.
        repeats: int, turns of each candidate. Default 9.
        threads: int. Default: the runtime's own number.
        clock: callable that returns seconds. Default `time.perf_counter`. `time.process_time` is fairer to one thread
            on a machine that others use as well.

    Raises:
        ValueError: for a runtime or a precision that is not there, with those that are.

    Example:

    >>> timer = Timer(keras.backend.backend(), batch=1, repeats=1)
    >>> call = LayerCall((8, 8, 16), filters=16, kernel_size=(3, 3))
    >>> ms = timer.measured_ms({call: [DENSE, Candidate("HetConv(parts=2)")]})
    >>> len(ms), min(ms.values()) > 0
    (2, True)
    """

    runtime: str
    batch: int = 4
    precision: str = "float32"
    repeats: int = 9
    threads: int | None = None
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self):
        check(self.runtime, self.precision)

    def measured_ms(self, layers: Mapping[LayerCall, Iterable[Candidate]]) -> dict[tuple[LayerCall, Candidate], float]:
        """Measure what each candidate for each convolution costs; the candidates for one take turns.

        Args:
            layers: mapping of `LayerCall` to the candidates for it. Layers of equal shapes are equal keys, timed once.

        Returns:
            dict of (`LayerCall`, `Candidate`) -> milliseconds of a batch.
        """
        milliseconds = {}
        for call, candidates in layers.items():
            times = self._in_turns({each: layer_model(call, each) for each in candidates})
            milliseconds.update({(call, candidate): ms for candidate, ms in times.items()})
        return milliseconds

    def network_ms(self, models: Mapping[str, keras.Model]) -> dict[str, float]:
        """Measure what whole networks cost, deployed; they take turns.

        Args:
            models: mapping of name to `keras.Model`.

        Returns:
            dict of name -> milliseconds of a batch.
        """
        return self._in_turns({name: deploy(model) for name, model in models.items()})

    def _in_turns(self, models):
        runs = {
            key: runner(model, self.runtime, self.batch, self.precision, self.threads) for key, model in models.items()
        }
        return in_turns(runs, self.repeats, self.clock)
