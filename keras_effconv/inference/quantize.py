"""Models in fewer bits, as far as Keras can compute in them."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from keras_effconv.inference.rewriting import Graph
from keras_effconv.network_info import says_several
from keras_effconv.utils.arguments import one_of

DTYPES = ("int8", "bfloat16", "mixed_bfloat16", "float16", "mixed_float16")
QUANTIZABLE = (layers.Dense, layers.EinsumDense, layers.Embedding)
HALF = 0.5  # the probability from which on a class of several is said


class QuantizeReport(NamedTuple):
    """The changes that `quantize` has made.

    Attributes:
        dtype: str.
        layers: tuple of str, the names of the layers that compute in it.
        megabytes: pair of floats, the variables before and after.
        agreement: float, the share of the images whose most likely class is the same, or, of several labels, all that
            have a probability of at least a half; `None` without images.
        accuracy: pair of floats, before and after; `None` without labels.
    """

    dtype: str
    layers: tuple[str, ...]
    megabytes: tuple[float, float]
    agreement: float | None = None
    accuracy: tuple[float, float] | None = None

    def __str__(self):
        lines = [f"{self.dtype}: {len(self.layers)} layers, {self.megabytes[0]:.1f} -> {self.megabytes[1]:.1f} MB"]
        if self.agreement is not None:
            lines.append(f"same class for {self.agreement:.1%} of the images")
        if self.accuracy is not None:
            lines.append(f"accuracy {self.accuracy[0]:.1%} -> {self.accuracy[1]:.1%}")
        return ", ".join(lines)


def quantize(
    model: keras.Model,
    dtype: str = "int8",
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    batch_size: int = 32,
) -> keras.Model:
    """Copy a model in fewer bits, in Keras. The model itself does not change.

    `"int8"` is Keras' own post-training quantisation: dense and embedding layers hold 8-bit kernels and quantise their
    inputs at run time. Convolutions are not quantised, since Keras has no 8-bit convolutions; export to a runtime that
    has them. `"bfloat16"` holds and computes in bfloat16, except batch normalization, which Keras computes in float32.
    `"mixed_bfloat16"` computes in bfloat16 and holds float32. `"float16"` and `"mixed_float16"` are likewise. The
    layers that write the outputs are not changed. `deploy` a model first, so that what is folded is rounded once.

    Args:
        model: `keras.Model`, functional or sequential, built, in float32.
        dtype: str, `"int8"`, `"bfloat16"`, `"mixed_bfloat16"`, `"float16"` or `"mixed_float16"`. Default `"int8"`.
        images: array (n, h, w, c) of inputs as the model reads them, to report how many keep their class. Default
            `None`.
        labels: array (n,) of the right classes, of a single sigmoid 0 or 1, to report accuracies. Needs images. Default
            `None`.
        batch_size: int, for the images. Default 32.

    Returns:
        A `keras.Model`. Its `quantize_report` (a `QuantizeReport`) lists the changes.

    Raises:
        ValueError: for another dtype, a model that is Python code only, one without a layer that Keras can quantise,
            labels that do not match the images, or a weight beyond the range of float16.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> print(quantize(model, "bfloat16").quantize_report)
    bfloat16: 73 layers, 1.1 -> 0.5 MB
    """
    one_of("dtype", dtype, DTYPES)
    if labels is not None and (images is None or np.shape(labels) != (len(images),)):
        need = "come with images" if images is None else f"have shape ({len(images)},)"
        raise ValueError(f"`labels` must {need}. Received: labels of shape {np.shape(labels)}")
    several = says_several(model)
    if labels is not None and several and model.output_shape[-1] > 1:
        raise ValueError("`labels` must be None for a model of several labels. Received: one class an image")
    graph = Graph(model)
    if dtype != "int8":
        _compute_in(graph, dtype)
    quantized = graph.build()
    if dtype == "int8":
        _to_int8(quantized)
    names = tuple(layer.name for layer in quantized.layers if _bits(layer) == dtype)
    report = QuantizeReport(dtype, names, tuple(map(_megabytes, (model, quantized))))
    if images is not None:
        outputs = (each.predict(images, batch_size, verbose=0) for each in (model, quantized))
        before, after = (x >= HALF if several else x.argmax(-1) for x in outputs)
        same = before == after
        report = report._replace(agreement=float((same.all(-1) if several else same).mean()))
        if labels is not None:
            said = (x[:, 0] if several else x for x in (before, after))
            report = report._replace(accuracy=tuple(float((x == labels).mean()) for x in said))
    quantized.quantize_report = report
    return quantized


def _to_int8(model):
    if not any(isinstance(layer, QUANTIZABLE) for layer in model.layers):
        raise ValueError(
            "`model` must have dense or embedding layers for int8: Keras has no convolutions in 8 bits, export to a "
            f"runtime that has. Received: {model.name!r}"
        )
    model.quantize("int8", filters=lambda layer: isinstance(layer, QUANTIZABLE))


def _compute_in(graph, dtype):
    """Give every layer another type, except those that write the outputs."""
    last = {id(graph.writer(value)) for value in keras.tree.flatten(graph.outputs)}
    for step in graph.steps:
        if isinstance(step.operation, layers.Layer) and id(step) not in last:
            step.changes["dtype"] = dtype


def _bits(layer):
    return getattr(layer, "quantization_mode", None) or layer.dtype_policy.name


def _megabytes(model):
    sizes = (np.prod(v.shape) * np.dtype(v.dtype).itemsize for v in model.variables)
    return float(sum(sizes)) / 1e6
