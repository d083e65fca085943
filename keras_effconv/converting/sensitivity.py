"""How much an error in a layer's output moves the output of the network: noise is added, layer by layer."""

from collections.abc import Iterable

import numpy as np
from keras import ops

from keras_effconv.converting.flowing import flow

NOISE = 0.1  # of the variance of a channel


def sensitivities(graph, names: Iterable[str], images: np.ndarray, noise: float = NOISE, seed: int = 0) -> dict:
    """Return how much the output of a network moves for each unit of relative error in the output of a layer.

    One pass for each layer: white noise of a share of each channel's variance is added to what it writes.

    Args:
        graph: `Graph`.
        names: iterable of str, of steps.
        images: array (n, h, w, c); some 32 are enough.
        noise: float, that share. Default 0.1.
        seed: int, of the noise. Default 0.

    Returns:
        dict of name -> float, the mean square of the change over the variance of the output, over `noise`.

    Example:

    >>> import keras
    >>> from keras_effconv.inference.rewriting import Graph
    >>> image = keras.Input((8, 8, 3))
    >>> graph = Graph(keras.Model(image, keras.layers.Conv2D(4, 1, name="conv")(image)))
    >>> images = np.random.default_rng(1).normal(size=(32, 8, 8, 3))
    >>> weight = sensitivities(graph, ["conv"], images)["conv"]
    >>> 0.9 < weight < 1.1
    True
    """
    before = flow(graph, images)
    rng, weights = np.random.default_rng(seed), {}
    for name in names:
        after = flow(graph, images, _disturbing(name, noise, rng))
        moved = sum(float(np.square(a - b, dtype="float64").sum()) for a, b in zip(after, before))
        spread = sum(float(b.var(0, ddof=1, dtype="float64").sum()) * len(b) for b in before)
        weights[name] = moved / max(spread, 1e-12) / noise
    return weights


def _disturbing(name, noise, rng):
    def visit(step, args, outputs):
        if step.name != name:
            return outputs
        deviation = np.asarray(ops.std(outputs, axis=tuple(range(len(outputs.shape) - 1)), keepdims=True))
        return outputs + np.sqrt(noise) * deviation * rng.normal(size=outputs.shape).astype("float32")

    return visit
