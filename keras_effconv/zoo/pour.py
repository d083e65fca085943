"""Weights of a plain network into a model of any kind: strict, all or nothing, and with a report.

Weights arrive *dense*: a dict of "layer/variable" -> array, in the names of the model with `conv=Conv()`. Files of
networks of another kind have more or other variables; the rules know what these are of a plain network.
"""

import re

import keras
import numpy as np

from keras_effconv.graph import layers_of, owner_of
from keras_effconv.layers.het_parts import CORRELATIONS
from keras_effconv.network_info import info_of
from keras_effconv.policies import assign, check_range
from keras_effconv.utils.arguments import one_of
from keras_effconv.zoo.checks import check_dimensions, check_values, patterns
from keras_effconv.zoo.heads import check_classes, settle_head
from keras_effconv.zoo.load_report import LoadReport
from keras_effconv.zoo.outer import settle_outer
from keras_effconv.zoo.rules import apply_rule
from keras_effconv.zoo.told import NOTHING, kind_of
from keras_effconv.zoo.warm_start.composed import compose
from keras_effconv.zoo.warm_start.plain import joined_bands, refuse_fused


class Pouring:
    """The state of one pour: what is left of the file, what was planned, and why."""

    def __init__(self, model, dense, skip=(), classes=None, pointwise="correlated", told=NOTHING):
        info = info_of(model)
        self.model, self.architecture, self.dense = owner_of(model, info), info.architecture, dict(dense)
        self.layers = {layer.name: layer for layer in self.model.layers}
        around = (x for x in layers_of(model) if x.weights and not self._is_inside(x))
        self.outer = {layer.name: layer for layer in around}
        self.pairs = {pair.second.conv: pair for pair in self.architecture.pairs}
        self.joined = joined_bands(dense)
        self.skip, self.classes, self.pointwise = tuple(map(re.compile, skip)), classes, pointwise
        self.told, ours, theirs = told, kind_of(info.conv), kind_of(told.conv)
        self.same_bands = ours == theirs if theirs else told.octaves or bool(self.joined)
        self.from_octaves = theirs is not None and theirs.has_bands() and ours != theirs
        self.left, self.fresh = {}, set()
        self.used, self.missing, self.wrong, self.done, self.neutral = set(), [], [], set(), []
        self.values, self.adapted, self.approximate, self.fused = [], [], False, False

    def _is_inside(self, layer):
        return layer is self.layers.get(layer.name) and self.architecture.owns(layer.name)

    def skips(self, key):
        """Return whether the caller wants a variable left as it is."""
        return any(pattern.fullmatch(key) for pattern in self.skip)

    def checks(self, key):
        """Return whether a variable of the file may become one of the network's."""
        layer = key.rpartition("/")[0]
        known = layer in self.layers or layer in self.outer or self.architecture.owns(layer)
        return known and key not in self.left and not self.skips(key)

    def take(self, key):
        """Return the file's array of that name; or `None`, which makes the pour fail unless it is to be skipped."""
        if self.skips(key):
            return None
        if key not in self.dense and key in self.joined:
            value, parts = self.joined[key]
            self.used.update(parts)
            self.approximate = True  # the bands of the file are others than the model's
            return value
        self.used.add(key)
        if key not in self.dense:
            self.missing.append(key)
        return self.dense.get(key)

    def join(self, key):
        """Make one variable of those of two bands, where the file has bands; return whether it has the variable."""
        if key not in self.dense and key in self.joined:
            self.dense[key] = self.take(key)
        return key in self.dense

    def has(self, layer, variable="kernel"):
        """Return whether the file has a variable."""
        return f"{layer}/{variable}" in self.dense

    def set(self, layer, variable, value):
        """Plan a variable's value; `None` leaves it as it is."""
        if value is None:
            return
        if tuple(variable.shape) != np.shape(value):
            self.wrong.append(f"{layer.name}/{variable.name} is {tuple(variable.shape)}, in the file {np.shape(value)}")
        else:
            self.values.append((layer, variable, value))

    def note(self, layer, rule, approximate=False):
        """Put into the report what was made of the file for a layer."""
        if (layer.name, rule) not in self.adapted:
            self.adapted.append((layer.name, rule))
        self.approximate |= approximate

    def problems(self):
        """Return what does not fit, as a dict of lists of the file's names, and what is left out: (name, reason)."""
        reasons = {True: "left as it was", False: "the model has no such layer"}
        unused = [name for name in self.dense if name not in self.used]
        layers = {**self.layers, **self.outer}
        skipped = [(n, reasons[n.split("/")[0] in layers]) for n in unused if self.skips(n)]
        skipped += [(n, self.left[n]) for n in unused if n in self.left and not self.skips(n)]
        unknown = [name for name in unused if not self.skips(name) and name not in self.left]
        # Where a kernel is missing, so is the bias that convolutions of other producers do not have.
        absent = {name.rpartition("/")[0] for name in self.missing if name.endswith("/kernel")}
        missing = [n for n in self.missing if not (n.endswith("/bias") and n.rpartition("/")[0] in absent)]
        lists = {
            "missing in the file": self.told.names(missing),
            "unknown to the model": self.told.names(unknown),
            "of another shape": self.wrong,
        }
        return {what: names for what, names in lists.items() if names}, skipped


def pour(model, dense, source="weights", skip=(), classes=None, pointwise="correlated", told=NOTHING):
    """Set a model's variables from the weights of the plain network; nothing is set unless everything fits.

    Args:
        model: a model of this package, of any kind, or one that has it inside.
        dense: dict of "layer/variable" -> array.
        source: str, for messages and the report.
        skip: sequence of regular expressions of "layer/variable", or one of them: what is left as it is, in the file
            or in the model.
        classes: indices of the file's classes that the model's are, in order. Default `None`, all of them.
        pointwise: str, what HetConv's 1 x 1 becomes of a k x k kernel: its `"center"`, its `"sum"`, or its sum
            `"correlated"`, with weights 0.5 ** distance. Default `"correlated"`.
        told: `Told`, what the file says of itself. Default: nothing.

    Returns:
        A `LoadReport`.

    Raises:
        ValueError: with the names that are missing in the file, unknown to the model, or of another shape; or with the
            reason if there is no warm start from the file's kind of convolution to the model's; or for values that are
            not those of a trained network: not finite, integers, or beyond the range of the model's type.
    """
    info, skip = info_of(model), patterns(skip)
    one_of("pointwise", pointwise, tuple(CORRELATIONS))
    check_dimensions(dense, source, owner_of(model, info).name, told.theirs, info.architecture.owns)
    state = Pouring(model, dense, skip, classes, pointwise, told)
    settle_outer(state)
    check_classes(state, source)
    settle_head(state)
    check_values(state.dense, source, told.theirs, state.checks)
    refuse_fused(state, source)
    compose(state)
    for layer in state.model.layers:
        if layer.weights and layer.name not in state.done:
            apply_rule(layer, state)
    problems, skipped = state.problems()
    if problems:
        listed = "; ".join(f"{what}: {_shortened(names)}" for what, names in problems.items())
        raise ValueError(f"{source} does not fit {model.name!r} (nothing was loaded). {listed}")
    for _, variable, value in state.values:
        check_range(variable, value)
    for _, variable, value in state.values:
        assign(variable, value)
    for layer in {id(layer): layer for layer, _, _ in state.values}.values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    loaded = tuple(f"{layer.name}/{variable.name}" for layer, variable, _ in state.values)
    report = source, loaded, tuple(state.adapted), tuple(skipped), state.approximate, state.fused, tuple(state.neutral)
    return LoadReport(*report)


def _shortened(names, most=12):
    """Return the first names of a list, and how many others there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{name:.160}" for name in names[:most]) + more
