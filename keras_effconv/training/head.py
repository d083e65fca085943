"""The first phase: features computed once, and a head fitted to them."""

import tempfile

import keras
import numpy as np

from keras_effconv.extras import require
from keras_effconv.training.losses import cross_entropy
from keras_effconv.training.optimizers import KernelAdamW
from keras_effconv.training.progress import EpochBar

MEMORY_LIMIT = 1 << 30  # bytes of features; more go to a temporary file that is mapped


def features(backbone, batches, mirror=False):
    """Pooled features of a split and its labels, and with `mirror` those of each image's mirror image after it.

    Args:
        backbone: model, images -> features (n, c).
        batches: `Epochs`, in the split's order.
        mirror: bool.

    Returns:
        Pair of arrays, (n, c) float32 and (n,) int32; twice as many rows with `mirror`.
    """
    bar, found, labels, done = require("tqdm").tqdm, None, [], 0
    for i in bar(range(len(batches)), "features", unit="batch", dynamic_ncols=True):
        images, known = batches[i][:2]
        for view in (images, images[:, :, ::-1]) if mirror else (images,):
            # A full last batch, so that no other graph is made for it.
            rows = backbone.predict_on_batch(np.resize(view, (batches.batch_size, *view.shape[1:])))[: len(view)]
            if found is None:
                found = _room(batches.total * batches.batch_size * (1 + mirror), rows.shape[-1])
            found[done : done + len(rows)] = rows
            labels.append(known)
            done += len(rows)
    return found[:done], np.concatenate(labels)


def _room(rows, columns):
    """An array (rows, columns), in memory or on disk."""
    if 4 * rows * columns <= MEMORY_LIMIT:
        return np.empty((rows, columns), "float32")
    return np.memmap(tempfile.TemporaryFile(), "float32", "w+", shape=(rows, columns))


def fit_head(model, recipe, train, validation):
    """Fit the layer `predictions` of a model to cached features.

    Args:
        model: the whole network; its last layer is the head.
        recipe: `Recipe`.
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
    optimizer = KernelAdamW(rate, weight_decay=recipe.weight_decay)
    head.compile(optimizer, cross_entropy(recipe.label_smoothing), metrics=["accuracy"])
    fitted = head.fit(
        *_one_hot(train, layer.units),
        validation_data=_one_hot(validation, layer.units),
        batch_size=recipe.batch_size,
        epochs=recipe.head_epochs,
        verbose=0,
        callbacks=[EpochBar("head")],
    )
    return fitted.history


def _one_hot(pair, classes):
    return pair[0], keras.ops.convert_to_numpy(keras.ops.one_hot(pair[1], classes))
