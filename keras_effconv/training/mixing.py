"""Mixup and CutMix inside the training step: images in the forward pass, labels in the loss."""

from types import SimpleNamespace

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="keras_effconv")
class Mixing(layers.Layer):
    """Mixes each image of a batch with another one, in training only; `targets` mixes the labels by the same draw.

    Keras' `MixUp` (arXiv:1710.09412) and `CutMix` (arXiv:1905.04899) draw and mix, a weight per image. With both, each
    batch takes one of the two, with equal chances. `targets` must be called after the layer in the same traced step.

    Args:
        mixup: float, alpha of mixup's Beta distribution; 0, the default, for none.
        cutmix: float up to 1, alpha of CutMix; 0, the default, for none.
        seed: int.

    Example:

    >>> import numpy as np
    >>> mixing = Mixing(mixup=0.2, seed=0)
    >>> images, labels = np.zeros((2, 8, 8, 3), "float32"), np.eye(2, dtype="float32")
    >>> images = mixing(images, training=True)
    >>> [float(total) for total in mixing.targets(labels).numpy().sum(1).round(3)]
    [1.0, 1.0]
    """

    def __init__(self, mixup=0.0, cutmix=0.0, seed=0, **layer_arguments):
        super().__init__(**{"dtype": "float32", **layer_arguments})
        self.mixup, self.cutmix, self.seed = mixup, cutmix, seed
        self.mixers = []
        if mixup:
            self.mixers.append(layers.MixUp(mixup, seed=seed, dtype="float32"))
        if cutmix:
            self.mixers.append(layers.CutMix((cutmix, cutmix), seed=seed + 1, dtype="float32"))
        self.generator = keras.random.SeedGenerator(seed + 2)
        self._drawn = SimpleNamespace(by_mixer=(), first=None)  # of the step that is being traced; never saved

    def build(self, input_shape):
        for mixer in self.mixers:
            mixer.build(input_shape)

    def call(self, images, training=False):
        self._drawn.by_mixer = ()
        if not (training and self.mixers):
            return images
        self._drawn.by_mixer = tuple(mixer.get_random_transformation(images) for mixer in self.mixers)
        self._drawn.first = keras.random.uniform((), seed=self.generator) < 0.5
        return self._one([mixer.transform_images(images, draw) for mixer, draw in self._pairs()])

    def targets(self, one_hot):
        """Labels (n, classes) mixed as the images of the last call were; as they are if those were not mixed."""
        if not self._drawn.by_mixer:
            return one_hot
        one_hot = ops.cast(one_hot, "float32")
        return self._one([mixer.transform_labels(one_hot, draw) for mixer, draw in self._pairs()])

    def _pairs(self):
        return zip(self.mixers, self._drawn.by_mixer)

    def _one(self, mixed):
        return mixed[0] if len(mixed) == 1 else ops.where(self._drawn.first, *mixed)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "mixup": self.mixup, "cutmix": self.cutmix, "seed": self.seed}
