"""A network of this package, and all that stands around it in a model, with another kind of convolution."""

import dataclasses

import keras

from keras_effconv.architecture import ARCHITECTURES
from keras_effconv.feature_maps import bands
from keras_effconv.graph import tensors_read, writer_of
from keras_effconv.inference.rewriting import Copies, Graph
from keras_effconv.kinds import Conv
from keras_effconv.layers import MergeBands
from keras_effconv.network_info import info_of
from keras_effconv.policies import default_policy


def family_network(model, kind):
    """Build the model that a constructor of this package would have given with another kind of convolution.

    The network in the model becomes the constructor's, with the same names; what stands ahead of it and behind it is
    copied, with its weights. The network's own weights are fresh.

    Args:
        model: `keras.Model` with a plain network of this package inside.
        kind: kind of convolution.

    Returns:
        A `keras.Model`; `None` if the model has no such network, or not all of it, or reads maps in its middle that the
        other kind does not have.

    Example:

    >>> import keras_effconv as ke
    >>> model = ke.ResNet20(weights=None, width=0.25)
    >>> converted = family_network(model, ke.HetConv(parts=2))
    >>> [layer.name for layer in converted.layers] == [x.name for x in ke.ResNet20(weights=None, width=0.25).layers]
    True
    """
    info = info_of(model, required=False)
    if info is None or info.design.name not in ARCHITECTURES or info.conv != "Conv()":
        return None
    try:
        return _Rebuilding(Graph(model), info, kind).model()
    except _MissingMapError:
        return None


class _MissingMapError(Exception):
    """A map that is read is not in the network with the other kind."""


class _Rebuilding:
    """The steps of a model, with a network in their middle built anew."""

    def __init__(self, graph, info, kind):
        self.graph, self.info, self.kind = graph, info, kind
        self.copies = Copies({x.name for x in graph.inputs})
        self.plain_names, self.plain_last, self.entrance = self._find(info)
        self.replaced, self.written, self.last = set(), {}, None

    def _find(self, info):
        """Return the names of the network's steps, that of the last one, and the value that the first one reads.

        The marker does not tell the place: in a model that was built of steps, it is right behind the input, and ahead
        of layers that prepare the image.
        """
        marker = next(step for steps in self.graph.markers.values() for step in steps if step.operation is info)
        image = keras.Input(marker.inputs[0].shape[1:])
        plain, _ = info.architecture.body(image, Conv())
        body = keras.Function(image, plain)
        first = {each.name for each in body.operations if any(image is x for c in tensors_read(body, each) for x in c)}
        entrance = next((step.inputs[0] for step in self.graph.steps if step.name in first), None)
        if entrance is None:
            raise _MissingMapError(min(first))
        return {operation.name for operation in body.operations}, writer_of(plain)[0], entrance

    def model(self):
        """Return the new model."""
        inputs, self.values = self.graph.begin(self.copies)
        for step in self.graph.steps:
            if not self.replaced and id(self.entrance) in self.values:
                self._build(self.values[id(self.entrance)])
            if step.name not in self.replaced:
                self.values.update(self.copies.called(step, self._new))
        info = self.copies[id(self.info)]
        info.design = dataclasses.replace(info.design, options={**info.design.options, "conv": repr(self.kind)})
        info.ends = self.ends
        return self.graph.end(inputs, self._new)

    def _build(self, image):
        """Build the network with the new kind, and find out which steps it replaces."""
        architecture = self.info.architecture
        first = next(step for step in self.graph.steps if any(x is self.entrance for x in step.inputs))
        with default_policy(first.operation.dtype_policy.name):
            self.last, ends = architecture.body(image, self.kind)
        self.replaced = self.plain_names
        self.ends = {stride: {band: writer_of(y) for band, y in bands(end).items()} for stride, end in ends.items()}
        self.written = {each.name: each.output for each in keras.Function(image, self.last).operations}
        self.copies.names |= set(self.written)

    def _new(self, value):
        """Return what stands for a value in the new model, in one map."""
        if id(value) in self.values:
            return self.values[id(value)]
        name = self.graph.writer(value).name
        self.values[id(value)] = self.last if name == self.plain_last else self._map(name)
        return self.values[id(value)]

    def _map(self, name):
        """Return the map that a layer of the new network writes; its bands are merged."""
        if name in self.written:
            return self.written[name]
        maps = {band: self.written.get(f"{name}_{band}") for band in ("high", "low")}
        maps = {band: x for band, x in maps.items() if x is not None}
        if not maps:
            raise _MissingMapError(name)
        return MergeBands(name=f"{name}_merge")(maps)
