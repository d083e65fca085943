"""Checks of the arguments that all constructors share, and the image that they stand for."""

import numbers
from collections.abc import Iterable

import keras
from keras import layers

MIN_SIZE = 32


def check_choices(published, pooling, include_top, classes, classifier_activation):
    """Check what does not depend on the family; `published` weights are of as many classes as published files have."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("keras_effconv works with `channels_last` maps only: keras.config.set_image_data_format()")
    if pooling not in (None, "avg", "max"):
        raise ValueError(f'`pooling` must be `None`, "avg" or "max". Received: pooling={pooling!r}')
    activation, softmax = keras.activations.get(classifier_activation), keras.activations.softmax
    if include_top and classes == 1 and activation is softmax:
        raise ValueError(
            "`classifier_activation` must be 'sigmoid' or `None` with one class, of which the softmax is always 1. "
            f"Received: classes=1, classifier_activation={classifier_activation!r}"
        )
    if published and include_top and activation not in (keras.activations.linear, softmax):
        raise ValueError(
            "`classifier_activation` must be `None` or 'softmax' with pretrained weights of as many classes. "
            f"Received: classifier_activation={classifier_activation!r}"
        )


def image_shape(input_shape, size, include_top):
    """Return (height, width, channels) of the image; `None` is a size that is not known."""
    if input_shape is None:
        return (size, size, 3) if include_top else (None, None, 3)
    given = tuple(input_shape) if isinstance(input_shape, Iterable) else ()
    whole = all(side is None or (isinstance(side, numbers.Integral) and side > 0) for side in given)
    if len(given) != 3 or not whole or given[-1] is None:
        raise ValueError(
            f"`input_shape` must be (height, width, channels) with known channels. Received: input_shape={input_shape}"
        )
    if any(side is not None and side < MIN_SIZE for side in given[:2]):
        raise ValueError(f"Input size must be at least {MIN_SIZE}x{MIN_SIZE}. Received: input_shape={input_shape}")
    if include_top and None in given:
        raise ValueError(f"If `include_top` is True, `input_shape` must be static. Received: input_shape={input_shape}")
    return tuple(side if side is None else int(side) for side in given)


def image_tensor(input_tensor, shape):
    """Return the tensor that the network reads: the one that is given, or an input of that shape."""
    if input_tensor is None:
        return layers.Input(shape=shape, name="input_layer")
    if not keras.backend.is_keras_tensor(input_tensor) or len(input_tensor.shape) != 4 or not input_tensor.shape[-1]:
        raise ValueError(
            "`input_tensor` must be a `keras.KerasTensor` (n, height, width, channels) with known channels. "
            f"Received: input_tensor={' '.join(repr(input_tensor).split()):.80}"
        )
    return input_tensor
