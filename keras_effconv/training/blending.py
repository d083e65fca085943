"""The mean of two networks: the pretrained one with the head that was fitted to it, and the one that was trained on."""

import keras
import numpy as np

from keras_effconv.training import checkpoint


def blends(recipe):
    """Return whether a recipe has a network to go back to, and asks for it."""
    pretrained = recipe.weights is not None and recipe.head_c > 0
    return pretrained and recipe.epochs > 0 and recipe.blend != 1 and not recipe.selects


def starting_weights(run, network, resumed):
    """Return the weights that the epochs of a run begin with; a run that resumes finds them in its folder.

    Args:
        run: `Run`.
        network: the classifier, its head fitted to it.
        resumed: bool, whether the run continues from a checkpoint.

    Returns:
        list of arrays, in the order of `network.weights`; `None` if the recipe does not blend.

    Raises:
        ValueError: the file of an interrupted run is missing, damaged, or another run's.
    """
    if not blends(run.recipe):
        return None
    path = run.folder / checkpoint.START
    if resumed:
        return checkpoint.read_arrays(path, run.identity)
    if run.devices.writer:
        checkpoint.write_arrays(path, network.weights, run.identity)
    return [keras.ops.convert_to_numpy(weight) for weight in network.weights]


def blend(network, start, share):
    """Move a network's weights back towards where they started.

    A mean of both networks is often better than either, and loses less on images unlike those of the training
    (Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv:2109.01903).

    Args:
        network: `keras.Model`.
        start: list of arrays, of `starting_weights`.
        share: float, 0 to 1, of what the network has now.

    Example:

    >>> network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> network.set_weights([np.array([[2.0]]), np.array([1.0])])
    >>> blend(network, [np.array([[4.0]]), np.array([1.0])], 0.75)
    >>> network.get_weights()[0].tolist()
    [[2.5]]
    """
    for weight, before in zip(network.weights, start, strict=True):
        now = keras.ops.convert_to_numpy(weight)
        if now.dtype.kind == "f" and not np.array_equal(now, before):
            weight.assign(share * now + (1 - share) * before)
