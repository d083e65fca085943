"""A whole run of a recipe: the head on frozen features, then the network in stages, with checkpoints."""

import contextlib
import dataclasses
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv import zoo
from keras_effconv.training import checkpoint
from keras_effconv.training.augmentation.mixing import Mixing
from keras_effconv.training.augmentation.pipeline import augmentation
from keras_effconv.training.callbacks import Patience, Speed
from keras_effconv.training.checkpoint import Checkpoint, best_epoch, restore, restore_best
from keras_effconv.training.devices import Devices
from keras_effconv.training.head import features, fit_head
from keras_effconv.training.input_pipeline import Streamed, feed, for_fit
from keras_effconv.training.network import backbone, blocks, classifier, unfreeze
from keras_effconv.training.optimization.averaging import MovingAverage
from keras_effconv.training.optimization.losses import balanced
from keras_effconv.training.optimization.optimizers import l2, make_optimizer
from keras_effconv.training.optimization.schedules import learning_rate
from keras_effconv.training.phases import stages
from keras_effconv.training.recalibrate import recalibrate
from keras_effconv.training.trainer import Trainer, at_size

NAME = "network"
FIT_IMAGES = 256  # for warm starts: see keras_effconv.zoo.fit
LR, FUSED_LR = 1e-3, 1e-4  # kernels over many channels under frozen batch statistics collapse at 1e-3


class Result(NamedTuple):
    """What a run ends with.

    Attributes:
        model: the classifier: images (n, size, size, 3), RGB, 0..255 -> probabilities, preprocessing inside.
        load_report: the `LoadReport` of its weights, or `None`.
        head_accuracy: float, on the validation images after the first phase; `None` without one.
        head_curves: dict of curves by name, an entry each: what the first phase ended with.
        curves: dict likewise of the epochs of the network.
        best: int, the epoch whose weights the model has: the most accurate one on the validation images; 0: the head.
        images_per_second: float, of training the network; 0 without epochs.
    """

    model: keras.Model
    load_report: object
    head_accuracy: float | None
    head_curves: dict
    curves: dict
    best: int
    images_per_second: float


def train(recipe, dataset, folder, resume=False, callbacks=(), devices=None, checkpoint_seconds=600.0):
    """Train a classifier on a data set as a recipe says.

    Killed at any moment and called again with `resume`, it ends with the numbers of the uninterrupted run.

    Args:
        recipe: `Recipe`.
        dataset: `Dataset`, its images of the size that `network.preprocessing(recipe)` names.
        folder: where checkpoints go.
        resume: bool; go on from the checkpoint in the folder, if there is one.
        callbacks: Keras callbacks of the network's epochs.
        devices: `Devices`; default: one.
        checkpoint_seconds: float, between checkpoints within an epoch. Default 600.

    Returns:
        A `Result`.

    Raises:
        ValueError: a part of the recipe does not fit the network or the checkpoint.
        OSError: a checkpoint cannot be written; the one before is whole.
    """
    keras.utils.set_random_seed(recipe.seed)
    progress = restore(folder) if resume else checkpoint.Progress()
    with precision(recipe.dtype):
        network, progress, report = _prepared(recipe, dataset, progress)
        run = Run(recipe, dataset, network, report, devices or Devices())
        place = run.devices.writer and folder
        size = len(dataset.train), recipe.batch_size
        keeper = Checkpoint(place, run.variables, run.network, run.average, progress, *size, checkpoint_seconds)
        speed = Speed(len(dataset.train))
        run.go(progress, keeper, [keeper, speed, Patience(recipe.patience, keeper), *callbacks])
    model = run.devices.gather(run.network)
    restore_best(folder, model)
    curves, head = keeper.curves, keeper.head
    accuracy = head["val_accuracy"][-1] if head else None
    return Result(model, report, accuracy, head, curves, best_epoch(curves, head), speed.images_per_second)


@contextlib.contextmanager
def precision(policy):
    """Build and train under a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _prepared(recipe, dataset, progress):
    """The classifier with its weights and, where the run begins, a head fitted to frozen features."""
    base = backbone(recipe)
    model = classifier(base, len(dataset.class_names), recipe.dropout, NAME)
    if progress.arrays is not None:
        place = f"at epoch {progress.epoch + 1} of {recipe.epochs}, batch {progress.step}"
        print(f"resuming {place if progress.epoch < recipe.epochs else 'after the last epoch'}")
        return model, progress, base.load_report
    if base.load_report is not None:
        print(base.load_report)
        if base.load_report.approximate:
            _warm(base, recipe, feed(dataset.train, recipe, shuffle=True))
    if not recipe.head_c:
        return model, progress, base.load_report
    mirror = dataset.flip and recipe.augmentation != "none"
    print("features of the frozen network, once")
    train = features(base, feed(dataset.train, recipe), mirror)
    validation = features(base, feed(dataset.validation, recipe))
    return model, progress._replace(head=fit_head(model, recipe, train, validation)), base.load_report


def _warm(base, recipe, batches):
    """Bring what was poured into another kind near to the plain network, by the training images; no label is used."""
    if not zoo.can_fit(base):
        print("measuring batch statistics again, since the kind is not the file's")
        return recalibrate(base, batches)
    print("fitting the kernels to what the plain network computes, since the kind is not the file's")
    teacher = backbone(dataclasses.replace(recipe, conv="Conv()"))
    some = range(min(len(batches), -(-FIT_IMAGES // recipe.batch_size)))
    zoo.fit(base, teacher, np.concatenate([batches[i][0] for i in some])[:FIT_IMAGES])


class Run:
    """The network of a run on its devices, and the stages of its training."""

    def __init__(self, recipe, dataset, network, report, devices):
        if devices.strategy is not None and recipe.accumulate > 1:  # Keras' own accumulation fails there
            raise ValueError(f"`accumulate` must be 1 on several devices of TensorFlow. Received: {recipe.accumulate}")
        self.recipe, self.dataset, self.devices = recipe, dataset, devices
        with devices.scope():
            self.network = devices.place(network)
            self.average = MovingAverage(self.network, recipe.ema) if recipe.ema else None
        self.teacher = keras.models.load_model(recipe.teacher, compile=False) if recipe.teacher else None
        fused = report is not None and report.fused
        self.peak = recipe.lr if recipe.lr is not None else FUSED_LR if fused else LR
        self.steps = len(feed(dataset.train, recipe))
        self.trainer, self.trained = None, []  # and the paths of what it trains: layers are shared, and thaw

    def variables(self):
        """All that a checkpoint holds."""
        return [*self.trainer.variables, *self.trainer.optimizer.variables]

    def go(self, progress, keeper, callbacks):
        """The stages from `progress` on."""
        if progress.arrays is None and progress.head:
            keeper.keep_best()
        # A checkpoint was written in the stage of the last epoch that it saw something of.
        seen = progress.epoch if progress.step or progress.arrays is None else progress.epoch - 1
        for number, stage in enumerate(stages(self.recipe, self.network.input_shape[1], len(blocks(self.network)))):
            if stage.last <= seen or (self.trainer is not None and self.trainer.stop_training):
                continue
            self._enter(stage, number)
            if progress.arrays is not None:
                checkpoint.assign(self.variables(), progress.arrays)
                keeper.before, progress = progress.step, progress._replace(arrays=None)
            self._fit(stage, progress, callbacks)

    def _enter(self, stage, number):
        """A trainer for a stage; what the optimizer has learned of the same variables stays."""
        recipe, before = self.recipe, self.trainer
        with self.devices.scope():
            trained = unfreeze(self.network, stage.blocks, recipe.freeze_norm)
            shown = f"{len(trained)} blocks" if stage.blocks >= 0 else "all blocks"
            print(f"epochs {stage.first + 1} to {stage.last}: {shown} and the head, {stage.size} pixels")
            seed, streamed = recipe.seed + 1000 * number, isinstance(self.dataset.train, Streamed)
            labels = len(self.dataset.class_names)
            self.trainer = Trainer(
                self.network,
                recipe,
                augmentation(recipe, stage.size, self.dataset.flip and not streamed, seed, streamed),
                Mixing(recipe.mixup, recipe.cutmix, seed),
                at_size(self.network, stage.size),
                self.average,
                self.teacher,
                l2(recipe, self.network),
                balanced(self.dataset.train.labels, labels).tolist() if recipe.class_weights else None,
            )
            optimizer = make_optimizer(recipe, learning_rate(recipe, self.peak, self.steps), self.network)
            self.trainer.compile(optimizer, weighted_metrics=_metrics(labels))
            self.trainer.build((None, *self.network.input_shape[1:]))
            self.trainer.optimizer.build(self.trainer.trainable_variables)
        paths = [v.path for v in self.trainer.trainable_variables]
        if before is not None:
            _hand_over(before.optimizer, self.trainer.optimizer, paths == self.trained)
        self.trained = paths

    def _fit(self, stage, progress, callbacks):
        """The epochs of a stage that are left; one that was interrupted first, from the batch that it had come to."""
        batches = feed(self.dataset.train, self.recipe, shuffle=True, shard=self.devices.shard)
        validation = feed(self.dataset.validation, self.recipe, shard=self.devices.shard)
        first = max(progress.epoch, stage.first)
        for last in [first + 1, stage.last] if progress.step else [stage.last]:
            if first >= last or self.trainer.stop_training:
                continue
            batches.set_epoch(first, progress.step if first == progress.epoch else 0)
            self.trainer.fit(
                for_fit(batches),
                validation_data=for_fit(validation),
                epochs=last,
                initial_epoch=first,
                shuffle=False,
                verbose="auto" if self.devices.writer else 0,
                callbacks=[batches.follow_epochs(), *callbacks],
            )
            first = last


def _metrics(classes):
    """Top-1, and top-5 where that is not everything."""
    found = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    return found + ([keras.metrics.SparseTopKCategoricalAccuracy(5, name="top5")] if classes > 5 else [])


def _hand_over(old, new, same):
    """The steps that an optimizer has done; and its slots, where the next one trains the same variables."""
    for source, target in zip(old.variables, new.variables) if same else [(old.iterations, new.iterations)]:
        target.assign(source)
