"""Mixup and CutMix inside the training step: images in the forward pass, labels in the loss."""

from types import SimpleNamespace

import keras
from keras import ops, random


@keras.saving.register_keras_serializable(package="keras_effconv")
class Mixing(keras.layers.Layer):
    """Mixes each image of a batch with another one, in training only; `targets` mixes the labels by the same draw.

    Of each image a share of Beta(alpha, alpha) stays: of every pixel with mixup (arXiv:1710.09412), of the area with
    CutMix (arXiv:1905.04899), where a rectangle comes from the other image. With both, each batch takes one of the two,
    with equal chances. `targets` must be called after the layer, in the same traced step.

    Of Keras' layers `MixUp` warns on JAX, and `CutMix` takes no alpha above 1 and weighs the labels by a rectangle that
    ends between pixels; so they are not used.

    Args:
        mixup: float, alpha of mixup; 0, the default, for none.
        cutmix: float, alpha of CutMix; 0, the default, for none.
        seed: int.

    Example:

    >>> import numpy as np
    >>> mixing = Mixing(mixup=0.2, seed=0)
    >>> images, labels = np.zeros((2, 8, 8, 3), "float32"), np.eye(2, dtype="float32")
    >>> images = mixing(images, training=True)
    >>> [round(float(total), 3) for total in ops.sum(mixing.targets(labels), axis=1)]
    [1.0, 1.0]
    """

    def __init__(self, mixup=0.0, cutmix=0.0, seed=0, **layer_arguments):
        super().__init__(**{"dtype": "float32", **layer_arguments})
        self.mixup, self.cutmix, self.seed = mixup, cutmix, seed
        self.generator = random.SeedGenerator(seed)
        if mixup or cutmix:
            self.supports_jit = keras.backend.backend() != "tensorflow"  # whose XLA draws no Beta distribution
        self._drawn = SimpleNamespace(share=None, order=None)  # of the step that is being traced

    def call(self, images, training=False):
        self._drawn.share = None
        if not training or not (self.mixup or self.cutmix):
            return images
        shares = [draw(images) for draw, alpha in ((self._faded, self.mixup), (self._cut, self.cutmix)) if alpha]
        first = random.uniform((), seed=self.generator) < 0.5
        self._drawn.share = shares[0] if len(shares) == 1 else ops.where(first, *shares)
        self._drawn.order = random.shuffle(ops.arange(ops.shape(images)[0], dtype="int32"), seed=self.generator)
        return self._mixed(images, self._drawn.share)

    def targets(self, one_hot):
        """Mix labels (n, classes) as the images of the last call were mixed, if they were."""
        if self._drawn.share is None:
            return one_hot
        return self._mixed(ops.cast(one_hot, "float32"), ops.mean(self._drawn.share, axis=(1, 2)))

    def _mixed(self, values, share):
        return share * values + (1 - share) * ops.take(values, self._drawn.order, axis=0)

    def _faded(self, images):
        """Return what stays of each image, (n, 1, 1, 1)."""
        return random.beta((ops.shape(images)[0], 1, 1, 1), self.mixup, self.mixup, seed=self.generator)

    def _cut(self, images):
        """Return what stays of each pixel, 0 or 1, (n, h, w, 1)."""
        count, height, width = ops.shape(images)[:3]
        side = ops.sqrt(1 - random.beta((count, 1), self.cutmix, self.cutmix, seed=self.generator))
        rows, columns = (self._inside(side, pixels) for pixels in (height, width))
        return 1 - rows[:, :, None, None] * columns[:, None, :, None]

    def _inside(self, side, pixels):
        """Return 1 for the pixels within `side` of the whole, around a random centre, (n, pixels)."""
        pixel = ops.cast(ops.arange(pixels), "float32")
        centre = random.uniform(ops.shape(side), seed=self.generator) * ops.cast(pixels, "float32")
        return ops.cast(ops.abs(pixel + 0.5 - centre) < side * ops.cast(pixels, "float32") / 2, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "mixup": self.mixup, "cutmix": self.cutmix, "seed": self.seed}
