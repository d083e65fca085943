"""The report of a conversion: what each convolution has become, what it costs, and how the network answers."""

from keras_effconv.converting.comparing import compared
from keras_effconv.converting.describing import candidate_in, kinds_in, macs_in
from keras_effconv.converting.report import ConvertReport, LayerReport
from keras_effconv.converting.selecting.tied_maps import convolutions
from keras_effconv.converting.selecting.timing import DENSE
from keras_effconv.inference.rewriting import Graph


def reported(model, converted, kind, seen, timer, seconds, learned=None):
    """Return the `ConvertReport`.

    Args:
        model: `keras.Model`, the dense one.
        converted: `Converted`.
        kind: kind of convolution.
        seen: `Images`.
        timer: `Timer`, or `None` for no times.
        seconds: dict of str to float, what the steps took.
        learned: `MimicReport` of the gradient steps that were kept, or `None`.
    """
    agreement, explained = compared(converted.model, model, seen.held)
    fits = {fit.name: fit for fit in converted.fits}
    before, after = macs_in(model), macs_in(converted.model)
    times = {} if timer is None else _times(model, converted.model, timer)
    whole = {"dense": None, "converted": None}
    if timer is not None:
        whole = timer.network_ms({"dense": model, "converted": converted.model})
    rows = []
    for name, text in kinds_in(converted.model, model).items():
        fit = fits.get(name)
        rows.append(
            LayerReport(
                name,
                text,
                converted.left.get(name, ""),
                None if fit is None else 1 - fit.after,
                None if fit is None else 1 - fit.before,
                before.get(name, 0),
                after.get(name, 0),
                *times.get(name, (None, None)),
            )
        )
    return ConvertReport(
        repr(kind),
        tuple(rows),
        converted.left,
        images=len(seen.fitted[0]),
        held=len(seen.held[0]),
        agreement=agreement,
        explained=explained,
        macs_before=sum(before.values()),
        macs=sum(after.values()),
        ms_before=whole["dense"],
        ms=whole["converted"],
        runtime=None if timer is None else f"{timer.runtime}, {timer.precision}, batch {timer.batch}",
        seconds=seconds,
        steps=0 if learned is None else learned.steps,
        learning_rate=None if learned is None else learned.learning_rate,
    )


def _times(model, converted, timer):
    """Return the milliseconds of each convolution that was replaced by one: (before, after) by its name."""
    calls, found = {}, {}
    for each in convolutions(Graph(model), model)[0]:
        candidate = candidate_in(converted, each.name)
        if candidate not in (None, DENSE):
            found[each.name] = each.call, candidate
            calls.setdefault(each.call, {DENSE: None})[candidate] = None
    times = timer.measured_ms({call: list(candidates) for call, candidates in calls.items()})
    return {name: (times[call, DENSE], times[call, candidate]) for name, (call, candidate) in found.items()}
