"""Which channels of a network may change places without a change of what it computes."""

from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.converting.ordering.channel_rules import rule_of


class Group(NamedTuple):
    """Channels that may change places with one another, in all values that hold them.

    Attributes:
        members: int array, the ids of the channels in the order in which they lie, see `Channels.of`.
        values: list of the values of the graph that hold them.
    """

    members: np.ndarray
    values: list


class Channels:
    """The channels of every value of a graph: which are one and the same, and which may change places.

    Each channel that a layer writes anew has an id. A sum, a product and a layer that is called again make channels one
    (they move together, under the smallest of their ids); what works channel by channel keeps them. At the end,
    channels with one history may change places: those that lie in the same values, equally often, under the same
    marks. A mark tells channels apart that lie in one value, such as those of two groups of a grouped convolution.

    Args:
        graph: `Graph`.
        rule: callable (step) -> rule of the step. Default `rule_of`.

    Example:

    >>> from keras_effconv.inference.rewriting import Graph
    >>> image = keras.Input((8, 8, 3))
    >>> x = keras.layers.Conv2D(4, 3)(image)
    >>> y = keras.layers.Conv2D(2, 1)(keras.layers.Add()([x, keras.layers.Conv2D(4, 1)(x)]))
    >>> channels = Channels(Graph(keras.Model(image, y)))
    >>> [len(group.members) for group in channels.groups]  # those of the sum; an input and an output keep their order
    [4]
    """

    def __init__(self, graph, rule=rule_of):
        self._parents, self._marks, self._ids, self._values = [], {}, {}, []
        self._frozen, self._calls = set(), {}
        for value in graph.inputs:
            self.freeze(self.new(value))
        for step in graph.steps:
            rule(step)(self, step)
            self._tie_calls(step)
        for value in keras.tree.flatten(graph.outputs):
            self.freeze(self.of(value))
        self.groups = self._grouped()

    def _tie_calls(self, step):
        """Make one the channels of all calls of a layer with weights."""
        if not getattr(step.operation, "weights", ()):
            return
        ends = [self.of(value) for value in (*step.inputs, *step.outputs)]
        for first, now in zip(self._calls.setdefault(id(step.operation), ends), ends):
            self.tie(first, now)

    def new(self, value):
        """Give a value channels of its own, and return their ids."""
        count = (value.shape[-1] if value.shape else 1) or 1
        first = len(self._parents)
        self._parents += range(first, first + count)
        return self.keep(value, np.arange(first, first + count))

    def keep(self, value, ids):
        """Give a value channels that there are, and return their ids."""
        self._ids[id(value)] = np.asarray(ids)
        self._values.append(value)
        return self._ids[id(value)]

    def of(self, value):
        """Return the ids of the channels of a value, an int array in the order in which they lie."""
        return np.array([self._root(i) for i in self._ids[id(value)]], int)

    def _root(self, i):
        while self._parents[i] != i:
            self._parents[i] = i = self._parents[self._parents[i]]
        return i

    def tie(self, ids, others):
        """Make the channels of two arrays one, place by place."""
        for i, j in zip(ids, others, strict=True):
            i, j = self._root(i), self._root(j)
            self._parents[max(i, j)] = min(i, j)

    def freeze(self, ids):
        """Let channels stay where they are."""
        self._frozen.update(np.unique(ids).tolist())

    def mark(self, ids, marks):
        """Let channels change places only with those of the same mark, an entry for each id."""
        self._marks[len(self._marks)] = (np.asarray(ids), list(marks))

    def _grouped(self):
        histories = {self._root(i): [] for i in range(len(self._parents))}
        for number, value in enumerate(self._values):
            for i in self.of(value):
                histories[i].append(number)
        for number, (ids, marks) in self._marks.items():
            for i, mark in zip(ids, marks):
                histories[self._root(i)].append((number, mark))
        frozen = {self._root(i) for i in self._frozen}
        groups = {}
        for i in sorted(set(histories) - frozen):
            groups.setdefault(tuple(histories[i]), []).append(i)
        return [
            Group(np.array(members), [self._values[n] for n in dict.fromkeys(history) if isinstance(n, int)])
            for history, members in groups.items()
            if len(members) > 1
        ]


def places(ids, moved):
    """Return the order of a value's channels when some are replaced by others.

    Args:
        ids: int array, the channels as they lie, as `Channels.of` gives them.
        moved: dict from the id of a channel to that of the channel that takes its place.

    Returns:
        An int array `order`: what lies at `order[i]` now will lie at `i`. If a channel lies in a value more than once,
        the first is replaced by the first of the other, the second by its second, and so on.

    Example:

    >>> places(np.array([7, 8, 9, 7, 8, 9]), {7: 8, 8: 7}).tolist()
    [1, 0, 2, 4, 3, 5]
    """
    new = np.array([moved.get(i, i) for i in ids.tolist()], int)
    order = np.empty(len(ids), int)
    order[np.argsort(new, kind="stable")] = np.argsort(ids, kind="stable")
    return order
