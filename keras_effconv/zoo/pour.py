"""Weights of a plain network into a model of any kind: strict, all or nothing, and with a report.

Weights arrive *dense*: a dict of "layer/variable" -> array, in the names of the model with `conv=Conv()`. A rule per
layer class says what a layer makes of them.
"""

import dataclasses
import functools
import re

import keras
import numpy as np

from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.zoo.warm_start.fusing import fuse

BAND = re.compile(r"(.*)_(high|low)")


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What a model took from a file.

    Attributes:
        source: str, where the weights came from.
        loaded: tuple of "layer/variable" that hold the file's values.
        adapted: tuple of (layer, rule): where the layer is not the file's, and what was made of it.
        skipped: tuple of (name in the file, reason).
        approximate: bool; whether the model computes something else than the file's network did, so that batch
            statistics should be measured again and some training is needed.
        fused: bool; whether layers were made of several of the file's: such a model wants a lower learning rate.
    """

    source: str
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    approximate: bool
    fused: bool = False

    def __str__(self):
        rules = {}
        for layer, rule in self.adapted:
            rules.setdefault(rule, []).append(layer)
        lines = [f"{self.source}: {len(self.loaded)} variables loaded, {len(self.adapted)} layers adapted, "
                 f"{len(self.skipped)} variables skipped"]  # fmt: skip
        lines += [
            f"  adapted {len(names)} ({names[0]}{', ...' if names[1:] else ''}): {r}" for r, names in rules.items()
        ]
        return "\n".join(lines + [f"  skipped {name}: {reason}" for name, reason in self.skipped])


class Pouring:
    """The state of one pour: what is left of the file, what was planned, and why."""

    def __init__(self, model, dense, skip=(), classes=None, pointwise="correlated", octaves=False):
        self.model, self.dense = model, dict(dense)
        self.skip, self.classes, self.pointwise = tuple(map(re.compile, skip)), classes, pointwise
        self.octaves = octaves or any(BAND.fullmatch(name.split("/")[0]) for name in dense)
        self.used, self.missing, self.wrong = set(), [], []
        self.values, self.adapted, self.approximate, self.fused = [], [], False, False

    def skips(self, key):
        """Whether the caller wants a variable left as it is."""
        return any(pattern.fullmatch(key) for pattern in self.skip)

    def take(self, key):
        """The file's array of that name; or `None`, which makes the pour fail unless it is to be skipped."""
        if self.skips(key):
            return None
        self.used.add(key)
        if key not in self.dense:
            self.missing.append(key)
        return self.dense.get(key)

    def has(self, layer, variable="kernel"):
        return f"{layer}/{variable}" in self.dense

    def set(self, layer, variable, value):
        if value is None:
            return
        if tuple(variable.shape) != np.shape(value):
            self.wrong.append(f"{layer.name}/{variable.name} is {tuple(variable.shape)}, in the file {np.shape(value)}")
        else:
            self.values.append((layer, variable, value))

    def note(self, layer, rule, approximate=False):
        if (layer.name, rule) not in self.adapted:
            self.adapted.append((layer.name, rule))
        self.approximate |= approximate


def pour(model, dense, source="weights", skip=(), classes=None, pointwise="correlated", octaves=False):
    """Set a model's variables from the weights of the plain network; nothing is set unless everything fits.

    Args:
        model: a model of this package, of any kind.
        dense: dict of "layer/variable" -> array.
        source: str, for messages and the report.
        skip: sequence of regular expressions of "layer/variable": what is left as it is, in the file or in the model.
        classes: indices of the file's classes that the model's are, in order. Default `None`, all of them.
        pointwise: what HetConv's 1 x 1 becomes of a k x k kernel: its `"center"`, its `"sum"`, or its sum
            `"correlated"`, with weights 0.5 ** distance. Default `"correlated"`.
        octaves: bool; whether the weights were trained in two bands. Default: whether a name says so.

    Returns:
        A `LoadReport`.

    Raises:
        ValueError: with the names that are missing in the file, unknown to the model, or of another shape.
    """
    state = Pouring(model, dense, skip, classes, pointwise, octaves)
    for layer in model.layers:
        if layer.weights and not _as_saved(layer, state):
            rule_for(layer, state)
    unused = [name for name in dense if name not in state.used]
    skipped = [name for name in unused if state.skips(name)]
    unknown = [name for name in unused if name not in skipped]
    problems = {"missing in the file": state.missing, "unknown to the model": unknown, "of another shape": state.wrong}
    if any(problems.values()):
        listed = "; ".join(f"{what}: {', '.join(names)}" for what, names in problems.items() if names)
        raise ValueError(f"{source} does not fit {model.name!r} (nothing was loaded). {listed}")
    for _, variable, value in state.values:
        variable.assign(np.asarray(value, variable.dtype))
    for layer in {id(layer): layer for layer, _, _ in state.values}.values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    loaded = tuple(f"{layer.name}/{variable.name}" for layer, variable, _ in state.values)
    names = {layer.name for layer in model.layers}
    told = {True: "left as it was", False: "the model has no such layer"}
    reasons = tuple((name, told[name.split("/")[0] in names]) for name in skipped)
    return LoadReport(source, loaded, tuple(state.adapted), reasons, state.approximate, state.fused)


def _as_saved(layer, state):
    """Take the variables of a layer of the very same kind and size, by name, or by number where a file has no names."""
    if isinstance(layer, OctConv2D | OctDepthwiseConv2D) and not state.octaves:
        return False
    for names in ([v.name for v in layer.weights], [str(i) for i in range(len(layer.weights))]):
        keys = [f"{layer.name}/{name}" for name in names]
        shapes = [np.shape(state.dense.get(key)) for key in keys]
        if all(key in state.dense for key in keys) and shapes == [tuple(v.shape) for v in layer.weights]:
            if layer.name == "predictions" and state.classes is not None:
                return False
            for key, variable in zip(keys, layer.weights):
                state.set(layer, variable, state.take(key))
            return True
    return False


@functools.singledispatch
def rule_for(layer, state):
    """Same names: each variable takes the file's. A band takes its share of the channels: high first, low last."""
    band = BAND.fullmatch(layer.name)
    for variable in layer.weights:
        if band and not state.has(layer.name, variable.name) and state.has(band[1], variable.name):
            value, count = state.take(f"{band[1]}/{variable.name}"), variable.shape[-1]
            state.set(layer, variable, value[:count] if band[2] == "high" else value[-count:])
            continue
        value = state.take(f"{layer.name}/{variable.name}")
        state.set(layer, variable, _adapted(layer, variable, value, state))


def _adapted(layer, variable, value, state):
    """The value where the shapes agree; else what the number of classes or of input channels makes of it."""
    head = layer.name in ("predictions", "conv_preds")
    if value is not None and head and state.classes is not None:
        value = _chosen(value, state, layer)
    if value is None or np.shape(value) == tuple(variable.shape):
        return value
    rows, columns = np.shape(value)[:-1], np.shape(value)[-1]
    if head and rows == tuple(variable.shape[:-1]):
        state.note(layer, f"new head: {variable.shape[-1]} classes, the file has {columns}")
        return None
    count, axis = state.model.input_shape[-1], 2 if np.ndim(value) == 4 else 0
    if np.shape(value)[axis] == 3 and variable.shape[axis] == count:
        state.note(layer, f"{count} input channels from 3: {'their sum' if count == 1 else 'repeated and scaled'}")
        return input_channels(value, count)
    return value


def _chosen(value, state, layer):
    """The columns of the classes that were asked for."""
    chosen, count = np.asarray(state.classes), np.shape(value)[-1]
    if chosen.ndim != 1 or chosen.dtype.kind != "i" or not np.all((chosen >= 0) & (chosen < count)):
        state.wrong.append(f"`classes` must be indices of 0 to {count - 1}, received {state.classes!r:.60}")
        return value
    state.note(layer, f"{len(chosen)} of the file's {count} classes")
    return value[..., chosen]


def input_channels(value, count):
    """A stem kernel (k, k, 3, n), or a statistic (3,), for images of `count` channels.

    The kernel is repeated and scaled, so that equal channels give the same response; for one channel it is the sum.

    >>> input_channels(np.ones((1, 1, 3, 1)), 1).ravel(), input_channels(np.ones((1, 1, 3, 1)), 6).ravel()
    (array([3.]), array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]))
    """
    axis, scale = (2, 3 / count) if value.ndim == 4 else (0, 1)
    if count == 1:
        return value.mean(axis=axis, keepdims=True) * scale
    return np.take(value, np.arange(count) % 3, axis=axis) * scale


@rule_for.register
def _(layer: keras.layers.Normalization, state):
    """`count` says how many images were seen when it was adapted: of no use here."""
    for variable in layer.weights:
        if variable.name != "count":
            value = state.take(f"{layer.name}/{variable.name}")
            state.set(layer, variable, _adapted(layer, variable, value, state))
    state.used.add(f"{layer.name}/count")


@rule_for.register(OctConv2D)
@rule_for.register(OctDepthwiseConv2D)
def _(layer, state):
    rule_for.dispatch(object)(layer, state)
    if not state.octaves:
        state.note(layer, "the same kernel over two bands", approximate=True)


@rule_for.register
def _(layer: HetConv2D, state):
    kernel = state.take(f"{layer.name}/kernel")
    if kernel is None:
        return
    rule = f"k x k kept on its part, elsewhere 1 x 1 from k x k ({state.pointwise})"
    if tuple(kernel.shape[2:]) == (layer.filters, 1):
        kernel, state.fused = fuse(layer, kernel, state), True
        rule = "expansion and depthwise as one, linear between them; " + rule
    if kernel is None or tuple(kernel.shape) != (*layer.kernel_size, layer.channels, layer.filters):
        state.wrong.append(f"{layer.name}/kernel is made of {layer.channels} channels and {layer.filters} filters")
        return
    for variable, value in zip((layer.kernel, layer.pointwise_kernel), layer.cut(kernel, pointwise=state.pointwise)):
        if variable is not None:
            state.set(layer, variable, value)
    if layer.use_bias:
        state.set(layer, layer.bias, state.take(f"{layer.name}/bias"))
    state.note(layer, rule, approximate=True)
