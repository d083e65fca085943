"""How far two models, or two sets of outputs, are from each other. All measures are in this file, by name.

Every measure takes the expected outputs first. If an output is not finite, neither is the measure.
"""

import keras
import numpy as np

from keras_effconv.graph import with_structure
from keras_effconv.inference.kernels import array
from keras_effconv.utils.npz import DAMAGE, open_npz

EVEN, ODD = (64, 75)  # pixels, if a size is unknown
ROUNDED = 0.01  # of a sum of probabilities, in half precision


def largest(expected, received):
    """Return the largest difference of two arrays.

    >>> largest([0.5, 0.5], [0.5, 0.25])
    0.25
    """
    return float(np.abs(np.subtract(received, expected)).max(initial=0))


def largest_of_logits(expected, received):
    """Return the largest difference of two arrays; of values above 1, as logits have, relative to the largest of them.

    >>> largest_of_logits([0.5, 0.5], [0.5, 0.25]), largest_of_logits([100.0, 0.0], [99.0, 0.0])
    (0.25, 0.01)
    """
    return largest(expected, received) / max(1.0, largest(0, expected))


def largest_relative(expected, received):
    """Return the largest difference of two arrays over the largest expected value; infinite if one is not finite.

    >>> largest_relative([1.0, 4.0], [2.0, 4.0])
    0.25
    """
    expected, received = array(expected), array(received)
    if not (np.isfinite(expected).all() and np.isfinite(received).all()):
        return float("inf")
    return largest(expected, received) / max(largest(0, expected), float(np.finfo("float32").tiny))


def moved_probability(expected, received):
    """Return the probability that moves from a class to another, averaged over the rows.

    Expected rows that do not add up to 1 are logits: then it is the probability of the softmax of both.

    >>> moved_probability([[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [1.0, 0.0]])
    0.125
    >>> moved_probability([[7.0, 7.0]], [[9.0, 9.0]])
    0.0
    """
    if not np.allclose(np.sum(expected, -1), 1, atol=ROUNDED) or np.min(expected, initial=0) < 0:
        expected, received = (array(keras.ops.softmax(np.asarray(each, "float32"))) for each in (expected, received))
    return float(np.abs(np.subtract(received, expected)).sum(-1).mean() / 2)


def moved_sigmoid(expected, received):
    """Return by how much the probability of a class changes where each class has its own, averaged over all.

    >>> moved_sigmoid([[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [1.0, 0.0]])
    0.125
    """
    return float(np.abs(np.subtract(received, expected)).mean())


def difference(model, other, pixels=False, draws=3):
    """Return the largest difference of two models' outputs, relative to the largest value of each output.

    Inputs are random. For a model of any size, an even and an odd one are tried.

    Args:
        model: `keras.Model`, the reference.
        other: `keras.Model` of the same inputs and outputs.
        pixels: bool; inputs are whole numbers from 0 to 255, not Gaussian. Default `False`.
        draws: int, the batch: how many inputs are drawn. Default 3.

    Returns:
        A float; infinite where an output is not finite.
    """
    rng, worst = np.random.default_rng(0), 0.0
    dynamic = any(None in x.shape[1:] for x in model.inputs)
    for side in (EVEN, ODD) if dynamic else (EVEN,):
        shapes = [(draws, *(side if size is None else size for size in x.shape[1:])) for x in model.inputs]
        arrays = [_draw(rng, shape, x.dtype, pixels) for shape, x in zip(shapes, model.inputs)]
        inputs = with_structure(model, arrays)
        pairs = zip(*(keras.tree.flatten(each(inputs, training=False)) for each in (model, other)))
        worst = max(worst, *(largest_relative(*pair) for pair in pairs))
    return worst


def difference_from(model, path):
    """Return the largest difference of a model's outputs from recorded ones, over the largest recorded value.

    Args:
        model: `keras.Model`.
        path: path of an `.npz` file of `images` (n, h, w, c), as the model reads them, and `outputs`.

    Returns:
        A float; infinite where an output is not finite.

    Raises:
        ValueError: for another file, or outputs of another shape than the model's.
    """
    try:
        with open_npz(path) as archive:
            images, outputs = archive["images"], archive["outputs"]
    except FileNotFoundError:
        raise
    except DAMAGE as error:
        cause = " ".join(str(error).split())[:200]
        raise ValueError(
            f"`path` must be an .npz file of images and outputs ({cause}). Received: path={str(path)!r}"
        ) from None
    received = model(images.astype("float32"))
    if tuple(received.shape) != outputs.shape:
        raise ValueError(
            f"`path` must hold outputs of shape {tuple(received.shape)}. Received: path={str(path)!r}, {outputs.shape}"
        )
    return largest_relative(outputs, received)


def _draw(rng, shape, dtype, pixels):
    """Draw pixels or Gaussian numbers; for integers other than pixels, zeros and ones, which any vocabulary has."""
    if "float" in dtype and not pixels:
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 256 if pixels or dtype == "uint8" else 2, shape).astype(dtype)
