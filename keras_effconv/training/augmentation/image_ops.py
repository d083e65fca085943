"""The operations of AutoAugment on one image (h, w, 3), 0..255, as Pillow has them."""

import math

import keras
import numpy as np
from keras import ops

GREY = 128.0  # where nothing is left, as in the TPU repository of EfficientNet


def affine(image, a0, a1, a2, b0, b1, b2):
    """Transform an image: the pixel at (x, y) comes from (a0 x + a1 y + a2, b0 x + b1 y + b2)."""
    matrix = ops.stack([ops.cast(x, "float32") for x in (a0, a1, a2, b0, b1, b2, 0.0, 0.0)])
    return ops.image.affine_transform(image, matrix, "bilinear", "constant", GREY, data_format="channels_last")


def shear_x(image, share):
    return affine(image, 1, share, 0, 0, 1, 0)


def shear_y(image, share):
    return affine(image, 1, 0, 0, share, 1, 0)


def translate_x(image, share):
    return affine(image, 1, 0, share * image.shape[1], 0, 1, 0)


def translate_y(image, share):
    return affine(image, 1, 0, 0, 0, 1, share * image.shape[0])


def translate_y_pixels(image, pixels):
    return affine(image, 1, 0, 0, 0, 1, pixels)


def rotate(image, degrees):
    cos, sin = ops.cos(degrees * math.pi / 180), ops.sin(degrees * math.pi / 180)
    y, x = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    return affine(image, cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)


def auto_contrast(image, _):
    low, high = ops.min(image, (0, 1)), ops.max(image, (0, 1))
    return ops.where(high > low, (image - low) * 255 / ops.maximum(high - low, 1e-3), image)


def invert(image, _):
    return 255 - image


def equalize(image, _):
    """Spread each channel's levels so that its histogram is flat."""
    levels = ops.cast(image, "int32") + 256 * np.arange(3, dtype="int32")
    histogram = ops.reshape(_histogram(ops.reshape(levels, (-1,))), (3, 256))
    total = image.shape[0] * image.shape[1]
    below = ops.cumsum(histogram, axis=1) - histogram
    last = ops.max(ops.where(histogram > 0, np.arange(256, dtype="int32"), 0), axis=1, keepdims=True)
    step = (total - ops.take_along_axis(histogram, last, axis=1)) // 255
    table = ops.clip((below + step // 2) // ops.maximum(step, 1), 0, 255)
    table = ops.where(step > 0, table, np.arange(256, dtype="int32"))
    return ops.cast(ops.take(ops.reshape(table, (-1,)), levels), "float32")


def _histogram(levels):
    """Count 0..767. JAX compiles no `ops.bincount`; the other way is four times as slow on TensorFlow."""
    if keras.backend.backend() == "tensorflow":
        return ops.cast(ops.bincount(levels, minlength=768), "int32")
    return ops.segment_sum(ops.ones_like(levels), levels, num_segments=768)


def solarize(image, threshold):
    return ops.where(image < threshold, image, 255 - image)


def solarize_add(image, amount):
    """Make the darker half lighter, as the TPU repository does."""
    return ops.where(image < 128, ops.clip(image + amount, 0, 255), image)


def posterize(image, bits):
    """Keep the highest bits, at least one: TensorFlow's shift of a byte by eight is one by seven."""
    step = ops.power(2.0, 8 - ops.maximum(ops.floor(bits), 1))
    return ops.floor(image / step) * step


def color(image, factor):
    return _blend(_grey(image), image, factor)


def contrast(image, factor):
    return _blend(ops.mean(_grey(image)), image, factor)


def brightness(image, factor):
    return _blend(0.0, image, factor)


def sharpness(image, factor):
    around = ops.pad(image, ((1, 1), (1, 1), (0, 0)), mode="symmetric")[None]
    return _blend(ops.depthwise_conv(around, SMOOTH, data_format="channels_last")[0], image, factor)


def identity(image, _):
    return image


def _grey(image):
    return ops.sum(image * np.array([0.299, 0.587, 0.114], "float32"), axis=-1, keepdims=True)


def _blend(plain, image, factor):
    return ops.clip(plain + factor * (image - plain), 0, 255)


SMOOTH = np.full((3, 3, 3, 1), 1 / 13, "float32")
SMOOTH[1, 1] = 5 / 13
OPERATIONS = (
    identity, shear_x, shear_y, translate_x, translate_y, rotate, auto_contrast, invert, equalize, solarize, posterize,
    contrast, color, brightness, sharpness, solarize_add, translate_y_pixels,
)  # fmt: skip
