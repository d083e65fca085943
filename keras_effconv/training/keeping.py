"""What keeps the state of a run while it trains, so that it resumes exactly, whenever it was killed."""

import time
from pathlib import Path

import keras

from keras_effconv.training.checkpoint import BEST, START, STATE, Progress, best_epoch, save, write_arrays
from keras_effconv.utils.files import remove_unfinished

DECIDED = ("run", "epochs", "parts")  # what a run has decided when it began, and keeps when it resumes


class Checkpoint(keras.callbacks.Callback):
    """Evaluates the averaged weights, keeps the best of them if asked to, and saves the whole state.

    A checkpoint is written after each epoch, and within one every `seconds`; the batch is noted, so that an epoch of
    hours need not be repeated.

    Args:
        folder: where to write; `None` writes nothing, for all processes of a run but one.
        variables: callable -> list of the variables to save.
        network: the model whose best weights are kept.
        selects: bool, whether they are.
        average: `MovingAverage`, or `None`.
        progress: `Progress` at the beginning.
        images: int, of an epoch.
        batch_size: int.
        seconds: float, between checkpoints within an epoch. Default 600.
    """

    def __init__(self, folder, variables, network, selects, average, progress, images, batch_size, seconds=600.0):
        super().__init__()
        self.folder, self.variables, self.network = folder and Path(folder), variables, network
        self.selects = selects
        self.average, self.seconds, self.images, self.batch_size = average, seconds, images, batch_size
        self.curves, self.head = dict(progress.curves), dict(progress.head)
        self.epoch, self.before, self.partial = progress.epoch, progress.step, dict(progress.partial)
        self.decided = {name: getattr(progress, name) for name in DECIDED}
        self.has_best = selects and progress.arrays is not None  # a file of another run may lie there
        self.saved = time.monotonic()
        for name in (STATE, BEST, START) if folder else ():
            remove_unfinished(self.folder / name)

    def swap(self):
        """Exchange the weights of network and average."""
        if self.average is not None:
            self.average.swap()

    def keep_best(self):
        """Keep the network's weights if the latest epoch is the best so far, and the best one is asked for."""
        if self.selects and best_epoch(self.curves, self.head) == len(self.curves.get("val_loss", ())):
            self.has_best = True
            if self.folder:
                write_arrays(self.folder / BEST, self.network.weights, self.decided["run"])

    def save(self, step, partial):
        """Save the state at a batch of this epoch."""
        if self.folder:
            save(self.folder, self.variables(), self._progress(step, partial))
        self.saved = time.monotonic()

    def _progress(self, step, partial):
        return Progress(self.epoch, step, partial, self.curves, self.head, **self.decided)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        done = self.before + batch + 1
        # Not after the last batch: nothing could resume from there, and the epoch's own checkpoint follows.
        if done * self.batch_size < self.images and time.monotonic() - self.saved >= self.seconds:
            self._synchronize()
            self.save(done, self._whole(logs, self.batch_size * (batch + 1)))

    def on_test_begin(self, logs=None):
        self.swap()

    def on_test_end(self, logs=None):
        self.swap()

    def on_epoch_end(self, epoch, logs=None):
        for name, value in self._whole(logs, self.images - self.before * self.batch_size).items():
            self.curves.setdefault(name, []).append(value)
        self._synchronize()
        self.swap()
        self.keep_best()
        self.swap()
        self.epoch, self.before, self.partial = epoch + 1, 0, {}
        self.save(0, {})

    def _whole(self, logs, images):
        """Average metrics over so many images with those of the epoch from before an interruption."""
        earlier = self.before * self.batch_size
        share = images / (images + earlier)
        means = {name: float(value) for name, value in (logs or {}).items()}
        return {n: share * v + (1 - share) * self.partial[n] if n in self.partial else v for n, v in means.items()}

    def _synchronize(self):
        """Make the newest values current: on JAX, `fit` keeps them elsewhere until it is asked for them."""
        getattr(self.model, "jax_state_sync", lambda: None)()
