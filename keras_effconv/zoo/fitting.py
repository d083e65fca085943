"""HetConv kernels by least squares: from what a plain network computes on some images."""

import keras
import numpy as np
from keras import ops

from keras_effconv.layers import HetConv2D
from keras_effconv.layers.grouped import conv

PATCH_VALUES = 1 << 25  # in memory at a time
RIDGE = 1e-3  # of the mean square of an input, towards the kernels as they are: a few images do not determine all


def fit(model, teacher, images, rows=20_000, seed=0):
    """Fit the kernels of a model's HetConv2D layers to the outputs of a plain network's convolutions.

    Layer after layer, from the input on: both networks see the images, and the layer's k x k and 1 x 1 weights, and its
    bias, become those with the least squared error of the plain convolution's output, given what the layers before it
    make of the images now. So a layer also makes up for what was lost before it. A layer that the teacher does not
    have as a plain convolution (one HetConv of expansion and depthwise kernels) stays as it is.

    Args:
        model: a model of this package with `HetConv2D` layers; changed. Pour the teacher's weights into it before.
        teacher: the same architecture with `Conv()` and trained weights.
        images: array (n, h, w, c), as both networks read them: preprocessed. A few hundred will do.
        rows: int, the positions of a layer's map that are used, drawn from all images. Default 20,000.
        seed: int, of the draw.

    Returns:
        A list of (name of the layer, error before, error after): mean squared errors over the variance of the output,
        on the positions drawn.

    Raises:
        ValueError: for images of another shape, a model without `HetConv2D`, or a teacher without its layers.

    Example:

    >>> import keras_effconv as ke
    >>> teacher = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> model = ke.ResNet20(weights=None, width=0.25, depth=0.3, conv=ke.HetConv(parts=4))
    >>> changed = fit(model, teacher, np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32"))
    >>> len(changed), all(after <= before for _, before, after in changed)
    (6, True)
    """
    pairs = _pairs(model, teacher)
    images = np.asarray(images, "float32")
    if images.ndim != 4 or not all(want in (None, got) for want, got in zip(model.input_shape[1:], images.shape[1:])):
        raise ValueError(f"`images` must be of shape {model.input_shape}. Received: images of shape {images.shape}")
    rng = np.random.default_rng(seed)
    return [_fit_layer(layer, plain, model, teacher, images, rows, rng) for layer, plain in pairs]


def _pairs(model, teacher):
    """The HetConv2D layers of a model, in order, and the teacher's convolutions of the same names."""
    named = {layer.name: layer for layer in teacher.layers}
    layers = [layer for layer in model.layers if isinstance(layer, HetConv2D)]
    fused = [layer for layer in layers if _is_fused(layer, named.get(layer.name))]
    if len(fused) == len(layers):
        raise ValueError(f"`model` must have HetConv2D layers of one convolution each. Received: model={model.name!r}")
    pairs = [(layer, named.get(layer.name)) for layer in layers if layer not in fused]
    for layer, plain in pairs:
        wanted = (*layer.kernel_size, layer.channels, layer.filters)
        if getattr(plain, "kernel", None) is None or tuple(plain.kernel.shape) != wanted:
            raise ValueError(f"`teacher` must have a convolution {layer.name!r} with a kernel of shape {wanted}")
    return pairs


def _is_fused(layer, plain):
    """Whether the teacher has two convolutions in place of the layer: depthwise, and one that only mixes channels."""
    return isinstance(plain, keras.layers.DepthwiseConv2D) or getattr(plain, "kernel_size", layer.kernel_size) == (1, 1)


def _fit_layer(layer, plain, model, teacher, images, rows, rng):
    student, expected = keras.Model(model.inputs, layer.input), keras.Model(teacher.inputs, plain.input)
    positions = np.prod(_positions(layer, student, images))
    share, batch_size = rows / (len(images) * positions), _batch(positions, layer)
    gram, cross, square, count = 0.0, 0.0, 0.0, 0
    for start in range(0, len(images), batch_size):
        batch = ops.convert_to_tensor(images[start : start + batch_size])
        x = _patches(student(batch), layer)
        y = ops.convert_to_numpy(_convolved(expected(batch), plain)).reshape(len(x), -1)
        drawn = rng.random(len(x)) < share
        x, y = np.pad(x[drawn].astype("float64"), ((0, 0), (0, 1)), constant_values=1), y[drawn].astype("float64")
        gram, cross = gram + x.T @ x, cross + x.T @ y
        square, count = square + np.square(y).sum(0), count + len(x)
    before = _weights(layer)
    after = _solved(gram, cross, before, support(layer), layer.use_bias)
    errors = [_error(w, gram, cross, square, count) for w in (before, after)]
    dense = after[:-1].reshape(*layer.kernel_size, layer.channels, layer.filters)
    for variable, value in zip((layer.kernel, layer.pointwise_kernel), layer.cut(dense, pointwise="center")):
        if variable is not None:
            variable.assign(value.astype(variable.dtype))
    if layer.use_bias:
        layer.bias.assign(after[-1].astype(layer.bias.dtype))
    return layer.name, *errors


def _positions(layer, student, images):
    shape = layer.compute_output_shape(student.compute_output_shape((1, *images.shape[1:])))
    return shape[1:3]


def _batch(positions, layer):
    """Images at a time, so that what the filters see stays small in memory."""
    seen = positions * layer.channels * np.prod(layer.kernel_size)
    return max(1, min(256, int(PATCH_VALUES // seen)))


def _patches(x, layer):
    """(n, h, w, c) -> (positions, k * k * c), what each filter sees, rows of kernel first."""
    patches = ops.image.extract_patches(
        x,
        layer.kernel_size,
        layer.strides,
        max(layer.dilation_rate),
        padding=layer.padding,
        data_format="channels_last",
    )
    return ops.convert_to_numpy(patches).reshape(-1, patches.shape[-1])


def _convolved(x, plain):
    """The convolution and its bias, without the activation."""
    y = conv(x, plain.kernel, plain.strides, plain.padding, plain.dilation_rate)
    return y + plain.bias if plain.use_bias else y


def _weights(layer):
    """(k * k * c + 1, n): the dense kernel that the layer equals, and its bias."""
    kernel = ops.convert_to_numpy(layer.dense_kernel()).astype("float64").reshape(-1, layer.filters)
    bias = ops.convert_to_numpy(layer.bias) if layer.use_bias else np.zeros(layer.filters)
    return np.concatenate([kernel, bias[None]])


def support(layer):
    """Where a HetConv2D layer has weights: bool (k * k * c, n).

    >>> layer = HetConv2D(4, 3, parts=2)
    >>> layer.build((None, 8, 8, 4))
    >>> support(layer).sum(0).tolist()  # 9 * 2 + 2
    [20, 20, 20, 20]
    """
    twin = type(layer).from_config(layer.get_config())
    twin.build((None, None, None, layer.channels))
    for variable in twin.trainable_variables:
        variable.assign(ops.ones_like(variable))
    return ops.convert_to_numpy(twin.dense_kernel()).reshape(-1, layer.filters) != 0


def _solved(gram, cross, start, held, use_bias):
    """The weights of least squared error on their support, near to where they start."""
    held = np.concatenate([held, np.full((1, held.shape[1]), use_bias)])
    ridge = RIDGE * np.trace(gram) / len(gram)
    weights = np.zeros_like(start)
    patterns, group = np.unique(held, axis=1, return_inverse=True)
    for i, pattern in enumerate(patterns.T):
        filters = np.flatnonzero(group.ravel() == i)
        here = np.ix_(pattern, filters)
        left = gram[np.ix_(pattern, pattern)] + ridge * np.eye(pattern.sum())
        weights[here] = np.linalg.solve(left, cross[here] + ridge * start[here])
    return weights


def _error(weights, gram, cross, square, count):
    """Mean squared error over the variance of the output."""
    left = square - 2 * (weights * cross).sum(0) + (weights * (gram @ weights)).sum(0)
    spread = square - np.square(cross[-1]) / count  # the last row of `cross` is the sum of the outputs
    return float(left.sum() / max(spread.sum(), 1e-12))
