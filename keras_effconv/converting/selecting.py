"""Which layer becomes which kind, so that a network fits a budget of time: the least error for measured milliseconds."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from keras import ops

from keras_effconv.converting.choosing import Option, OverBudgetError, Slot, choose
from keras_effconv.converting.flowing import flow
from keras_effconv.converting.recovering import layer_errors
from keras_effconv.converting.runtimes import check
from keras_effconv.converting.sensitivity import sensitivities
from keras_effconv.converting.tied_maps import candidates, convolutions
from keras_effconv.converting.timing import DENSE, Candidate, LayerCall, measured_ms, network_ms
from keras_effconv.inference.rewriting import Graph
from keras_effconv.utils.arguments import positive_number
from keras_effconv.utils.text_table import markdown

OVER, TRIES = 1.02, 3  # how much more time than the budget a network may take, and how often it is chosen again
SEEN = 32  # images whose maps are looked at


@dataclasses.dataclass(frozen=True)
class Timer:
    """Measures layers and networks in a runtime.

    Args:
        runtime: str, a key of `runtimes.RUNTIMES`. Default `"tensorflow"`.
        batch: int. Default 4.
        precision: str. Default `"float32"`.
        repeats: int, turns of each candidate. Default 9.
        threads: int. Default: the runtime's own number.
    """

    runtime: str = "tensorflow"
    batch: int = 4
    precision: str = "float32"
    repeats: int = 9
    threads: int | None = None

    def __post_init__(self):
        check(self.runtime, self.precision)

    def layers(self, calls: Mapping[LayerCall, Sequence[Candidate]]) -> dict[tuple[LayerCall, Candidate], float]:
        """Return the milliseconds of each candidate for each convolution."""
        return measured_ms(calls, self.runtime, self.batch, self.repeats, self.precision, self.threads)

    def networks(self, models: Mapping[str, keras.Model]) -> dict[str, float]:
        """Return the milliseconds of networks, which take turns."""
        return network_ms(models, self.runtime, self.batch, self.repeats, self.precision, self.threads)


@dataclasses.dataclass(frozen=True)
class Row:
    """A layer of the report.

    Attributes:
        layer: str.
        kind: str, its repr.
        reads, writes: float, the low band's share of the maps that it reads and writes.
        error: float, the share of the variance of its output that is lost.
        weight: float, how much such an error moves the network's output.
        dense_ms, ms: float, of a batch, before and after.
    """

    layer: str
    kind: str
    reads: float
    writes: float
    error: float
    weight: float
    dense_ms: float
    ms: float


@dataclasses.dataclass(frozen=True)
class Selection:
    """What was chosen.

    Attributes:
        rows: tuple of `Row`, one for each convolution that had a choice.
        dense_ms: float, of the whole network and a batch, before.
        expected_ms: float, after, by the layers' times.
        ms: float, after, as measured; `None` if nothing was built.
    """

    rows: tuple[Row, ...]
    dense_ms: float
    expected_ms: float
    ms: float | None = None

    @property
    def kinds(self) -> dict[str, str]:
        """Return the kind of each layer that does not stay as it is, as its repr."""
        plain = (DENSE.kind, 0.0, 0.0)
        return {row.layer: row.kind for row in self.rows if (row.kind, row.reads, row.writes) != plain}

    @property
    def error(self) -> float:
        """Return the sum of the weighted errors."""
        return sum(row.error * row.weight for row in self.rows)

    def __str__(self):
        """Show a line for each layer."""
        lines = [
            (row.layer, f"`{row.kind}`", f"{row.error:.3f}", f"{row.weight:.2f}", f"{row.dense_ms:.3f}", f"{row.ms:.3f}")
            for row in self.rows
        ]
        return markdown([("layer", "kind", "error", "weight", "ms before", "ms after"), *lines])


def select(
    model: keras.Model,
    images: np.ndarray,
    budget: float,
    timer: Timer,
    build: Callable[[dict[str, str]], keras.Model] | None = None,
    parts: Sequence[int] = (2, 4, 8, 16),
    alphas: Sequence[float] = (0.125, 0.25, 0.5),
    weigh: bool = True,
    seed: int = 0,
) -> Selection:
    """Choose a kind for each convolution, so that a network takes a share of its time and loses least.

    Args:
        model: `keras.Model`, trained, functional, with one input of known size.
        images: array (n, h, w, c), as the model reads them, without labels. The first 32 are looked at.
        budget: float, the time of the result over that of the model. From 1 on nothing changes.
        timer: `Timer`.
        build: callable (dict of layer name -> repr of a kind) -> `keras.Model`. If it is given, the whole network is
            measured, and chosen again from less time, three times at most, if it takes 2 % more than the budget.
            Default `None`.
        parts: sequence of int, of the HetConvs to choose from. Default `(2, 4, 8, 16)`.
        alphas: sequence of float, of the OctConvs to choose from. Default `(0.125, 0.25, 0.5)`.
        weigh: bool; whether a layer's error counts by how much it moves the output. Default `True`.
        seed: int, of positions and noise. Default 0.

    Returns:
        A `Selection`.

    Raises:
        ValueError: the budget is less than what the fastest choice takes; the message has the least.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> timer = Timer(keras.backend.backend(), batch=1, repeats=1)
    >>> select(model, np.zeros((4, 32, 32, 3)), budget=1.0, timer=timer).kinds
    {}
    """
    budget = positive_number("budget", budget)
    study = Study(model, np.asarray(images[:SEEN]), timer, parts, alphas, weigh, seed)
    selection = study.select(budget)
    tried = budget
    for _ in range(TRIES if build is not None and selection.kinds else 0):
        times = timer.networks({"dense": model, "chosen": build(selection.kinds)})
        ratio = times["chosen"] / times["dense"]
        selection = dataclasses.replace(selection, ms=ratio * selection.dense_ms)
        if ratio <= budget * OVER:
            break
        tried *= budget / ratio
        try:
            selection = study.select(tried)
        except ValueError:
            break
    return selection


class Study:
    """What a choice is made from: the errors and times of each candidate for each convolution; arguments as of `select`.

    It may be asked for several budgets.
    """

    def __init__(self, model, images, timer, parts=(2, 4, 8, 16), alphas=(0.125, 0.25, 0.5), weigh=True, seed=0):
        graph = Graph(model)
        self.convolutions, plain = convolutions(graph, model)
        self.candidates = {each.name: candidates(each, plain, parts, alphas) for each in self.convolutions}
        calls = {}
        for each in self.convolutions:
            calls.setdefault(each.call, {}).update(dict.fromkeys(self.candidates[each.name]))
        self.times = timer.layers({call: list(found) for call, found in calls.items()})
        self.dense_ms = timer.networks({"dense": model})["dense"]
        self.errors = self._errors(graph, images, seed)
        self.weights = dict.fromkeys(self.candidates, 1.0)
        if weigh:
            self.weights = sensitivities(graph, self.candidates, images, seed=seed)

    def _errors(self, graph, images, seed):
        errors, padded = {}, {}
        by_step = {id(each.step): each for each in self.convolutions}
        pads = {id(each.pad) for each in self.convolutions if each.pad is not None}

        def visit(step, args, outputs):
            if id(step) in pads:
                padded[id(step)] = args[0]
            each = by_step.get(id(step))
            if each is not None:
                x, pad = args[0], None
                if each.pad is not None:
                    x, pad = padded[id(each.pad)], each.pad.operation
                found = self.candidates[each.name]
                errors[each.name] = layer_errors(step.operation, ops.convert_to_numpy(x), found, pad, seed=seed)
            return outputs

        flow(graph, images, visit)
        return errors

    def slots(self):
        """Return the layers with their options, errors weighted: list of `Slot`."""
        return [
            Slot(
                each.name,
                each.reads,
                each.writes,
                [
                    Option(c, self.times[each.call, c], self.weights[each.name] * self.errors[each.name][c])
                    for c in self.candidates[each.name]
                ],
            )
            for each in self.convolutions
        ]

    def select(self, budget):
        """Return the `Selection` for a budget: what the layers save is taken from the time of the network."""
        slots = self.slots()
        before = sum(slot.options[0].ms for slot in slots)
        rest = self.dense_ms - before
        try:
            chosen = choose(slots, budget * self.dense_ms - rest)
        except OverBudgetError as error:
            least = (error.least + rest) / self.dense_ms
            raise ValueError(
                f"`budget` must be at least {least:.2f}, the least that this network can take by the times of its "
                f"layers. Received: budget={budget:.4g}"
            ) from None
        after = rest + sum(option.ms for option in chosen)
        rows = [self._row(slot, option) for slot, option in zip(slots, chosen)]
        return Selection(tuple(rows), self.dense_ms, after)

    def _row(self, slot, option):
        candidate = option.candidate
        return Row(
            layer=slot.name,
            kind=candidate.kind,
            reads=candidate.reads,
            writes=candidate.writes,
            error=self.errors[slot.name][candidate],
            weight=self.weights[slot.name],
            dense_ms=slot.options[0].ms,
            ms=option.ms,
        )
