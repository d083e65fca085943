"""AutoAugment and RandAugment: two operations per image, from a table, each image its own."""

import keras
import numpy as np
from keras import ops, random

from keras_effconv.training.augmentation import image_ops
from keras_effconv.training.augmentation.image_ops import OPERATIONS
from keras_effconv.training.augmentation.policy_tables import POLICIES, STRENGTHS


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
        """Draw indices in `OPERATIONS` (count, 2) and their values (count, 2)."""
        raise NotImplementedError

    def _read(self, entries):
        """Return the operations of some entries (count, 2) and their values, each to a side that is drawn."""
        sides = ops.where(random.uniform(ops.shape(entries), seed=self.generator) < 0.5, -1.0, 1.0)
        sides = ops.where(ops.take(self._signed, entries), sides, 1.0)
        values = ops.take(self._starts, entries) + sides * ops.take(self._reaches, entries)
        return ops.take(self._operations, entries), values

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def _apply(drawn):
    image, operations, values = drawn
    for i in range(2):
        image = ops.switch(operations[i], OPERATIONS, image, values[i])
    return image


@keras.saving.register_keras_serializable(package="keras_effconv")
class AutoAugment(Policy):
    """AutoAugment (arXiv:1805.09501): one of 25 pairs of operations for each image, each with its probability.

    Shears, shifts and rotations go to either side, as in all implementations. `policy_tables.py` says where the numbers
    come from. Interpolation is bilinear, and thresholds are not rounded; the TPU repository takes the nearest pixel and
    rounds down.

    Args:
        policy: `"imagenet"` (table 9), `"cifar10"` (table 7) or `"v0"` (EfficientNet's).
        seed: int.
    """

    def __init__(self, policy="imagenet", seed=0, **layer_arguments):
        ranges, chances, strengths = zip(*POLICIES[policy].entries())
        super().__init__(ranges, np.array(strengths), seed, **layer_arguments)
        self.policy = policy
        self._chances = np.array(chances, "float32")

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
