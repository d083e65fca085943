"""TensorFlow's SAME padding, computed from the size that really arrives."""

import keras
from keras import ops

from keras_effconv.layers.base import IntPair
from keras_effconv.utils.arguments import pair


def same_padding(size, kernel_size, stride, dilation=1):
    """Return the rows to add before and after an axis so that `ceil(size / stride)` windows fit.

    TensorFlow puts the odd row at the end, and the number of rows depends on the parity of `size`.

    Args:
        size: int, or an integer scalar tensor if the size is known only at run time.
        kernel_size: int.
        stride: int.
        dilation: int. Default 1.

    Example:

    >>> same_padding(224, kernel_size=3, stride=2), same_padding(75, kernel_size=3, stride=2)
    ((0, 1), (1, 1))
    """
    reach = dilation * (kernel_size - 1) + 1
    total = (-(-size // stride) - 1) * stride + reach - size
    total = max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
    return total // 2, total - total // 2


def pad_2d(x, height, width):
    """Pad with zeros: (n, h, w, c) -> (n, h + sum(height), w + sum(width), c); the amounts may be scalar tensors."""
    return ops.pad(x, [[0, 0], list(height), list(width), [0, 0]])


def pad_same(x, kernel_size, strides, dilation_rate=(1, 1)):
    """Pad a map (n, h, w, c) so that a "valid" convolution of it gives what "same" gives on `x`."""
    sizes = ops.shape(x)[1:3]
    return pad_2d(x, *map(same_padding, sizes, kernel_size, strides, dilation_rate))


def output_size(size, kernel_size, stride, padding, dilation=1):
    """Return the number of windows along one axis; `None` in, `None` out.

    Example:

    >>> output_size(9, 3, 2, "same"), output_size(9, 3, 2, "valid"), output_size(None, 3, 2, "same")
    (5, 4, None)
    """
    if size is None:
        return None
    reach = 1 if padding == "same" else dilation * (kernel_size - 1) + 1
    return max(-(-(size - reach + 1) // stride), 0)


@keras.saving.register_keras_serializable(package="keras_effconv")
class SamePadding2D(keras.layers.Layer):
    """Pad with zeros so that a strided "valid" convolution equals a "same" one, at every size.

    `keras.applications` pads with a `ZeroPadding2D` whose amounts are fixed when the model is built: right for a
    static size, wrong for odd sizes in a model built with unknown ones. The amounts of this layer follow the input.

    Args:
        kernel_size: int or pair of ints, of the convolution that follows.
        strides: int or pair of ints, of the convolution that follows.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        `(n, h, w, c)`.

    Output shape:
        `(n, h + pad_h, w + pad_w, c)`.

    Raises:
        ValueError: if an argument is not as above.

    Example:

    >>> tuple(SamePadding2D(3, 2)(keras.ops.ones((1, 224, 75, 3))).shape)
    (1, 225, 77, 3)
    """

    def __init__(self, kernel_size: IntPair, strides: IntPair, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.strides = pair("strides", strides)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        return pad_same(inputs, self.kernel_size, self.strides)

    def compute_output_shape(self, input_shape):
        n, *sizes, c = input_shape
        padded = (
            None if size is None else size + sum(same_padding(size, k, s))
            for size, k, s in zip(sizes, self.kernel_size, self.strides, strict=True)
        )
        return (n, *padded, c)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size, "strides": self.strides}
