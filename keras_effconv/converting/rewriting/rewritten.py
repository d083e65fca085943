"""Any functional network with another kind of convolution: its steps, one after the other, on maps in bands."""

import itertools
from typing import NamedTuple

import keras

from keras_effconv.converting.rewriting.band_rules import rule_of
from keras_effconv.converting.rewriting.conv_rules import is_kept_back
from keras_effconv.converting.rewriting.maps import Map, fits, in_order, merged
from keras_effconv.converting.rewriting.survey import Survey
from keras_effconv.feature_maps import bands
from keras_effconv.inference.rewriting import Copies, Graph


class Rewritten(NamedTuple):
    """A network with another kind of convolution.

    Attributes:
        model: `keras.Model`.
        kinds: dict, the repr of the kind that has made each convolution, by the layer's name.
        left: dict, why each other convolution is what it was, by the layer's name.
        moved: set, the names of the steps whose map in bands has its channels in another order than the dense one:
            behind a concatenation, the high bands of all that was joined come first.
    """

    model: keras.Model
    kinds: dict[str, str]
    left: dict[str, str]
    moved: set[str]


def rewritten(model: keras.Model, kind) -> Rewritten:
    """Make any functional network with another kind of convolution, with the weights poured.

    Each convolution is made by the kind for the stride of what it writes. Maps in bands flow through all that works
    band by band, and are merged ahead of what does not, which is copied. Layers keep their names; one that is applied
    to each band has the names `{name}_high` and `{name}_low`. Nothing is refused: a convolution that the kind cannot
    make stays dense.

    Args:
        model: `keras.Model`, functional or sequential, built. It does not change.
        kind: a kind of convolution, such as `OctConv(alpha=0.25)`.

    Returns:
        A `Rewritten`. Its model has the inputs and outputs of `model`.

    Raises:
        ValueError: for a model that has no graph.

    Example:

    >>> from keras_effconv.kinds import OctConv
    >>> image = keras.Input((16, 16, 3))
    >>> x = keras.layers.Conv2D(8, 3, padding="same", name="first")(image)
    >>> x = keras.layers.Conv2D(8, 3, padding="same", name="second")(x)
    >>> x = keras.layers.Conv2D(8, 3, padding="same", name="third")(x)
    >>> result = rewritten(keras.Model(image, x), OctConv(alpha=0.25))
    >>> result.kinds, result.left
    ({'second': 'OctConv(alpha=0.25)', 'third': 'OctConv(alpha=0)'}, {'first': 'it reads the image'})
    """
    return Rewriting(model, kind).result()


class Rewriting:
    """The state of a rewriting, which rules read and write.

    Attributes:
        graph: `Graph` of the dense network.
        survey: `Survey` of it.
        kind: the kind of convolution.
        copies: `Copies`.
        kinds, left, moved: as of `Rewritten`.
        biases: dict, the bias that a normalization has to add, because the convolution that it reads has none any more,
            by the id of its step.
    """

    def __init__(self, model, kind):
        self.graph, self.kind = Graph(model), kind
        self.survey = Survey(self.graph, kind, self._uses)
        self.copies = Copies({x.name for x in self.graph.inputs})
        self.kinds, self.left, self.biases, self.moved = {}, {}, {}, set()
        self._inputs, values = self.graph.begin(self.copies)
        self._maps = {key: Map(value) for key, value in values.items()}
        self._merged, self._plain, self._back = {}, {}, {}
        self._reserved = {step.name for step in self.graph.steps}
        self._results = {id(value) for value in keras.tree.flatten(self.graph.outputs)}

    def _uses(self, survey, step, wanted):
        rule = rule_of(self.graph, step)
        return rule is not None and rule.uses(survey, step, wanted)

    def result(self):
        """Go through the steps, and return the `Rewritten`."""
        for step in self.graph.steps:
            if is_kept_back(self.survey, step):
                self._back[id(step.outputs[0])] = step
            else:
                self._rewrite(step)
        return Rewritten(self.graph.end(self._inputs, self.plain), self.kinds, self.left, self.moved)

    def _rewrite(self, step):
        rule = rule_of(self.graph, step)
        x = rule and rule.apply(self, step)
        if x is not None and fits(x.value, step.outputs[0].shape):
            self._maps[id(step.outputs[0])] = x
            self.moved.update([step.name] if x.order is not None else ())
        else:
            self._copy(step)

    def _copy(self, step):
        """Copy a step, with merged maps in the old order of channels."""
        self._maps.update({key: Map(x) for key, x in self.copies.called(step, self.plain).items()})
        if id(step) in self.survey.reasons:
            self.left.setdefault(self.copies.of(step).name, self.survey.reasons[id(step)])

    def _call(self, layer, step, read):
        """Call a layer as a step is called, with what stands for each value that it reads."""
        args, kwargs = keras.tree.map_structure(lambda x: read.get(id(x), x), (step.args, step.kwargs))
        return layer(*args, **kwargs)

    def by_band(self, step, maps, write=None, config=None):
        """Apply the layer or the operation of a step to each band.

        Args:
            step: `Step` with one output.
            maps: dict, the `Map` for each value that it reads, by the value's id; all of the same bands, or one tensor
                for every band.
            write: callable (layer, band), which gives a layer its weights.
            config: callable (band) -> dict, the configuration of a layer. Default: the step's.

        Returns:
            A feature map.
        """
        like = next((x for x in maps.values() if x.in_bands), None)
        outputs = {}
        for band in ("high",) if like is None else like.value:
            read = {key: bands(x.value).get(band, x.value) for key, x in maps.items()}
            layer = self._layer(step, band if like is not None else None, config and config(band))
            outputs[band] = self._call(layer, step, read)
            if write is not None:
                write(layer, band)
        return outputs["high"] if like is None else outputs

    def _layer(self, step, band, config):
        """Return the layer of a step for a band, or for all that there is."""
        if not isinstance(step.operation, keras.layers.Layer) or (band is None and config is None):
            return self.copies.of(step)
        name = self.free(step.name, own=True) if band is None else self.free(f"{step.name}_{band}")
        return step.layer(name) if config is None else step.kind.from_config({**config, "name": name})

    def map(self, value):
        """Return the `Map` of a value of the dense network."""
        if id(value) in self._back:
            self._rewrite(self._back.pop(id(value)))
        return self._maps[id(value)]

    def merged(self, value):
        """Return the `Map` of a value as one tensor, in whatever order of channels."""
        if id(value) not in self._merged:
            x = self.map(value)
            self._merged[id(value)] = merged(x, self._naming(value, last=x.order is None))
        return self._merged[id(value)]

    def plain(self, value):
        """Return the tensor that a value of the dense network is."""
        if id(value) not in self._plain:
            self._plain[id(value)] = in_order(self.merged(value), None, self._naming(value, last=True)).value
        return self._plain[id(value)]

    def norm_behind(self, step):
        """Return the step of the batch normalization that alone reads what a step writes; `None` if there is none."""
        reader = self.graph.only_reader(step.outputs[0])
        norm = reader is not None and reader.kind is keras.layers.BatchNormalization
        return reader if norm and self.graph.is_plain(reader) else None

    def is_wanted(self, step):
        """Return whether what a step writes is of use in bands."""
        return id(step.outputs[0]) in self.survey.wanted

    def namer(self, step):
        """Return the callable (suffix) -> name that names layers which a rule adds for a step."""
        return lambda suffix: self.free(f"{step.name}{suffix}")

    def _naming(self, value, last):
        """Return such a callable for layers behind a value; the last one of an output has the name of the output."""
        writer = self.graph.writer(value)
        if writer is not None and last and id(value) in self._results and writer.name not in self.copies.names:
            return lambda suffix: self.free(writer.name, own=True)
        return self.namer(writer)

    def own_name(self, step, suffix=""):
        """Return the name that a step's layer, or one that is added, would have, without taking it."""
        free = not suffix and step.name not in self.copies.names
        return step.name if free else self._free(f"{step.name}{suffix}")

    def free(self, name, own=False):
        """Return a name that no layer has or will have, and take it; `own` of a step may be the step's."""
        name = name if own and name not in self.copies.names else self._free(name)
        self.copies.names.add(name)
        return name

    def _free(self, name):
        names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
        return next(each for each in names if each not in self.copies.names and each not in self._reserved)

    def take_names(self, names):
        """Take the names of layers that were made elsewhere."""
        self.copies.names.update(names)
