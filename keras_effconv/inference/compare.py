"""Two models on the same random inputs."""

import keras
import numpy as np

from keras_effconv.graph import with_structure

EVEN, ODD = (64, 75)  # pixels, where a size is unknown


def difference(model, other, pixels=False, draws=3):
    """The largest difference of two models' outputs, relative to the largest value of each output.

    Inputs are random. Where the model takes any size, an even and an odd one are tried.

    Args:
        model: Keras model, the reference.
        other: Keras model of the same inputs and outputs.
        pixels: bool; inputs are whole numbers from 0 to 255, not Gaussian. Default `False`.
        draws: int, the batch: how many inputs are drawn.

    Returns:
        A float; infinite where an output is not finite.
    """
    rng, largest = np.random.default_rng(0), 0.0
    dynamic = any(None in x.shape[1:] for x in model.inputs)
    for side in (EVEN, ODD) if dynamic else (EVEN,):
        shapes = [(draws, *(side if size is None else size for size in x.shape[1:])) for x in model.inputs]
        arrays = [_draw(rng, shape, x.dtype, pixels) for shape, x in zip(shapes, model.inputs)]
        inputs = with_structure(model, arrays)
        pairs = zip(*(keras.tree.flatten(each(inputs, training=False)) for each in (model, other)))
        largest = max(largest, *(_relative(*map(_array, pair)) for pair in pairs))
    return largest


def _draw(rng, shape, dtype, pixels):
    """Pixels or Gaussian numbers; for integers other than pixels, zeros and ones, which any vocabulary has."""
    if "float" in dtype and not pixels:
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 256 if pixels or dtype == "uint8" else 2, shape).astype(dtype)


def _array(tensor):
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")), "float64")


def _relative(expected, received):
    if not (np.isfinite(expected).all() and np.isfinite(received).all()):
        return float("inf")
    error = np.abs(expected - received).max(initial=0)
    return float(error / max(np.abs(expected).max(initial=0), np.finfo("float32").tiny))
