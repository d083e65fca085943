"""The functions that an export serves: the signatures of a SavedModel, in any runtime."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_effconv.exporting.format import MAX_PIXELS

DEFAULT = "serving_default"
FLOAT, STRING = "DT_FLOAT", "DT_STRING"


class Tensor(NamedTuple):
    """An input or an output.

    Attributes:
        name: str.
        dtype: str, such as `"DT_FLOAT"`.
        shape: tuple of ints; -1 is any size.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """A function of a batch, whose rows do not depend on each other.

    Attributes:
        input: `Tensor`; every export has one.
        outputs: tuple of `Tensor`.
        run: callable from an array (n, ...) to a dict of arrays (n, ...); strings are arrays of `bytes` objects.
        overhead: float, seconds that a run takes besides its rows. Default 0.
    """

    input: Tensor
    outputs: tuple[Tensor, ...]
    run: Callable = dataclasses.field(repr=False)
    overhead: float = 0.0


def signatures(exported, top=5, max_pixels=MAX_PIXELS):
    """Return the signatures of an export: its own, or the same ones around a network that has none.

    Args:
        exported: `keras_effconv.exporting.Exported`.
        top: int, labels and scores in an answer, for exports without signatures. Default 5.
        max_pixels: int, for exports without signatures; files that declare more are refused before they are decoded.
            Default 64,000,000.

    Returns:
        dict of str -> `Signature`, by name.
    """
    return OWN.get(exported.format, _around)(exported, top, max_pixels)


def _of_a_saved_model(exported, top, max_pixels):
    return {name: _of_a_function(function) for name, function in exported.run.signatures.items()}


OWN = {"saved_model": _of_a_saved_model}


def _of_a_function(function):
    import tensorflow as tf

    types = {tf.float32: FLOAT, tf.string: STRING}

    def tensor(name, spec):
        return Tensor(name, types[spec.dtype], tuple(-1 if n is None else n for n in spec.shape))

    ((name, spec),) = function.structured_input_signature[1].items()
    outputs = tuple(tensor(*each) for each in sorted(function.structured_outputs.items()))

    def run(rows):
        return {key: value.numpy() for key, value in function(**{name: tf.constant(rows, spec.dtype)}).items()}

    return Signature(tensor(name, spec), outputs, run)


def _around(exported, top, max_pixels):
    """Return signatures that decode files as a SavedModel does. There is none of features: the network has none."""
    import tensorflow as tf

    from keras_effconv.data.images.decode_batch import decode_each

    how, classes = exported.preprocessing, len(exported.labels)
    names, top = np.array([label.encode() for label in exported.labels], object), min(top, classes)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode(files):
        return decode_each(files, how, max_pixels)

    def float_images(images):
        probabilities = exported(images)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        scores = np.take_along_axis(probabilities, best, 1)
        return {"labels": names[best], "scores": scores, "probabilities": probabilities}

    def serving_default(files):
        images, error = (each.numpy() for each in decode(tf.constant(files, tf.string)))
        good = (error == b"")[:, None]
        outputs = {
            key: np.where(good, rows, rows.dtype.type(0) if rows.dtype != object else b"")
            for key, rows in float_images(images).items()
        }
        return {**outputs, "error": error}

    outputs = (
        Tensor("labels", STRING, (-1, top)),
        Tensor("probabilities", FLOAT, (-1, classes)),
        Tensor("scores", FLOAT, (-1, top)),
    )
    files, images = Tensor("image_bytes", STRING, (-1,)), Tensor("images", FLOAT, (-1, how.size, how.size, 3))
    return {
        DEFAULT: Signature(files, (Tensor("error", STRING, (-1,)), *outputs), serving_default),
        "float_images": Signature(images, outputs, float_images),
    }
