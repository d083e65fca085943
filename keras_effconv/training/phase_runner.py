"""The epochs of a run, phase by phase: each phase has a trainer of its own over the same layers."""

import contextlib

import keras

from keras_effconv.training import checkpoint
from keras_effconv.training.augmentation.mixing import Mixing
from keras_effconv.training.augmentation.pipeline import augmentation
from keras_effconv.training.callbacks import EpochProgress
from keras_effconv.training.folding import folded
from keras_effconv.training.input_pipeline import Streamed, feed, for_fit
from keras_effconv.training.network import blocks, unfreeze
from keras_effconv.training.optimization.averaging import MovingAverage
from keras_effconv.training.optimization.optimizers import l2, make_optimizer
from keras_effconv.training.optimization.schedules import learning_rate
from keras_effconv.training.phases import phases
from keras_effconv.training.task import task_of
from keras_effconv.training.trainer import Trainer, at_size


class PhaseRunner:
    """The network of a run on its devices, and the phases of its training.

    Args:
        recipe: `Recipe`.
        dataset: `Dataset`.
        network: the classifier.
        peak: float, the highest learning rate.
        devices: `Devices`.
        teacher: `Teacher`, or `None`.
    """

    def __init__(self, recipe, dataset, network, peak, devices, teacher=None):
        self.recipe, self.dataset, self.devices, self.peak = recipe, dataset, devices, peak
        with devices.scope():
            self.network = devices.place(network)
            self.average = MovingAverage(self.network, recipe.ema) if recipe.ema else None
        self.teacher = teacher
        self.steps, self.task = len(feed(dataset.train, recipe)), task_of(dataset)
        self.trainer = None
        self.trained = []  # paths of what it trains: layers are shared, and thaw

    def variables(self):
        """Return all that a checkpoint holds."""
        return [*self.trainer.variables, *self.trainer.optimizer.variables]

    def run(self, progress, keeper, callbacks):
        """Train in the phases that are left.

        Args:
            progress: `Progress` at the beginning.
            keeper: `Checkpoint`.
            callbacks: Keras callbacks, the keeper among them.
        """
        if progress.arrays is None and progress.head:
            keeper.keep_best()
        # A checkpoint was written in the phase of the last epoch that it saw something of.
        seen = progress.epoch if progress.step or progress.arrays is None else progress.epoch - 1
        for number, phase in enumerate(self._phases()):
            if phase.last <= seen or (self.trainer is not None and self.trainer.stop_training):
                continue
            shown = self._enter(phase, number)
            at = f"{phase.size} pixels, rates up to {self.peak:.2g}"
            print(f"epochs {phase.first + 1} to {phase.last}: {shown} and the head, {at}")
            if progress.arrays is not None:
                checkpoint.assign(self.variables(), progress.arrays)
                keeper.before, progress = progress.step, progress._replace(arrays=None)
            self._fit(phase, progress, callbacks)

    @contextlib.contextmanager
    def trial(self, schedule=None):
        """Return a context with the trainer of the last phase, the most expensive one; what it learns is undone.

        Args:
            schedule: learning rates in place of the recipe's. Default: the recipe's.
        """
        self._enter(self._phases()[-1], 0, schedule)
        before = [keras.ops.convert_to_numpy(variable) for variable in self.variables()]
        yield self.trainer
        checkpoint.assign(self.variables(), before)
        self.trainer, self.trained = None, []

    def _phases(self):
        return phases(self.recipe, self.network.input_shape[1], len(blocks(self.network)))

    def _enter(self, phase, number, schedule=None):
        """Make the trainer of a phase, and say what it trains; what the optimizer has learned of the same stays."""
        recipe, before = self.recipe, self.trainer
        with self.devices.scope():
            unfrozen = len(unfreeze(self.network, phase.blocks, recipe.freeze_norm, recipe.freeze_depthwise))
            seed, streamed = recipe.seed + 1000 * number, isinstance(self.dataset.train, Streamed)
            classes = len(self.dataset.class_names)
            self.trainer = Trainer(
                self.network,
                recipe,
                augmentation(recipe, phase.size, self.dataset.flip and not streamed, seed, streamed),
                Mixing(recipe.mixup, recipe.cutmix, seed),
                folded(at_size(self.network, phase.size)),
                self.average,
                self.teacher,
                l2(recipe, self.network),
                self.task.class_weights(self.dataset.train.labels, classes) if recipe.class_weights else None,
                shared=self.devices.strategy is not None,
                task=self.task,
            )
            schedule = schedule or learning_rate(recipe, self.peak, self.steps)
            optimizer = make_optimizer(recipe, schedule, self.network)
            self.trainer.compile(optimizer, weighted_metrics=self.task.metrics(classes))
            self.trainer.build((None, *self.network.input_shape[1:]))
            self.trainer.optimizer.build(self.trainer.trainable_variables)
        paths = [v.path for v in self.trainer.trainable_variables]
        if before is not None:
            _hand_over(before.optimizer, self.trainer.optimizer, paths == self.trained)
        self.trained = paths
        return f"{unfrozen} blocks" if phase.blocks >= 0 else "all blocks"

    def _fit(self, phase, progress, callbacks):
        """Train for the epochs of a phase that are left; an interrupted one first, from the batch it had come to."""
        batches = feed(self.dataset.train, self.recipe, shuffle=True, devices=self.devices)
        validation = feed(self.dataset.validation, self.recipe, devices=self.devices)
        bars = [EpochProgress()] if self.devices.writer else []
        first = max(progress.epoch, phase.first)
        for last in [first + 1, phase.last] if progress.step else [phase.last]:
            if first >= last or self.trainer.stop_training:
                continue
            batches.set_epoch(first, progress.step if first == progress.epoch else 0)
            self.trainer.fit(
                for_fit(batches),
                validation_data=for_fit(validation),
                epochs=last,
                initial_epoch=first,
                shuffle=False,
                verbose=2 if self.devices.writer else 0,  # a line an epoch
                callbacks=[*bars, batches.follow_epochs(), *callbacks],
            )
            first = last


def _hand_over(old, new, same):
    """Give an optimizer the steps of another one, and its slots if both train the same variables."""
    for source, target in zip(old.variables, new.variables) if same else [(old.iterations, new.iterations)]:
        target.assign(source)
