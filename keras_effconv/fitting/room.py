"""How many images memory has room for the maps of, from a step on."""

import numpy as np

from keras_effconv.fitting.values import Values

MAPS = 3 << 30  # bytes of all maps that are needed at a time


class Room:
    """The images whose maps fit into memory while graphs are computed together: few at first, and more behind.

    The maps near the input are large, and a few images fill the rows of a regression there. Behind them the maps are
    small, and more images are needed for as many rows.

    Args:
        graphs: list of `Graph`.
        images: list of arrays, one for each input. One image is computed to see what it takes.
    """

    def __init__(self, graphs, images):
        self._most = [_most(Values(graph, [array[:1] for array in images]), len(graph.steps)) for graph in graphs]
        self._every = len(images[0])

    def count(self, done):
        """Return the number of images, of all that there are.

        Args:
            done: list of ints, how many steps of each graph are computed.
        """
        image = sum(int(most[steps]) for most, steps in zip(self._most, done, strict=True))
        return max(1, min(self._every, MAPS // max(1, image)))


def _most(values, steps):
    """Return, for each number of computed steps, the most bytes that the values take from there on."""
    taken = []
    for _ in range(steps):
        values.advance()
        taken.append(values.taken)
    return np.maximum.accumulate([0, *reversed(taken)])[::-1]


def spread(count, seed):
    """Return the numbers of images in an order whose every beginning is of all of them: they often stand by classes.

    >>> sorted(spread(4, seed=0).tolist())
    [0, 1, 2, 3]
    """
    return np.random.default_rng(seed).permutation(count)
