"""The rules of the convolutions: made by the kind, or left dense with the reason."""

from keras import layers

from keras_effconv.converting.geometry import is_octaves
from keras_effconv.converting.kernels import layers_between, repeated, write, write_rows
from keras_effconv.converting.maps import Map, fits, ordered
from keras_effconv.converting.parts import SUFFIX, Ahead, parts_of
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


def can_read_bands(survey, step, wanted):
    """Return whether a step is a convolution that can read bands: by its sizes, and by its kind."""
    del wanted
    if not survey.converts(step) or not is_octaves(step, pad_of(survey.graph, step)):
        return False
    kind = survey.kind.at(survey.stride(step))
    return all(part.reads_bands(kind) for part in parts_of(step, step.name, f"{step.name}{SUFFIX}"))


def convolve(state, step):
    """Make a convolution by the kind."""
    reason = state.survey.reasons[id(step)]
    if reason is None:
        source = (pad_of(state.graph, step) or step).inputs[0]
        for read in (state.map, state.merged) if state.map(source).in_bands else (state.map,):
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
    """Return what the kind makes of a map.

    Raises:
        ValueError: the kind refuses it, makes a map of another size, or two plain layers of a separable one.
    """
    kind = state.kind.at(state.survey.stride(step))
    last = kind if state.is_wanted(step) and is_elementwise(step.config["activation"]) else kind.closing()
    parts = parts_of(step, state.own_name(step), state.own_name(step, SUFFIX))
    pad, layers_made, plain = pad_of(state.graph, step), {}, True
    norm = state.norm_behind(step)
    for part in parts:
        kind = last if part is parts[-1] else kind
        ahead = Ahead(pad and pad.layer(state.own_name(pad))) if part.is_valid else None
        value = part.apply(kind, x.value, ahead)
        if not (ahead is None or ahead.used or is_octaves(step, pad)) or not fits(value, part.shape):
            raise ValueError(f"{kind!r} would make a map of another size")
        made = layers_between(x.value, value)
        write(made, part, x, norm is not None)
        layers_made.update(made)
        plain = plain and [type(layer) for layer in made.values()] == [part.plain]
        if ahead is not None and ahead.used and pad:
            layers_made[ahead.layer.name] = ahead.layer
        order = repeated(x.numbers(), part.config["depth_multiplier"]) if part.is_depthwise else None
        x = ordered(value, order)
    if plain and len(parts) > 1:
        raise ValueError(_plain(kind))
    state.take_names(layers_made)
    if norm is not None and f"{parts[-1].name}{SPATIAL}" in layers_made:
        state.biases[id(norm)] = parts[-1].weights()[1]
    if plain:
        state.left[parts[-1].name] = _plain(kind)
    else:
        state.kinds[parts[-1].name] = repr(kind)
    return x


def _plain(kind):
    return f"it is plain in {kind!r}"


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
