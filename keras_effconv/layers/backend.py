"""What depends on the backend: grouped convolutions, sums and up-sampling, each in its fastest form.

No other file of the layers asks for the backend.
"""

import functools

import keras
from keras import ops

LAST = "channels_last"


def conv(x, kernel, strides=(1, 1), padding="same", dilation_rate=(1, 1)):
    """Convolve: (n, h, w, c), (k, k, c, f) -> (n, h', w', f)."""
    if steps_over_pixels(kernel.shape, strides):
        x, strides = x[:, :: strides[0], :: strides[1]], (1, 1)
    return ops.conv(x, kernel, strides=strides, padding=padding, dilation_rate=dilation_rate, data_format=LAST)


def steps_over_pixels(kernel_shape, strides):
    """Return whether a convolution must leave out pixels before it, since its own strides have a wrong gradient.

    On processors without AVX-512, the oneDNN of TensorFlow 2.21 computes a wrong gradient of a 1 x 1 kernel that has
    strides and reads fewer than 8 channels, and writes to memory that is not its own.

    Args:
        kernel_shape: tuple of ints, (k, k, c, f).
        strides: tuple of two ints.

    Example:

    >>> steps_over_pixels((1, 1, 4, 8), (2, 2)), steps_over_pixels((1, 1, 64, 8), (2, 2))
    (True, False)
    """
    narrow = tuple(kernel_shape[:2]) == (1, 1) and kernel_shape[2] < 8
    return narrow and max(strides) > 1 and keras.backend.backend() == "tensorflow"


def grouped_conv(x, kernel, strides=(1, 1), padding="same", dilation_rate=(1, 1)):
    """Convolve in groups: (n, h, w, c), (k, k, c / groups, f) -> (n, h', w', f).

    On TensorFlow, Keras compiles every grouped convolution with XLA (`jit_compile=True`): slower than the plain
    op, compiled anew on each eager call, and refused by TensorFlow Serving in an exported model. TensorFlow's own
    op needs none of it. Where that op has no gradient, use `split_conv`.
    """
    if keras.backend.backend() != "tensorflow":
        return conv(x, kernel, strides, padding, dilation_rate)
    import tensorflow as tf

    return tf.nn.conv2d(x, kernel, strides, padding.upper(), dilations=dilation_rate)


def split_conv(x, kernel, groups, strides=(1, 1), padding="same", dilation_rate=(1, 1)):
    """Compute what `grouped_conv` gives as one convolution per group and a concatenation."""
    maps = ops.split(x, groups, axis=-1)
    kernels = ops.split(kernel, groups, axis=-1)
    outputs = [conv(*each, strides, padding, dilation_rate) for each in zip(maps, kernels, strict=True)]
    return ops.concatenate(outputs, axis=-1)


def conv_in_groups(x, kernel, groups, strides=(1, 1), padding="same", dilation_rate=(1, 1)):
    """Convolve in groups, in a form that this backend can also differentiate; the arguments are `split_conv`'s."""
    options = (strides, padding, dilation_rate)
    if groups == 1:
        return conv(x, kernel, *options)
    if grouped_is_native(x.dtype, max(dilation_rate) > 1):
        return grouped_conv(x, kernel, *options)
    return split_conv(x, kernel, groups, *options)


def add(x, y):
    """Add two maps of one shape.

    On TensorFlow this is `AddN`: on a CPU, a convolution with a bias, an `AddN` and a ReLU become one operation; with
    the `AddV2` of `keras.ops.add` they do not.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.add(x, y)
    import tensorflow as tf

    return tf.add_n([x, y])


def sums_are_fused():
    """Return whether `add` can become part of a convolution, so that paths need no concatenation to be one pass."""
    return keras.backend.backend() == "tensorflow"


def up_sample(x):
    """Repeat each pixel twice in both directions: (n, h, w, c) -> (n, 2 h, 2 w, c).

    TensorFlow and the runtimes of exported files have one fast operation for it, nearest resizing. Keras resizes with
    half-pixel centres: the same pixels, but another, slower kernel. XLA does not know that operation's own gradient.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
    import tensorflow as tf

    @tf.custom_gradient
    def resized(x):
        height, width = ops.shape(x)[1:3]
        up = tf.raw_ops.ResizeNearestNeighbor(images=x, size=(2 * height, 2 * width))
        return up, lambda gradient: 4 * tf.nn.avg_pool2d(gradient, 2, 2, "VALID")

    return resized(x)


def most_split_parts():
    """Return the parts up to which separate convolutions are faster, as `scripts/benchmarks/layers.py` measures.

    JAX on a CPU computes a grouped convolution slower than the plain one; 64 keeps the graph within bounds.
    """
    if keras.backend.backend() == "jax":
        import jax

        return 64 if jax.default_backend() == "cpu" else 7
    return 7


def grouped_is_native(dtype, dilated=False):
    """Return whether this backend computes `grouped_conv` *and* its gradient.

    TensorFlow has the gradient on the CPU only with oneDNN (the default on x86, not with
    `TF_ENABLE_ONEDNN_OPTS=0`), and of the types that oneDNN has there; there is no public way to ask, so it is tried
    once on a small map.

    Args:
        dtype: of the map, in any form that Keras knows.
        dilated: bool, whether with a `dilation_rate` above 1. Default `False`.
    """
    if keras.backend.backend() != "tensorflow":
        return True
    return _has_gradient(keras.backend.standardize_dtype(dtype), dilated)


@functools.cache
def _has_gradient(dtype, dilated):
    import tensorflow as tf

    rate = 2 if dilated else 1
    options = {"strides": [1] * 4, "padding": "SAME", "dilations": [1, rate, rate, 1]}
    with tf.init_scope():
        kernel, outputs = tf.ones((3, 3, 2, 4), dtype), tf.ones((1, 3, 3, 4), dtype)
        try:
            tf.raw_ops.Conv2DBackpropInput(input_sizes=[1, 3, 3, 4], filter=kernel, out_backprop=outputs, **options)
            tf.raw_ops.Conv2DBackpropFilter(input=outputs, filter_sizes=[3, 3, 2, 4], out_backprop=outputs, **options)
        except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError):
            return False
    return True
