"""The rules of the convolutions: made by the kind, or left dense with the reason."""

from keras import layers

from keras_effconv.converting.rewriting.geometry import is_octaves
from keras_effconv.converting.rewriting.kernels import repeated, write, write_rows
from keras_effconv.converting.rewriting.maps import Map, fits, ordered
from keras_effconv.converting.rewriting.parts import SUFFIX, Ahead, operations_between, parts_of
from keras_effconv.kinds.separable import SPATIAL
from keras_effconv.layers import SamePadding2D

PADDINGS = (layers.ZeroPadding2D, SamePadding2D)
# What may act on each band by itself.
ELEMENTWISE = frozenset(
    """celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    mish relu relu6 selu sigmoid silu soft_shrink softplus softsign sparse_plus squareplus swish tanh tanh_shrink
    threshold""".split()  # noqa: SIM905, one word each
)


def pad_of(graph, step):
    """Return the step of the padding that a "valid" convolution alone reads; `None` if there is none."""
    if step.config["padding"] != "valid" or max(step.config["kernel_size"]) == 1:
        return None
    pad = graph.only_writer(step)
    plain = pad is not None and pad.kind in PADDINGS and graph.is_plain(pad)
    return pad if plain and pad.config.get("data_format", "channels_last") == "channels_last" else None


def can_read_bands(survey, step, wanted=False):
    """Return whether a step is a convolution that can read bands: by its sizes, and by its kind."""
    del wanted
    if id(step) not in survey.readers:
        survey.readers[id(step)] = (
            survey.converts(step)
            and is_octaves(step, pad_of(survey.graph, step))
            and _reads_bands(step, survey.kind.at(survey.stride(step)))
        )
    return survey.readers[id(step)]


def _reads_bands(step, kind):
    return all(part.reads_bands(kind) for part in parts_of(step, step.name, f"{step.name}{SUFFIX}"))


def convolve(state, step):
    """Make a convolution by the kind."""
    reason = state.survey.reasons[id(step)]
    if reason is None:
        source = (pad_of(state.graph, step) or step).inputs[0]
        in_bands = state.map(source).in_bands and can_read_bands(state.survey, step)
        for read in (state.map, state.merged) if in_bands else (state.merged,):
            try:
                return _made(state, step, read(source))
            except ValueError as error:
                reason = " ".join(str(error).split())
    return leave(state, step, reason)


def leave(state, step, reason):
    """Copy a convolution, with the rows of its kernel in the order of what it reads, and note why."""
    state.left[state.copies.of(step).name] = reason
    return with_rows(state, step) if type(step.operation) is layers.Conv2D else None


def with_rows(state, step):
    """Copy a layer whose kernel has a row for each channel; `None` if its input is in the old order."""
    if not state.graph.is_plain(step) or step.config.get("groups", 1) > 1:
        return None
    if step.config.get("data_format", "channels_last") != "channels_last":
        return None
    x = state.merged(step.inputs[0])
    if x.order is None or getattr(step.operation, "quantization_mode", None) is not None:
        return None
    layer = state.copies.of(step)
    value = layer(x.value)
    write_rows(layer, step.operation, x.order)
    return Map(value)


def _made(state, step, x):
    """Return what the kind makes of a map; `None` for the two plain layers of a separable convolution.

    Raises:
        ValueError: the kind refuses it, or makes a map of another size.
    """
    kind = state.kind.at(state.survey.stride(step))
    last = kind if state.is_wanted(step) and is_elementwise(step.config["activation"]) else kind.closing()
    parts = parts_of(step, state.own_name(step), state.own_name(step, SUFFIX))
    name, norm, made, names = parts[-1].name, state.norm_behind(step), {}, []
    for part in parts:
        kind = last if part is parts[-1] else kind
        value, operations = _apply(state, step, part, kind, x)
        weighted = {each.name: each for each in operations if getattr(each, "weights", ())}
        write(weighted, part, x, norm is not None)
        made[part.name] = weighted
        names += [each.name for each in operations]
        x = ordered(value, repeated(x.numbers(), part.config["depth_multiplier"]) if part.is_depthwise else None)
    if all([type(each) for each in made[part.name].values()] == [part.plain] for part in parts):
        state.left[name] = f"it is plain in {kind.of(name)!r}"
        if len(parts) > 1:
            return None
    else:
        state.kinds[name] = repr(kind.of(name))
    state.take_names(names)
    if f"{name}{SPATIAL}" in made[name] and norm is not None:
        state.biases[id(norm)] = parts[-1].weights()[1]
    return x


def _apply(state, step, part, kind, x):
    """Return the feature map that a kind makes of a map, and the layers and operations that it has gone through."""
    pad = pad_of(state.graph, step)
    ahead = Ahead(pad and pad.layer(state.own_name(pad))) if part.is_valid else None
    value = part.apply(kind, x.value, ahead)
    exact = ahead is None or ahead.used or is_octaves(step, pad)
    if not exact or not fits(value, part.shape):
        raise ValueError(f"{kind.of(part.name)!r} would make a map of another size")
    return value, operations_between(x.value, value)


def is_elementwise(activation):
    """Return whether an activation, as a configuration has it, acts on each number by itself.

    >>> is_elementwise("relu"), is_elementwise("softmax"), is_elementwise(None)
    (True, False, True)
    """
    return activation is None or (isinstance(activation, str) and activation in ELEMENTWISE)


def is_kept_back(survey, step):
    """Return whether a step is a padding that is the business of the convolution behind it."""
    reader = survey.graph.only_reader(step.outputs[0]) if step.kind in PADDINGS else None
    return reader is not None and survey.converts(reader) and pad_of(survey.graph, reader) is step
