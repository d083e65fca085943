"""A copy of a network with its channels in another order, which computes the same."""

import keras
import numpy as np
from keras import layers

from keras_effconv.converting.ordering.channels import Channels, places
from keras_effconv.inference.rewriting import Graph
from keras_effconv.layers import GroupConv2D
from keras_effconv.policies import assign

# The axes of each variable along which lie the channels that a layer reads (the first order) and writes (the second).
READ, WRITTEN = 0, 1
_KERNEL = {"kernel": {-2: READ, -1: WRITTEN}, "bias": {-1: WRITTEN}}
_TRANSPOSED = {"kernel": {-2: WRITTEN, -1: READ}, "bias": {-1: WRITTEN}}
_STATISTICS = {name: {-1: READ} for name in ("gamma", "beta", "moving_mean", "moving_variance")}
AXES = {
    layers.Dense: _KERNEL,
    layers.Conv2D: _KERNEL,
    GroupConv2D: _KERNEL,
    layers.Conv2DTranspose: _TRANSPOSED,
    layers.DepthwiseConv2D: {"kernel": {-2: READ}, "bias": {-1: WRITTEN}},
    layers.SeparableConv2D: {
        "depthwise_kernel": {-2: READ},
        "pointwise_kernel": {-2: READ, -1: WRITTEN},
        "bias": {-1: WRITTEN},
    },
    layers.BatchNormalization: _STATISTICS,
    layers.LayerNormalization: _STATISTICS,
    layers.Normalization: {"adapt_mean": {-1: READ}, "adapt_variance": {-1: READ}},
    layers.PReLU: {"alpha": {-1: READ}},
}


def permuted(model: keras.Model, orders: dict[int, np.ndarray]) -> keras.Model:
    """Return a copy of a model with its channels in another order; it computes the same.

    Args:
        model: `keras.Model`, functional or sequential, built.
        orders: dict from the index of a group in `Channels(Graph(model)).groups` to the order of its members: what is
            at `order[i]` now will be at `i`. Other channels stay where they are.

    Raises:
        ValueError: for an order that is no permutation, and a model without a graph.

    Example:

    >>> image = keras.Input((8, 8, 3))
    >>> outputs = keras.layers.Conv2D(2, 1)(keras.layers.Conv2D(4, 3, name="first")(image))
    >>> model = keras.Model(image, outputs)
    >>> first, other = (m.get_layer("first").kernel for m in (model, permuted(model, {0: np.array([3, 2, 1, 0])})))
    >>> bool(keras.ops.all(keras.ops.flip(first, -1) == other))
    True
    """
    graph = Graph(model)
    channels = Channels(graph)
    moved = {}
    for index, order in orders.items():
        members = channels.groups[index].members
        if sorted(np.asarray(order).tolist()) != list(range(len(members))):
            raise ValueError(f"`orders` must hold permutations of {len(members)} channels. Received: {order!r}")
        moved.update(zip(members.tolist(), members[order].tolist()))
    return built(graph, lambda value: places(channels.of(value), moved))


def built(graph, order_of):
    """Build a graph's model with the channels of each value in an order.

    Args:
        graph: `Graph`.
        order_of: callable (value) -> int array: what is at `order[i]` now will be at `i`.
    """
    for step in graph.steps:
        if step.kind not in AXES:
            continue
        orders = order_of(step.inputs[0]), order_of(step.outputs[0])
        if any((order != np.arange(len(order))).any() for order in orders):
            step.finish = _Reorder(AXES[step.kind], *orders)
    return graph.build()


class _Reorder:
    """Put the weights of a layer into the order of the channels that it reads and writes."""

    def __init__(self, axes, *orders):
        self.axes, self.orders = axes, orders

    def __call__(self, layer):
        for name, axes in self.axes.items():
            variable = getattr(layer, name, None)
            if variable is None:
                continue
            value = keras.ops.convert_to_numpy(variable)
            for axis, which in axes.items():
                value = self._along(value, axis, self.orders[which])
            assign(variable, value)
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()

    def _along(self, value, axis, order):
        """Take an axis in order: one of 1 is for all; one of fewer has the channels of a group, one of more several."""
        size = value.shape[axis]
        if size == len(order):
            return np.take(value, order, axis)
        if size == 1:
            return value
        if size > len(order):  # a depth multiplier
            m = size // len(order)
            return np.take(value, (order[:, None] * m + np.arange(m)).ravel(), axis)
        groups = len(order) // size
        blocks = [np.take(block, order[i * size : (i + 1) * size] - i * size, axis)
                  for i, block in enumerate(np.split(value, groups, -1))]  # fmt: skip
        return np.concatenate(blocks, -1)
