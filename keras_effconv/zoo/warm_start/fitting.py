"""The kernels of a network of this package by least squares, given the plain network and some images."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_effconv.fitting import fit_layers
from keras_effconv.fitting.kernels import FORMS
from keras_effconv.graph import check_functional
from keras_effconv.inference.rewriting import Graph
from keras_effconv.kinds.separable import SPATIAL
from keras_effconv.utils.arguments import positive, reads_shapes


def fit(
    model: keras.Model,
    teacher: keras.Model,
    images: np.ndarray | Sequence[np.ndarray],
    rows: int = 20_000,
    seed: int = 0,
) -> list[tuple[str, float, float]]:
    """Fit the kernels of a model of any kind of convolution to the outputs of a plain network's.

    Layer after layer, from the input on: both networks see the images, and the layer's weights, and a constant per
    filter, become those with the least squared error, given what the layers before it make of the images now. So a
    layer also makes up for what was lost before it. The error is that of what the plain network has behind the layer:
    once normalized, summed up and cut off by the activation. The constant goes into the layer's bias, or into the mean
    of the batch normalization behind it. Where one HetConv stands for two convolutions and what is between them
    (expansion and depthwise kernels of an inverted residual block), it is fitted to the output of the second. A low
    band is fitted to the average of the plain network's last channels.

    `keras_effconv.convert` does all that leads to a good network: it puts the plain network's channels in the order
    that suits the kind, then pours, fits, and may take gradient steps. This function is the fit alone. For `OctConv`,
    pour and fit from an ordered teacher. In the CIFAR ResNets, whose shortcuts pad the channels of each band with
    zeros, the fit is wrong without: a channel of the model is not the teacher's of the same number.

    Args:
        model: `keras.Model` with a functional graph; changed. Pour the teacher's weights into it before.
        teacher: `keras.Model`, the same architecture with `Conv()` and trained weights.
        images: array (n, h, w, c), as both networks read them: preprocessed; a list of arrays for a model of several
            inputs. A few hundred will do.
        rows: int, the positions of a layer's map that are used, drawn from all images. Default 20,000.
        seed: int, of the draw.

    Returns:
        A list of (name of the layer, error before, error after): squared errors over the variance of the output, on
        the positions drawn. No error rises.

    Raises:
        ValueError: for images of another shape, a model without convolutions, or a teacher without layers of their
            names and as many channels.

    Example:

    >>> import keras_effconv as ke
    >>> teacher = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> model = ke.ResNet20(weights=None, width=0.25, depth=0.3, conv=ke.HetConv(parts=4))
    >>> changed = fit(model, teacher, np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32"))
    >>> len(changed), all(after <= before for _, before, after in changed)
    (7, True)
    """
    for each in (model, teacher):
        check_functional(each)
    positive("rows", rows)
    arrays = [np.asarray(x, "float32") for x in (images if isinstance(images, (list, tuple)) else [images])]
    _check_images(arrays, model)
    _check_teacher(model, teacher)
    return [tuple(each) for each in fit_layers(model, teacher, arrays, rows, seed)]


def _check_images(arrays, model):
    expected, received = [tuple(x.shape) for x in model.inputs], [a.shape for a in arrays]
    if not reads_shapes(model, received) or 0 in received[0]:
        shapes = [each[0] if len(each) == 1 else each for each in (expected, received)]
        raise ValueError(f"`images` must be of shape {shapes[0]}. Received: images of shape {shapes[1]}")


def _check_teacher(model, teacher):
    """Raise a `ValueError` if a model has no convolutions, or a teacher none of their names and output shapes."""
    written = {step.name: _shape(step) for step in Graph(teacher).steps if step.kind in FORMS}
    steps = [step for step in Graph(model).steps if step.kind in FORMS and not step.name.endswith(SPATIAL)]
    if not steps:
        raise ValueError(f"`model` must have convolutions. Received: model={model.name!r}")
    for step in steps:
        if written.get(step.name) != _shape(step):
            raise ValueError(
                f"`teacher` must have a convolution {step.name!r} with an output of shape {_shape(step)}. "
                f"Received: {written.get(step.name, 'none')}"
            )


def _shape(step):
    """Return the size of what a convolution writes, that of the high band, and all channels."""
    shapes = [value.shape for value in step.outputs]
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))
