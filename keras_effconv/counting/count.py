"""Parameters, multiply-accumulates and activations of any Keras model, per layer and in total."""

import dataclasses
import math
from typing import NamedTuple

import keras

from keras_effconv.counting.calls import Call, calls_of, elements
from keras_effconv.counting.macs import macs_of
from keras_effconv.counting.papers import CONVENTIONS, PaperCount
from keras_effconv.utils.arguments import one_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.text_table import aligned


class LayerCount(NamedTuple):
    """The counts of one call. A layer that is called again has its parameters in the first row.

    Attributes:
        name: str, after the names of the models that it is nested in.
        kind: str, the class.
        output_shape: tuple of ints, without the batch, or a dict of them by band.
        params: int, all variables.
        trainable_params: int.
        macs: int, those of the layer's definition; `None` if no rule is known.
        macs_executed: int, those that its form of execution computes.
        activations: int, how many numbers a layer with MACs writes; 0 for another layer.
    """

    name: str
    kind: str
    output_shape: object
    params: int
    trainable_params: int
    macs: int | None
    macs_executed: int | None
    activations: int


@dataclasses.dataclass(frozen=True)
class ModelCount:
    """The counts of a model for one image. It prints as a table.

    Attributes:
        params: int, all variables of the layers.
        trainable_params: int.
        macs: int, multiply-accumulates of convolutions and dense layers.
        macs_executed: int, the same with what forms of execution compute beyond the definition.
        activations: int, how many numbers convolutions and dense layers write.
        layers: tuple of `LayerCount`, the calls that have weights or multiply-accumulates.
        uncounted: tuple of str, the names of layers for which no rule is known, so that `macs` lacks theirs.
        calls: tuple of `Call`, every call of a layer or operation.
        model: `keras.Model`, the counted one.
    """

    name: str
    params: int
    trainable_params: int
    macs: int
    macs_executed: int
    activations: int
    layers: tuple[LayerCount, ...]
    uncounted: tuple[str, ...]
    calls: tuple[Call, ...] = dataclasses.field(repr=False, compare=False, default=())
    model: keras.Model | None = dataclasses.field(repr=False, compare=False, default=None)

    def under(self, convention: str) -> PaperCount:
        """Return parameters and FLOPs as a paper counts them.

        Args:
            convention: str, a name of `counting.CONVENTIONS`, whose functions document what each counts.

        Returns:
            A `PaperCount`.

        Raises:
            ValueError: for another name.
        """
        one_of("convention", convention, tuple(CONVENTIONS))
        return CONVENTIONS[convention](self)

    def to_dict(self) -> dict:
        """Return the counts as a dict that JSON can hold, with a list of dicts as `layers`."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("calls", "model")}
        return {**fields, "layers": [row._asdict() for row in self.layers], "uncounted": list(self.uncounted)}

    def to_pandas(self):
        """Return the rows as a pandas `DataFrame`.

        Raises:
            ImportError: without pandas; the message names the extra to install.
        """
        return require("pandas", "tables").DataFrame([row._asdict() for row in self.layers])

    def __str__(self):
        head = ("layer", "class", "output", "params", "MACs", "executed", "activations")
        rows = [
            (r.name, r.kind, _shape(r.output_shape), *map(_number, (r.params, r.macs, r.macs_executed, r.activations)))
            for r in self.layers
        ]
        sums = (self.params, self.macs, self.macs_executed, self.activations)
        rows.append((self.name, f"{len(rows)} rows", "", *map(_number, sums)))
        lines = [aligned([head, *rows], right=range(3, len(head)), rule=True)]
        lines.append(f"trainable parameters: {self.trainable_params:,}")
        if self.uncounted:
            lines.append(f"NOT COUNTED, no rule is known: {', '.join(self.uncounted)}")
        return "\n".join(lines)


def _number(value):
    return "?" if value is None else f"{value:,}"


def _shape(shape):
    if isinstance(shape, dict):
        return " + ".join(_shape(each) for each in shape.values())
    return " x ".join(map(str, shape)) if isinstance(shape, tuple) else ""


def count(model: keras.Model, input_shape: tuple[int, ...] | list[tuple[int, ...]] | None = None) -> ModelCount:
    """Count a model's parameters, multiply-accumulates (MACs) and activations for one image.

    It counts any Keras model: of this package, of `keras.applications`, your own. Shared layers count at each call,
    nested models with their layers. A layer for which no rule is known is listed in `uncounted`;
    `counting.macs_of.register` adds a rule.

    Args:
        model: `keras.Model`, built.
        input_shape: tuple of ints, (height, width, channels) to count at; of several inputs a list of such. Default:
            the model's own.

    Returns:
        A `ModelCount`.

    Raises:
        ValueError: when a size is unknown, or not one that the model takes.

    Example:

    >>> import keras_effconv
    >>> counts = count(keras_effconv.EfficientNetB0(weights=None))
    >>> counts.trainable_params, counts.macs
    (5288548, 385814752)
    """
    calls, rows, seen = calls_of(model, input_shape), [], set()
    for call in calls:
        macs, executed = macs_of(call.operation, call)
        weights = [] if id(call.operation) in seen else getattr(call.operation, "weights", [])
        seen.add(id(call.operation))
        if weights or macs or macs is None:
            kind, shape = type(call.operation).__name__, _without_batch(call.outputs)
            trainable = [v for v in weights if v.trainable]
            numbers = (_size(weights), _size(trainable), macs, executed, elements(call.outputs) if macs else 0)
            rows.append(LayerCount(call.name, kind, shape, *numbers))
    sums = (sum(getattr(row, field) or 0 for row in rows) for field in ("macs", "macs_executed", "activations"))
    uncounted = tuple(row.name for row in rows if row.macs is None)
    sizes = (_size(model.weights), _size(model.trainable_weights))
    return ModelCount(model.name, *sizes, *sums, tuple(rows), uncounted, tuple(calls), model)


def _size(variables):
    return sum(math.prod(v.shape) for v in variables)


def _without_batch(shapes):
    if isinstance(shapes, dict):
        return {band: _without_batch(shape) for band, shape in shapes.items()}
    return shapes[1:] if isinstance(shapes, tuple) else shapes
