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
        if self.is_over(epoch + 1):
            self.model.stop_training = True

    def is_over(self, epochs):
        """Return whether so many epochs are enough; a run that resumes may have ended already."""
        best = best_epoch(self.keeper.curves, self.keeper.head)
        return bool(self.epochs) and epochs > 0 and epochs - best >= self.epochs


class EpochProgress(keras.callbacks.Callback):
    """Shows how far an epoch is, as all other long work; Keras writes a line when it has ended."""

    def on_epoch_begin(self, epoch, logs=None):
        self.bar = progress(None, f"epoch {epoch + 1}", self.params.get("steps"), unit="batch")

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self.bar.close()


class Speed(keras.callbacks.Callback):
    """Training images per second, validation apart; the first batch, which compiles, does not count.

    Args:
        images: float, of a step, the mean.
    """

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
        return self.images * self.done / self.seconds if self.seconds else 0.0
