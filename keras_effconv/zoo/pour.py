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

    def __init__(self, model, dense):
        self.model, self.dense = model, dict(dense)
        self.used, self.missing, self.wrong = set(), [], []
        self.values, self.adapted, self.approximate, self.fused = [], [], False, False

    def take(self, key):
        """The file's array of that name, or `None`, which makes the pour fail."""
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


def pour(model, dense, source="weights", skip=()):
    """Set a model's variables from the weights of the plain network; nothing is set unless everything fits.

    Args:
        model: a model of this package, of any kind.
        dense: dict of "layer/variable" -> array.
        source: str, for messages and the report.
        skip: sequence of regular expressions: names in the file that the model need not have.

    Returns:
        A `LoadReport`.

    Raises:
        ValueError: with the names that are missing in the file, unknown to the model, or of another shape.
    """
    state = Pouring(model, dense)
    for layer in model.layers:
        if layer.weights:
            rule_for(layer, state)
    unused = [name for name in dense if name not in state.used]
    skipped = [name for name in unused if any(re.fullmatch(pattern, name) for pattern in skip)]
    unknown = [name for name in unused if name not in skipped]
    problems = {"missing in the file": state.missing, "unknown to the model": unknown, "of another shape": state.wrong}
    if any(problems.values()):
        listed = "; ".join(f"{what}: {', '.join(names)}" for what, names in problems.items() if names)
        raise ValueError(f"{source} does not fit {model.name!r} (nothing was loaded). {listed}")
    for _, variable, value in state.values:
        variable.assign(value)
    for layer in {id(layer): layer for layer, _, _ in state.values}.values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    loaded = tuple(f"{layer.name}/{variable.name}" for layer, variable, _ in state.values)
    reasons = tuple((name, "the model has no such layer") for name in skipped)
    return LoadReport(source, loaded, tuple(state.adapted), reasons, state.approximate, state.fused)


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
    if value is None or np.shape(value) == tuple(variable.shape):
        return value
    rows, columns = np.shape(value)[:-1], np.shape(value)[-1]
    if layer.name == "predictions" and rows == tuple(variable.shape[:-1]):
        state.note(layer, f"new head: {variable.shape[-1]} classes, the file has {columns}")
        return None
    count, axis = state.model.input_shape[-1], 2 if np.ndim(value) == 4 else 0
    if np.shape(value)[axis] == 3 and variable.shape[axis] == count:
        state.note(layer, f"{count} input channels from 3: {'their sum' if count == 1 else 'repeated and scaled'}")
        return input_channels(value, count)
    return value


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
    state.note(layer, "the same kernel over two bands", approximate=True)


@rule_for.register
def _(layer: HetConv2D, state):
    kernel = state.take(f"{layer.name}/kernel")
    if kernel is None:
        return
    rule = "k x k kept on its part, elsewhere 1 x 1 from the sum of k x k"
    if tuple(kernel.shape[2:]) == (layer.filters, 1):
        kernel, state.fused = fuse(layer, kernel, state), True
        rule = "expansion and depthwise as one, linear between them; " + rule
    if kernel is None or tuple(kernel.shape) != (*layer.kernel_size, layer.channels, layer.filters):
        state.wrong.append(f"{layer.name}/kernel is made of {layer.channels} channels and {layer.filters} filters")
        return
    for variable, value in zip((layer.kernel, layer.pointwise_kernel), layer.cut(kernel, pointwise="sum")):
        if variable is not None:
            state.set(layer, variable, value)
    if layer.use_bias:
        state.set(layer, layer.bias, state.take(f"{layer.name}/bias"))
    state.note(layer, rule, approximate=True)


def fuse(layer, depthwise, state):
    """An expansion, its normalisation and a depthwise kernel (k, k, N, 1) -> one dense kernel (k, k, M, N).

    The activation between them is replaced by the line nearest to it for what normalisation makes of its input, a
    Gaussian with mean beta and deviation gamma. The constant goes into the mean of the normalisation that follows, and
    so does the size of each filter: the product of two trained kernels is hundreds of times smaller than a kernel that
    is trained from the start, and one step of Adam would drown it.
    """
    prefix = layer.name.removesuffix("dwconv")
    expand = state.take(f"{prefix}expand_conv/kernel")
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    statistics = [state.take(f"{prefix}expand_bn/{name}") for name in names]
    if expand is None or any(value is None for value in statistics):
        return None
    gamma, beta, mean, variance = statistics
    scale = gamma / np.sqrt(variance + state.model.get_layer(f"{prefix}bn").epsilon)
    slope, offset = best_line(state.model.get_layer(f"{prefix}activation").activation, beta, np.abs(gamma))
    constant = slope * (beta - mean * scale) + offset
    kernel = depthwise[..., 0][:, :, None] * (expand[0, 0] * (slope * scale))
    gain = gain_to_initial(kernel, 2 * layer.filters / layer.weights_per_position)
    mean, variance = (f"{prefix}bn/{name}" for name in ("moving_mean", "moving_variance"))
    state.dense[mean] = gain * (state.dense[mean] - depthwise[..., 0].sum((0, 1)) * constant)
    epsilon = state.model.get_layer(f"{prefix}bn").epsilon  # is added to the variance whatever the gain: put right
    state.dense[variance] = np.maximum(gain**2 * (state.dense[variance] + epsilon) - epsilon, 0)
    return gain * kernel


def gain_to_initial(kernel, variance):
    """The factor per filter (..., N) that gives it the variance of an initializer; for dead filters the median.

    >>> gain_to_initial(np.array([[1.0, 0.5, 0.0], [1.0, 0.5, 0.0]]), 4.0)
    array([2., 4., 3.])
    """
    size = np.sqrt(np.square(kernel).reshape(-1, kernel.shape[-1]).mean(0))
    alive = size > 1e-3 * size.max(initial=0)
    gain = np.sqrt(variance) / np.where(alive, size, 1)
    return np.where(alive, gain, np.median(gain[alive]) if alive.any() else 1)


def best_line(activation, mean, deviation, nodes=64):
    """Slope and offset, per channel, of the line nearest in mean square to an activation of Gaussian inputs.

    >>> slope, offset = best_line(keras.activations.relu, np.array([0.0, 9.0]), np.array([1.0, 1.0]))
    >>> [round(float(s), 1) for s in slope], [round(abs(float(o)), 1) for o in offset]
    ([0.5, 1.0], [0.4, 0.0])
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    inputs = mean + np.outer(points, deviation)
    outputs = np.asarray(keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(inputs, "float32"))))
    slope = (weights * points) @ outputs / np.maximum(deviation, 1e-6)
    return slope, weights @ outputs - slope * mean
