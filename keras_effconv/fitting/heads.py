"""The dense layers that write a network's outputs, by least squares on the features that they read now."""

import collections

import keras
import numpy as np
from scipy import linalg

from keras_effconv.fitting.solving import EQUAL
from keras_effconv.fitting.values import Values
from keras_effconv.inference.kernels import array
from keras_effconv.inference.rewriting import Graph
from keras_effconv.policies import assign

RIDGES = (1e-3, 1e-2, 0.1, 1.0, 10.0)  # of the mean square of a feature, towards the weights as they are
FOLDS = 4
AT_ONCE = 32  # images


def fit_heads(model: keras.Model, teacher: keras.Model, images: list[np.ndarray], seed: int = 0) -> dict[str, float]:
    """Fit the dense layers that write a model's outputs to what the plain network writes there.

    The features have lost something, each in its own measure: the weights that weigh them should know. How far they may
    go from what they were is chosen by cross-validation, and a layer that does not gain stays as it is.

    Args:
        model: `keras.Model` with a functional graph; changed. Its other layers have been fitted.
        teacher: `keras.Model` likewise, whose layers have the same names.
        images: list of arrays, one for each input, as both networks read them.
        seed: int, of the folds. Default 0.

    Returns:
        A dict from the name of each layer that was changed to the share of the variance, ahead of an activation, that
        it explains of images of the other folds.

    Example:

    >>> import keras_effconv as ke
    >>> small = {"weights": None, "width": 0.25, "depth": 0.3}
    >>> teacher, model = ke.ResNet20(**small), ke.ResNet20(**small, conv=ke.HetConv(parts=4))
    >>> x = np.random.default_rng(0).normal(size=(40, 32, 32, 3)).astype("float32")
    >>> list(fit_heads(model, teacher, [x]))
    ['predictions']
    """
    explained = {}
    graph, plain = Graph(model), Graph(teacher)
    for name in _heads(model, graph):
        layer = model.get_layer(name)
        seen, target = _features(graph, name, images), _outputs(teacher.get_layer(name), _features(plain, name, images))
        error = target - _outputs(layer, seen)
        if np.square(error).sum() <= EQUAL * np.square(target - target.mean(0)).sum():
            continue
        share, ridge = _best_ridge(seen, error, target, np.random.default_rng(seed).permutation(len(seen)))
        if ridge is not None:
            change, constant = _solver(seen, error)(ridge)
            assign(layer.kernel, array(layer.kernel) + change)
            assign(layer.bias, array(layer.bias) + constant)
            explained[name] = share
    return explained


def _heads(model, graph):
    """List the dense layers with a bias, called once, whose output, or its activation, is an output of the model."""
    own = {id(layer) for layer in model.layers}
    written = {id(value) for value in keras.tree.flatten(graph.outputs)}
    for step in graph.steps:
        if step.kind in (keras.layers.Activation, keras.layers.Softmax) and id(step.outputs[0]) in written:
            written.add(id(step.inputs[0]))
    heads = [step for step in graph.steps if step.kind is keras.layers.Dense and id(step.outputs[0]) in written]
    calls = collections.Counter(id(step.operation) for step in graph.steps)
    return [
        step.name
        for step in heads
        if step.operation.use_bias
        and len(step.inputs[0].shape) == 2
        and id(step.operation) in own
        and calls[id(step.operation)] == 1
    ]


def _features(graph, name, images):
    """Return what the layer of a name reads, image by image: the maps ahead of it are those of a few at a time."""
    (value,) = next(step.inputs for step in graph.steps if step.name == name)
    parts = [[x[first : first + AT_ONCE] for x in images] for first in range(0, len(images[0]), AT_ONCE)]
    return np.concatenate([array(batch) for part in parts for batch in Values(graph, part, [value]).read(value)])


def _outputs(layer, features):
    """Return what a dense layer computes ahead of its activation."""
    return features @ array(layer.kernel) + array(layer.bias)


def _best_ridge(seen, error, target, order):
    """Return the explained share of the images of other folds, and the ridge; `None` if no change is best."""
    missed = dict.fromkeys((None, *RIDGES), 0.0)
    for fold in range(min(FOLDS, len(order))):
        held, rest = order[fold::FOLDS], np.setdiff1d(order, order[fold::FOLDS])
        if not len(rest):
            break
        missed[None] += np.square(error[held]).sum()
        solved = _solver(seen[rest], error[rest])
        for ridge in RIDGES:
            change, constant = solved(ridge)
            missed[ridge] += np.square(error[held] - seen[held] @ change - constant).sum()
    best = min(missed, key=missed.get)
    return 1 - missed[best] / max(np.square(target - target.mean(0)).sum(), 1e-12), best


def _solver(seen, error):
    """Return a function from a ridge to the change of the weights and of the constant that makes the error least."""
    mean, middle = seen.mean(0), error.mean(0)
    u, sizes, v = linalg.svd(seen - mean, full_matrices=False, check_finite=False)
    pulled, square = u.T @ (error - middle), np.square(sizes).sum() / seen.shape[1]

    def solved(ridge):
        change = v.T @ ((sizes / (np.square(sizes) + ridge * square + 1e-12))[:, None] * pulled)
        return change, middle - mean @ change

    return solved
