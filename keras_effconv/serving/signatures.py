"""What an export answers: the signatures of a SavedModel, whichever runtime computes them."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_effconv.exporting.format import MAX_PIXELS

DEFAULT = "serving_default"
FLOAT, STRING = "DT_FLOAT", "DT_STRING"


class Tensor(NamedTuple):
    """Name, type and shape of an input or an output; -1 is any size."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """A function of a batch, of which each row is by itself.

    Attributes:
        input: `Tensor`; all exports have one.
        outputs: tuple of `Tensor`.
        run: from an array (n, ...) to a dict of arrays (n, ...); strings are arrays of `bytes` objects.
    """

    input: Tensor
    outputs: tuple[Tensor, ...]
    run: Callable = dataclasses.field(repr=False)


def signatures(exported, top=5, max_pixels=MAX_PIXELS):
    """The signatures of an export by name: its own where it has them, otherwise the same ones around its network.

    Args:
        exported: `keras_effconv.exporting.Exported`.
        top: int, labels and scores in an answer, where the export does not say. Default 5.
        max_pixels: int; files that declare more are refused before they are decoded, where the export does not say.

    Returns:
        dict of str -> `Signature`.
    """
    return OWN.get(exported.format, _around)(exported, top, max_pixels)


def _of_a_saved_model(exported, top, max_pixels):
    return {name: _of_a_function(function) for name, function in exported.run.keep.signatures.items()}


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
    """Files are decoded as in a SavedModel, in TensorFlow; there are no features, which the other formats lack."""
    import tensorflow as tf

    from keras_effconv.data.images.decode_batch import decode_each

    wanted, classes = exported.preprocessing, len(exported.labels)
    names, top = np.array([label.encode() for label in exported.labels], object), min(top, classes)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def decode(files):
        return decode_each(files, wanted, max_pixels)

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
    size = wanted.size
    return {
        DEFAULT: Signature(
            Tensor("image_bytes", STRING, (-1,)), (Tensor("error", STRING, (-1,)), *outputs), serving_default
        ),
        "float_images": Signature(Tensor("images", FLOAT, (-1, size, size, 3)), outputs, float_images),
    }
