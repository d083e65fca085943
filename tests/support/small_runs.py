"""Data sets and recipes of which a whole run takes seconds."""

import keras
import numpy as np

from keras_effconv import data
from keras_effconv.training import Recipe

COLOURS = np.array([(220, 40, 40), (40, 220, 40), (40, 40, 220), (200, 200, 40)])
TINY = Recipe(
    model="ResNet20",
    options={"depth": 0.3, "width": 0.5},
    weights=None,
    image_size=32,
    epochs=1,
    batch_size=8,
    unfreeze_blocks=1,
    augmentation="none",
    ema=0,
)

SMALL = Recipe(
    model="ResNet20",
    options={"depth": 0.3, "width": 0.5},
    weights=None,
    image_size=32,
    head_c=0,
    epochs=4,
    batch_size=16,
    optimizer="nesterov",
    lr=0.05,
    warmup_epochs=1,
    weight_decay=5e-4,
    unfreeze_blocks=-1,
    freeze_norm=False,
    freeze_depthwise=False,
    augmentation="pad-crop",
    mixup=0.2,
    ema=0.9,
)


class Stop(Exception):
    """What a killed run does not say."""


class StopAt(keras.callbacks.Callback):
    """Ends a run after a batch, as if it were killed."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.moment, self.epoch = (epoch, batch), None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.moment:
            raise Stop


def coloured(labels, seed=0, names=None):
    """A `Split`: noise around the colour of each label."""
    labels, rng = np.asarray(labels, "int32"), np.random.default_rng(seed)
    images = rng.integers(-40, 40, (len(labels), 32, 32, 3)) + COLOURS[labels][:, None, None]
    names = names or tuple(f"image {i}" for i in range(len(labels)))
    return data.Split(images.clip(0, 255).astype("uint8"), labels, tuple(names))


def coloured_set(train, validation, test=None, class_names=("red", "green", "blue")):
    """A `Dataset` of labels."""
    parts = [
        None if labels is None else coloured(labels, seed) for seed, labels in enumerate((train, validation, test))
    ]
    return data.Dataset("colours", parts[0], parts[1], tuple(class_names), test=parts[2])
