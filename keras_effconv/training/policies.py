"""AutoAugment and RandAugment: two operations per image, from a table, each image its own."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops, random

from keras_effconv.training import image_ops
from keras_effconv.training.image_ops import OPERATIONS


class Range(NamedTuple):
    """Values of an operation: `start` at strength 0, `start + reach` at 1; `signed`: or `start - reach`."""

    operation: object
    start: float
    reach: float
    signed: bool


class Policy(keras.layers.Layer):
    """Applies in training what `draw` says; subclasses draw entries of their table.

    Each image goes through its own operations alone, in a loop over the batch: the shape of a batch must be known but
    for its first dimension.

    Args:
        ranges: sequence of `Range`, the entries.
        strengths: float, or one for each entry.
        seed: int.
    """

    def __init__(self, ranges, strengths, seed, **layer_arguments):
        super().__init__(**{"dtype": "float32", **layer_arguments})
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.supports_jit = keras.backend.backend() != "tensorflow"  # whose XLA has no affine transform
        self._operations = np.array([OPERATIONS.index(r.operation) for r in ranges], "int32")
        self._starts = np.array([r.start for r in ranges], "float32")
        self._reaches = (np.array([r.reach for r in ranges]) * strengths).astype("float32")
        self._signed = np.array([r.signed for r in ranges])

    def call(self, images, training=False):
        if not training:
            return images
        return ops.map(_apply, (ops.clip(images, 0, 255), *self.draw(ops.shape(images)[0])))

    def draw(self, count):
        """Indices in `OPERATIONS` (count, 2) and their values (count, 2)."""
        raise NotImplementedError

    def _read(self, entries):
        """The operations of some entries (count, 2) and their values, each to a side drawn here."""
        sides = ops.where(random.uniform(ops.shape(entries), seed=self.generator) < 0.5, -1.0, 1.0)
        sides = ops.where(ops.take(self._signed, entries), sides, 1.0)
        values = ops.take(self._starts, entries) + sides * ops.take(self._reaches, entries)
        return ops.take(self._operations, entries), values

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def _apply(drawn):
    image, chosen, values = drawn
    for i in range(2):
        image = ops.switch(chosen[i], OPERATIONS, image, values[i])
    return image


@keras.saving.register_keras_serializable(package="keras_effconv")
class AutoAugment(Policy):
    """AutoAugment (arXiv:1805.09501): one of 25 pairs of operations for each image, each with its probability.

    The magnitudes 0 to 9 divide the ranges of the paper's table 6; shears, shifts and rotations go to either side, as
    in all implementations.

    Args:
        policy: `"imagenet"` (table 9) or `"cifar10"` (table 7).
        seed: int.
    """

    def __init__(self, policy="imagenet", seed=0, **layer_arguments):
        entries = [entry.split() for entry in POLICIES[policy].replace(",", "\n").strip().splitlines()]
        strengths = np.array([int(magnitude) / 9 for _, _, magnitude in entries])
        super().__init__([PAPER[name] for name, _, _ in entries], strengths, seed, **layer_arguments)
        self.policy = policy
        self._chances = np.array([float(chance) for _, chance, _ in entries], "float32")

    def draw(self, count):
        pair = random.randint((count, 1), 0, len(self._chances) // 2, seed=self.generator)
        entries = 2 * pair + np.arange(2, dtype="int32")
        operations, values = self._read(entries)
        taken = random.uniform((count, 2), seed=self.generator) < ops.take(self._chances, entries)
        return ops.where(taken, operations, OPERATIONS.index(image_ops.identity)), values

    def get_config(self):
        return {**super().get_config(), "policy": self.policy}


@keras.saving.register_keras_serializable(package="keras_effconv")
class RandAugment(Policy):
    """RandAugment (arXiv:1909.13719): two of 14 operations for each image, all of one strength.

    `keras.layers.RandAugment` draws one pair for the whole batch, computes all of its 11 operations twice and chooses
    then, equalizes by the histogram of the batch, and rotates by up to half a turn at strength 0.5; so it is not used.

    Args:
        magnitude: float, 0 to 1. Default 0.5; the paper's M of 10 is `M / 10`.
        seed: int.
    """

    def __init__(self, magnitude=0.5, seed=0, **layer_arguments):
        super().__init__(STRENGTHS, magnitude, seed, **layer_arguments)
        self.magnitude = magnitude

    def draw(self, count):
        return self._read(random.randint((count, 2), 0, len(STRENGTHS), seed=self.generator))

    def get_config(self):
        return {**super().get_config(), "magnitude": self.magnitude}


_SHEAR, _SHIFT, _TURN, _FACTOR, _NONE = (
    (0, 0.3, True),
    (0, 150 / 331, True),
    (0, 30, True),
    (0.1, 1.8, False),
    (0, 0, False),
)
PAPER = {
    "ShearX": Range(image_ops.shear_x, *_SHEAR),
    "ShearY": Range(image_ops.shear_y, *_SHEAR),
    "TranslateX": Range(image_ops.translate_x, *_SHIFT),
    "TranslateY": Range(image_ops.translate_y, *_SHIFT),
    "Rotate": Range(image_ops.rotate, *_TURN),
    "AutoContrast": Range(image_ops.auto_contrast, *_NONE),
    "Invert": Range(image_ops.invert, *_NONE),
    "Equalize": Range(image_ops.equalize, *_NONE),
    "Solarize": Range(image_ops.solarize, 0, 256, False),
    "Posterize": Range(image_ops.posterize, 4, 4, False),
    "Contrast": Range(image_ops.contrast, *_FACTOR),
    "Color": Range(image_ops.color, *_FACTOR),
    "Brightness": Range(image_ops.brightness, *_FACTOR),
    "Sharpness": Range(image_ops.sharpness, *_FACTOR),
}
# In AutoAugment a larger magnitude is another value; here all grow with the strength, from doing nothing.
_EITHER = (1, 0.9, True)
STRENGTHS = (
    Range(image_ops.identity, *_NONE),
    *(PAPER[name] for name in ("AutoContrast", "Equalize", "Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")),
    Range(image_ops.solarize, 256, -256, False),
    Range(image_ops.posterize, 8, -4, False),
    Range(image_ops.contrast, *_EITHER),
    Range(image_ops.color, *_EITHER),
    Range(image_ops.brightness, *_EITHER),
    Range(image_ops.sharpness, *_EITHER),
)
# Operation, probability and magnitude (0 where an operation has none), twice a line.
POLICIES = {
    "imagenet": """
Posterize 0.4 8, Rotate 0.6 9
Solarize 0.6 5, AutoContrast 0.6 0
Equalize 0.8 0, Equalize 0.6 0
Posterize 0.6 7, Posterize 0.6 6
Equalize 0.4 0, Solarize 0.2 4
Equalize 0.4 0, Rotate 0.8 8
Solarize 0.6 3, Equalize 0.6 0
Posterize 0.8 5, Equalize 1.0 0
Rotate 0.2 3, Solarize 0.6 8
Equalize 0.6 0, Posterize 0.4 6
Rotate 0.8 8, Color 0.4 0
Rotate 0.4 9, Equalize 0.6 0
Equalize 0.0 0, Equalize 0.8 0
Invert 0.6 0, Equalize 1.0 0
Color 0.6 4, Contrast 1.0 8
Rotate 0.8 8, Color 1.0 2
Color 0.8 8, Solarize 0.8 7
Sharpness 0.4 7, Invert 0.6 0
ShearX 0.6 5, Equalize 1.0 0
Color 0.4 0, Equalize 0.6 0
Equalize 0.4 0, Solarize 0.2 4
Solarize 0.6 5, AutoContrast 0.6 0
Invert 0.6 0, Equalize 1.0 0
Color 0.6 4, Contrast 1.0 8
Equalize 0.8 0, Equalize 0.6 0
""",
    "cifar10": """
Invert 0.1 0, Contrast 0.2 6
Rotate 0.7 2, TranslateX 0.3 9
Sharpness 0.8 1, Sharpness 0.9 3
ShearY 0.5 8, TranslateY 0.7 9
AutoContrast 0.5 0, Equalize 0.9 0
ShearY 0.2 7, Posterize 0.3 7
Color 0.4 3, Brightness 0.6 7
Sharpness 0.3 9, Brightness 0.7 9
Equalize 0.6 0, Equalize 0.5 0
Contrast 0.6 7, Sharpness 0.6 5
Color 0.7 7, TranslateX 0.5 8
Equalize 0.3 0, AutoContrast 0.4 0
TranslateY 0.4 3, Sharpness 0.2 6
Brightness 0.9 6, Color 0.2 8
Solarize 0.5 2, Invert 0.0 0
Equalize 0.2 0, AutoContrast 0.6 0
Equalize 0.2 0, Equalize 0.6 0
Color 0.9 9, Equalize 0.6 0
AutoContrast 0.8 0, Solarize 0.2 8
Brightness 0.1 3, Color 0.7 0
Solarize 0.4 5, AutoContrast 0.9 0
TranslateY 0.9 9, TranslateY 0.7 9
AutoContrast 0.9 0, Solarize 0.8 3
Equalize 0.8 0, Invert 0.1 0
TranslateY 0.7 9, AutoContrast 0.9 0
""",
}
