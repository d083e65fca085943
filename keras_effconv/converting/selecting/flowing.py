"""What flows through a graph for some images, step after step, with a look at each step."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_effconv.fitting.values import Values


def flow(graph, images: np.ndarray, visit: Callable | None = None) -> list[np.ndarray]:
    """Compute the steps of a graph in order; a value is forgotten after its last reader.

    Args:
        graph: `Graph`.
        images: array (n, h, w, c), one batch.
        visit: callable (step, arguments, outputs) -> outputs, called for each step with what it computed; the outputs
            that it returns flow on. Default: they flow on as they are.

    Returns:
        list of arrays, the outputs of the model.

    Example:

    >>> from keras_effconv.inference.rewriting import Graph
    >>> image = keras.Input((2, 2, 1))
    >>> graph = Graph(keras.Model(image, keras.layers.ReLU()(image)))
    >>> flow(graph, np.full((1, 2, 2, 1), -1.0), lambda step, args, outputs: outputs + 3)[0].ravel().tolist()
    [3.0, 3.0, 3.0, 3.0]
    """
    outputs = keras.tree.flatten(graph.outputs)
    values = Values(graph, [images], outputs, visit, batch=len(images))
    for _ in graph.steps:
        values.advance()
    return [ops.convert_to_numpy(values.read(x)[0]) for x in outputs]
