"""What watches a run: early stopping, its speed, and how far an epoch is."""

import time

import keras

from keras_effconv.training.checkpoint import best_epoch
from keras_effconv.utils.progress import progress


class Patience(keras.callbacks.Callback):
    """Ends training after so many epochs without a better validation accuracy; 0: never.

    Keras' `EarlyStopping` counts for itself and forgets on resumption; this one reads the curves.
    """

    def __init__(self, epochs, keeper):
        super().__init__()
        self.epochs, self.keeper = epochs, keeper

    def on_epoch_end(self, epoch, logs=None):
        if self.epochs and epoch + 1 - best_epoch(self.keeper.curves, self.keeper.head) >= self.epochs:
            self.model.stop_training = True


class EpochProgress(keras.callbacks.Callback):
    """Shows how far an epoch is, as all other long work; Keras writes a line when it has ended."""

    def on_epoch_begin(self, epoch, logs=None):
        self.bar = progress(None, f"epoch {epoch + 1}", self.params.get("steps"), unit="batch")

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()


class Speed(keras.callbacks.Callback):
    """Training images per second, validation apart; the first batch, which compiles, does not count."""

    def __init__(self, images):
        super().__init__()
        self.images, self.seconds, self.done, self.begun = images, 0.0, 0, None

    def on_train_batch_begin(self, batch, logs=None):
        if self.begun is None and batch:
            self.begun = time.perf_counter()
            self.first = batch

    def on_train_batch_end(self, batch, logs=None):
        self.last = batch

    def on_test_begin(self, logs=None):
        if self.begun is not None:
            self.seconds += time.perf_counter() - self.begun
            self.done += self.last - self.first + 1
        self.begun = None

    @property
    def images_per_second(self):
        """Return the speed over all epochs so far; 0 before the first has ended."""
        steps = max(self.params.get("steps") or 1, 1) if self.params else 1
        return self.images * self.done / steps / self.seconds if self.seconds else 0.0
