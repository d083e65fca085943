"""What flows through a graph for some images, step after step, with a look at each step."""

import collections
from collections.abc import Callable

import keras
import numpy as np
from keras import ops


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
    kept = {id(x) for x in keras.tree.flatten(graph.outputs)}
    left = collections.Counter(id(x) for step in graph.steps for x in {id(v): v for v in step.inputs}.values())
    values = {id(graph.inputs[0]): ops.convert_to_tensor(images)}
    for step in graph.steps:
        args, kwargs = keras.tree.map_structure(lambda x: values.get(id(x), x), (step.args, step.kwargs))
        outputs = step.operation(*args, **kwargs)
        if visit is not None:
            outputs = visit(step, args, outputs)
        values.update({id(x): y for x, y in zip(step.outputs, keras.tree.flatten(outputs), strict=True)})
        for x in {id(v): v for v in step.inputs}.values():
            left[id(x)] -= 1
            if not left[id(x)] and id(x) not in kept:
                values.pop(id(x), None)
    return [ops.convert_to_numpy(values[id(x)]) for x in keras.tree.flatten(graph.outputs)]
