"""A run that ends in time: as many epochs as fit, and a last look at the clock at each batch."""

import dataclasses
import math
import statistics
import time

import keras
import numpy as np

from keras_effconv.training.input_pipeline import feed

STEPS = 3  # that are timed, behind the first one, which compiles
CLOSING = 30.0  # seconds, of what a run does once that does not grow with its images: export, page, pictures
SPARE = 0.9  # of the time that is left, for epochs: a machine is not always equally fast


@dataclasses.dataclass(frozen=True)
class Budget:
    """The time of a run.

    Attributes:
        seconds: float, of the whole run.
        begun: float, `time.perf_counter()` when it began.
        closing: float, seconds that are kept for what follows the epochs.
    """

    seconds: float
    begun: float
    closing: float = CLOSING

    @property
    def left(self) -> float:
        """Return the seconds that are left for epochs."""
        return self.begun + self.seconds - self.closing - time.perf_counter()


def fitting_epochs(runner, budget: Budget) -> tuple[int, Budget]:
    """Return how many epochs fit into a budget, at most those of the recipe, 0 if none does; and the budget.

    A few steps are timed, and undone. The budget keeps the time of what follows the epochs: the validation images are
    judged twice more, when networks are blended and for the report, and the test images once.

    Args:
        runner: `PhaseRunner`, before its first phase.
        budget: `Budget`.
    """
    recipe, dataset = runner.recipe, runner.dataset
    begun = time.perf_counter()
    step, judging = _timed(runner)
    compiling = max(0.0, time.perf_counter() - begun - (STEPS + 1) * step)
    validation, test = (judging * _batches(split, recipe) for split in (dataset.validation, dataset.test))
    budget = dataclasses.replace(budget, closing=budget.closing + 2 * validation + test)
    epoch = runner.steps * step + validation
    fit = math.floor((budget.left - compiling) * SPARE / epoch)
    number = max(0, min(recipe.epochs, fit))
    print(f"{max(budget.left, 0):.0f} s are left, an epoch takes about {epoch:.0f}: {number} of {recipe.epochs} epochs")
    return number, budget


def _batches(split, recipe):
    return 0 if split is None else math.ceil(len(split) / recipe.batch_size)


def _timed(runner):
    """Return the seconds of a step, and of judging a batch; reading is done meanwhile, and may take longer."""
    recipe, batches = runner.recipe, feed(runner.dataset.train, runner.recipe, shuffle=True)
    images, labels = _full(batches[0][:2], recipe.batch_size)
    read = min(STEPS, len(batches) - 1)
    reading = _seconds(lambda: [batches[i + 1] for i in range(read)]) / max(read, 1)
    with runner.trial() as trainer:
        learning = [_seconds(lambda: trainer.train_on_batch(images, labels)) for _ in range(STEPS + 1)][1:]
        _, judging = (_seconds(lambda: trainer.test_on_batch(images, labels)) for _ in range(2))
    return max(reading, statistics.median(learning)), max(reading, judging)


def _full(batch, size):
    """Return images and labels of a batch, repeated until it has its size."""
    return [np.resize(each, (size, *each.shape[1:])) for each in batch]


def _seconds(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class Deadline(keras.callbacks.Callback):
    """Ends training when the time for epochs is over, in the middle of an epoch if need be."""

    def __init__(self, budget: Budget):
        super().__init__()
        self.budget = budget

    def on_train_batch_end(self, batch, logs=None):
        if self.budget.left < 0 and not self.model.stop_training:
            print(f"\nthe time is over after {batch + 1} batches of this epoch", flush=True)
            self.model.stop_training = True
