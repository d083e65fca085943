"""Crops of images as layers: a window per image, resampled to one size by two products of matrices."""

import math

import keras
from keras import ops, random


def resample(images, boxes, size):
    """Resample a box of each image, bilinear, averaged if a box is shrunk (as `antialias` does).

    Args:
        images: (n, h, w, c), float32.
        boxes: (n, 4) or (1, 4) for all, in pixels: top, left, height, width. What lies outside of an image is 0.
        size: int, pixels.

    Returns:
        (n, size, size, c).
    """
    top, left, height, width = ops.split(ops.cast(boxes, "float32"), 4, axis=1)
    images = ops.einsum("nyh,nhwc->nywc", *_spread(_weights(top, height, ops.shape(images)[1], size), images))
    return ops.einsum("nxw,nywc->nyxc", *_spread(_weights(left, width, ops.shape(images)[2], size), images))


def _weights(start, length, pixels, size):
    """Return (n, size, pixels): how much of each pixel is in each new one."""
    shrink = length / size
    centres = (start + (ops.arange(size, dtype="float32") + 0.5) * shrink)[..., None]
    distance = ops.abs(centres - ops.arange(pixels, dtype="float32") - 0.5)
    weights = ops.relu(1 - distance / ops.maximum(shrink, 1.0)[..., None])
    return weights / ops.maximum(ops.sum(weights, -1, keepdims=True), 1e-3)


def _spread(weights, images):
    """Repeat the weights once for each image."""
    return ops.broadcast_to(weights, (ops.shape(images)[0], *ops.shape(weights)[1:])), images


@keras.saving.register_keras_serializable(package="keras_effconv")
class Resample(keras.layers.Layer):
    """Images of any size, whole, at one size; what has that size stays as it is.

    Subclasses take another part of each image in training.

    Args:
        size: int, pixels.
        seed: int.
    """

    def __init__(self, size, seed=0, **layer_arguments):
        super().__init__(**{"dtype": "float32", **layer_arguments})
        self.size, self.seed = size, seed
        self.generator = keras.random.SeedGenerator(seed)

    def boxes(self, images):
        """Return what is seen in training, as in `resample`; `None` for all of it."""
        return None

    def call(self, images, training=False):
        boxes = self.boxes(images) if training else None
        if boxes is not None:
            return resample(images, boxes, self.size)
        if tuple(images.shape[1:3]) == (self.size, self.size):
            return images
        height, width = ops.shape(images)[1:3]
        return resample(images, ops.stack([[0, 0, height, width]]), self.size)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "seed": self.seed}


@keras.saving.register_keras_serializable(package="keras_effconv")
class PadCrop(Resample):
    """In training, images shifted by up to an eighth of their sides, whole pixels, black where nothing is left.

    On CIFAR's 32 pixels these are the 4 pixels of zeros and the random crop of He et al. (arXiv:1512.03385, 4.2).
    """

    def boxes(self, images):
        count, *sides = ops.shape(images)[:3]
        start = [random.randint((count,), -(side // 8), side // 8 + 1, seed=self.generator) for side in sides]
        whole = [ops.broadcast_to(ops.cast(side, "int32"), (count,)) for side in sides]
        return ops.stack([ops.cast(x, "int32") for x in (*start, *whole)], axis=1)


@keras.saving.register_keras_serializable(package="keras_effconv")
class InceptionCrop(Resample):
    """In training, a random part of each image: 8 to 100 % of its area, of ratio 3/4 to 4/3 (arXiv:1409.4842, 6).

    As elsewhere, the first of ten draws that fits into the image is taken; if there is none, the last one, cut off.
    """

    def boxes(self, images):
        count, height, width = ops.shape(images)[:3]
        height, width = ops.cast(height, "float32"), ops.cast(width, "float32")
        area = height * width * random.uniform((count, TRIES), *AREA, seed=self.generator)
        ratio = ops.exp(random.uniform((count, TRIES), -math.log(RATIO), math.log(RATIO), seed=self.generator))
        tall, wide = ops.sqrt(area / ratio), ops.sqrt(area * ratio)
        fits = ops.logical_and(tall <= height, wide <= width)
        fits = ops.logical_or(fits, ops.arange(TRIES) == TRIES - 1)
        first = ops.argmax(ops.cast(fits, "int32"), axis=1)[:, None]
        tall = ops.minimum(ops.take_along_axis(tall, first, axis=1)[:, 0], height)
        wide = ops.minimum(ops.take_along_axis(wide, first, axis=1)[:, 0], width)
        place = random.uniform((2, count), seed=self.generator)
        return ops.stack([place[0] * (height - tall), place[1] * (width - wide), tall, wide], axis=1)


AREA, RATIO, TRIES = (0.08, 1.0), 4 / 3, 10
