"""Fine-tuning in two phases: a head on frozen features, then whole blocks from the end."""

import time
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.data import Batches
from keras_effconv.training.augment import augmentation
from keras_effconv.training.checkpoint import BEST, Checkpoint, best_epoch, restore
from keras_effconv.training.head import features, fit_head, smoothed_loss
from keras_effconv.training.network import backbone, classifier, unfreeze
from keras_effconv.training.recalibrate import recalibrate


class Result(NamedTuple):
    """What a fine-tune ends with.

    Attributes:
        model: the classifier: images (n, size, size, 3), RGB, 0..255 -> probabilities, preprocessing inside.
        load_report: the `LoadReport` of its weights, or `None`.
        head_accuracy: float, on the validation images after the first phase.
        head_curves: dict of curves by name, an entry per epoch of the first phase.
        curves: dict likewise of the second phase.
        best: int, the epoch whose weights the model has: the most accurate one on the validation images; 0: the head.
        images_per_second: float, of the second phase's training; 0 without one.
    """

    model: keras.Model
    load_report: object
    head_accuracy: float
    head_curves: dict
    curves: dict
    best: int
    images_per_second: float


def fine_tune(recipe, dataset, folder, resume=False, callbacks=()):
    """Fine-tune a model on a data set.

    Args:
        recipe: `FineTune`.
        dataset: `Dataset`, its images of the size that `network.preprocessing(recipe)` names.
        folder: where the checkpoint goes.
        resume: bool; go on from the checkpoint in the folder, if there is one.
        callbacks: Keras callbacks of the second phase.

    Returns:
        A `Result`.
    """
    keras.utils.set_random_seed(recipe.seed)
    steps = -(-len(dataset.train) // recipe.batch_size)
    saved = restore(folder, steps) if resume else None
    if saved:
        training, done, history = saved
        head, report = history.pop("head"), None
        print(f"resuming after epoch {done} of {recipe.epochs}")
    else:
        training, head, report = _start(recipe, dataset)
        done, history = 0, {}
    model = training.get_layer(NAME)
    checkpoint, speed = Checkpoint(folder, model, history, head), Speed(len(dataset.train))
    if not saved:
        checkpoint.keep_best()
    if done < recipe.epochs:
        _second_phase(recipe, dataset, training, done, [checkpoint, speed, *callbacks])
    model.load_weights(Path(folder) / BEST)
    best = best_epoch(history, head)
    return Result(model, report, head["val_accuracy"][-1], head, history, best, speed.images_per_second)


def _start(recipe, dataset):
    """The first phase, and the second one compiled."""
    base = backbone(recipe)
    if base.load_report is not None:
        print(base.load_report)
        if base.load_report.approximate:
            print("measuring batch statistics again, since the kind is not the file's")
            recalibrate(base, Batches(dataset.train, recipe.batch_size, shuffle=True, seed=recipe.seed))
    model = classifier(base, len(dataset.class_names), recipe.dropout, NAME)
    mirror = dataset.flip and recipe.augmentation != "none"
    labels = np.tile(dataset.train.labels, 2 if mirror else 1)
    print("features of the frozen network, once")
    train = (features(base, dataset.train, recipe.batch_size, mirror), labels)
    validation = (features(base, dataset.validation, recipe.batch_size), dataset.validation.labels)
    curves = fit_head(model, recipe, train, validation)
    trained = unfreeze(model, recipe.unfreeze_blocks)
    print(f"unfrozen: {', '.join(trained) or 'nothing'} and the head; batch normalisation stays frozen")
    fused = base.load_report is not None and base.load_report.fused
    peak = recipe.lr if recipe.lr is not None else FUSED_LR if fused else LR
    return _compiled(recipe, dataset, model, peak), curves, base.load_report


def _compiled(recipe, dataset, model, peak):
    """The network behind its augmentation, with AdamW: warm-up over the first tenth, then a cosine to 0."""
    size = model.input_shape[1]
    images = keras.Input((size, size, 3), name="images")
    augment = augmentation(recipe.augmentation, size, dataset.flip, recipe.seed)
    training = keras.Model(images, model(augment(images)), name="training")
    total = recipe.epochs * -(-len(dataset.train) // recipe.batch_size)
    warm_up = total // 10
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 100, max(total - warm_up, 1), warmup_target=peak, warmup_steps=max(warm_up, 1)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    training.compile(optimizer, smoothed_loss(len(dataset.class_names), recipe.label_smoothing), metrics=["accuracy"])
    return training


def _second_phase(recipe, dataset, training, done, callbacks):
    """The epochs that are left, with the blocks that are unfrozen."""
    classes = len(dataset.class_names)
    batches = OneHot(dataset.train, classes, recipe.batch_size, True, recipe.seed)
    training.fit(
        batches,
        validation_data=OneHot(dataset.validation, classes, recipe.batch_size),
        epochs=recipe.epochs,
        initial_epoch=done,
        shuffle=False,
        callbacks=[batches.follow_epochs(), *callbacks],
    )


class OneHot(Batches):
    """Batches whose labels are one-hot, as label smoothing wants them."""

    def __init__(self, split, classes, batch_size, shuffle=False, seed=0):
        self.eye = np.eye(classes, dtype="float32")
        super().__init__(split, batch_size, shuffle, seed)

    def __getitem__(self, index):
        images, labels = super().__getitem__(index)
        return images, self.eye[labels]


class Speed(keras.callbacks.Callback):
    """Training images per second, validation apart."""

    def __init__(self, images):
        super().__init__()
        self.images, self.seconds, self.epochs, self.begun, self.images_per_second = images, 0.0, 0, None, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.perf_counter()

    def on_test_begin(self, logs=None):
        if self.begun is not None:
            self.seconds, self.epochs = self.seconds + time.perf_counter() - self.begun, self.epochs + 1
            self.images_per_second, self.begun = self.images * self.epochs / self.seconds, None


NAME = "network"
LR, FUSED_LR = 1e-3, 1e-4  # kernels over many channels under frozen batch statistics collapse at 1e-3
