"""The first phase: features computed once, and a head fitted to them."""

import keras
import numpy as np

from keras_effconv.data import Batches
from keras_effconv.training.progress import EpochBar


def features(backbone, split, batch_size, mirror=False):
    """Pooled features (n, c) of a split, and with `mirror` those of the mirror images below them (2 n, c)."""
    batches = Batches(split, batch_size)
    plain = backbone.predict(batches, verbose=1)
    if not mirror:
        return plain
    return np.concatenate([plain, backbone.predict(Flipped(split, batch_size), verbose=1)])


class Flipped(Batches):
    """The mirror images of a split."""

    def __getitem__(self, index):
        images, labels = super().__getitem__(index)
        return images[:, :, ::-1], labels


def fit_head(model, recipe, train, validation):
    """Fit the layer `predictions` of a model to cached features.

    Args:
        model: the whole network; its last layer is the head.
        recipe: `FineTune`.
        train: pair of features (n, c) and labels (n,).
        validation: pair likewise.

    Returns:
        dict of curves by name, a value per epoch.
    """
    layer = model.get_layer("predictions")
    inputs = keras.Input(train[0].shape[1:])
    x = keras.layers.Dropout(recipe.dropout)(inputs)
    head = keras.Model(inputs, layer(x))
    steps = -(-len(train[0]) // recipe.batch_size) * recipe.head_epochs
    rate = keras.optimizers.schedules.CosineDecay(recipe.head_lr, max(steps, 1))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    head.compile(optimizer, smoothed_loss(layer.units, recipe.label_smoothing), metrics=["accuracy"])
    fitted = head.fit(
        *_one_hot(train, layer.units),
        validation_data=_one_hot(validation, layer.units),
        batch_size=recipe.batch_size,
        epochs=recipe.head_epochs,
        verbose=0,
        callbacks=[EpochBar("head")],
    )
    return fitted.history


def smoothed_loss(classes, smoothing):
    """Cross-entropy on one-hot labels."""
    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing if classes > 1 else 0.0)


def _one_hot(pair, classes):
    return pair[0], keras.ops.convert_to_numpy(keras.ops.one_hot(pair[1], classes))
