"""The errors and the times of all candidates for all convolutions of a network, and the best choice for a budget."""

from keras import ops

from keras_effconv.converting.selecting.choosing import Option, OverBudgetError, Slot, choose
from keras_effconv.converting.selecting.flowing import flow
from keras_effconv.converting.selecting.recovering import Observation
from keras_effconv.converting.selecting.selection import Row, Selection
from keras_effconv.converting.selecting.sensitivity import sensitivities
from keras_effconv.converting.selecting.tied_maps import candidates, convolutions
from keras_effconv.converting.selecting.timing import DENSE
from keras_effconv.inference.rewriting import Graph

PARTS = 4  # of the HetConv whose error tells how much a layer's errors matter


class Study:
    """What a choice is made from; it may be asked for several budgets. Its arguments are those of `select`."""

    def __init__(
        self,
        model,
        images,
        timer,
        parts=(2, 4, 8, 16),
        alphas=(0.125, 0.25, 0.5),
        multiple=1,
        weigh=True,
        seed=0,
    ):
        graph = Graph(model)
        self.convolutions, plain = convolutions(graph, model)
        self.candidates = {each.name: candidates(each, plain, parts, alphas, multiple) for each in self.convolutions}
        calls = {}
        for each in self.convolutions:
            calls.setdefault(each.call, {}).update(dict.fromkeys(self.candidates[each.name]))
        self.times = timer.measured_ms({call: list(found) for call, found in calls.items()})
        self.dense_ms = timer.network_ms({"dense": model})["dense"]
        self.errors, self.weights = {}, dict.fromkeys(self.candidates, 1.0)
        kernels = self._observe(graph, images, seed)
        if weigh:
            self.weights = sensitivities(graph, kernels, images)

    def _observe(self, graph, images, seed):
        """Set the errors, and return kernels with an error for `sensitivities`."""
        kernels, padded = {}, {}
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
                observed = Observation(step.operation, ops.convert_to_numpy(x), pad, seed=seed)
                self.errors[each.name] = {c: observed.error(c) for c in self.candidates[each.name]}
                parts = min(PARTS, *observed.kernel.shape[2:])
                replaced = max(observed.size) > 1 and not observed.is_depthwise and parts > 1
                kernels[each.name] = observed.fitted(parts)[:2] if replaced else None
            return outputs

        flow(graph, images, visit)
        return kernels

    def slots(self):
        """Return the layers with their options, errors weighted: list of `Slot`.

        Alone, layers may take more time than the network that they are in, for each call and copy has its cost. Then
        all times are scaled: no layer may save more than the network has.
        """
        alone = sum(self.times[each.call, DENSE] for each in self.convolutions)
        scale = min(1.0, self.dense_ms / alone) if alone else 1.0
        return [
            Slot(
                each.name,
                each.reads,
                each.writes,
                [
                    Option(c, scale * self.times[each.call, c], self.weights[each.name] * self.errors[each.name][c])
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
        rows = map(self._row, self.convolutions, slots, chosen)
        return Selection(tuple(rows), self.dense_ms, after)

    def _row(self, convolution, slot, option):
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
            is_depthwise=convolution.call.is_depthwise,
        )
