"""How much an error in a layer's output moves the output of the network: errors are made, layer by layer.

The errors are those of a fit, and not noise: noise is averaged away by what follows, and so tells less than no weight.
"""

from collections.abc import Mapping

import numpy as np
from keras import ops

from keras_effconv.converting.selecting.flowing import flow
from keras_effconv.layers.octaves import add_up_sampled, pool

SHARE = 4  # one of so many channels loses its details in a layer that no HetConv replaces


def sensitivities(graph, kernels: Mapping[str, tuple | None], images: np.ndarray) -> dict[str, float]:
    """Return how much the output of a network moves for each unit of relative error in the output of a layer.

    One pass for each layer, with another kernel in it.

    Args:
        graph: `Graph`.
        kernels: mapping of the name of a convolution's step to a pair of arrays: its kernel with an error, and what is
            to be added to each filter's output; or to `None`, if a quarter of its channels is to be averaged.
        images: array (n, h, w, c); some 32 are enough.

    Returns:
        dict of name -> float, the mean square of the change over the variance, of the network's output, over the same
        of the layer's output.

    Example:

    >>> import keras
    >>> from keras_effconv.inference.rewriting import Graph
    >>> image = keras.Input((8, 8, 3))
    >>> graph = Graph(keras.Model(image, keras.layers.Conv2D(4, 1, name="conv")(image)))
    >>> images = np.random.default_rng(1).normal(size=(32, 8, 8, 3))
    >>> 0.9 < sensitivities(graph, {"conv": None}, images)["conv"] < 1.1
    True
    """
    before, weights = flow(graph, images), {}
    for name, kernel in kernels.items():
        disturbing = _Disturbing(name, kernel)
        after = flow(graph, images, disturbing)
        moved = sum(float(np.square(a - b, dtype="float64").sum()) for a, b in zip(after, before))
        spread = sum(float(b.var(0, ddof=1, dtype="float64").sum()) * len(b) for b in before)
        weights[name] = moved / max(spread, 1e-12) / max(disturbing.error, 1e-6)
    return weights


class _Disturbing:
    """Makes an error in the output of one step, as `flow` visits it, and notes how large it is."""

    def __init__(self, name, kernel):
        self.name, self.kernel, self.error = name, kernel, 0.0

    def __call__(self, step, args, outputs):
        if step.name != self.name:
            return outputs
        layer = step.operation
        if self.kernel is None:
            return self._noted(outputs, _averaged(outputs))
        kernel, constant = (ops.convert_to_tensor(each, dtype=outputs.dtype) for each in self.kernel)
        bias, x = layer.bias if layer.use_bias else 0, ops.cast(args[0], outputs.dtype)
        exact, disturbed = (layer.convolution_op(x, each) for each in (layer.kernel, kernel))
        return layer.activation(self._noted(exact, disturbed + constant) + bias)

    def _noted(self, exact, disturbed):
        error = ops.convert_to_numpy(ops.mean(ops.square(disturbed - exact), axis=(0, 1, 2)))
        self.error = float(error.sum() / max(ops.convert_to_numpy(ops.var(exact, axis=(0, 1, 2))).sum(), 1e-12))
        return disturbed


def _averaged(x):
    """Return a map (n, h, w, c) whose last channels lose what 2 x 2 averaging and up-sampling lose."""
    first = x.shape[-1] - max(1, x.shape[-1] // SHARE)
    low = x[..., first:]
    return ops.concatenate([x[..., :first], add_up_sampled(ops.zeros_like(low), pool(low, 1))], axis=-1)
