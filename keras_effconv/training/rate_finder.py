"""The learning rate that a network bears, by a range test (Smith, 2015, arXiv:1506.01186)."""

import keras
import numpy as np

from keras_effconv.training.input_pipeline import feed, for_fit
from keras_effconv.training.reporting import plots
from keras_effconv.utils.files import read_json, write_json

FILE, PICTURE = FILES = "learning_rates.json", "learning_rates.png"
FIRST, LAST, STEPS = 1e-6, 1.0, 100
SMOOTHING = 0.9  # of the losses, step by step
DIVERGED = 3.0  # times the lowest loss, at which the test ends
BELOW = 10.0  # the rate at which the loss is lowest is about to diverge: one a tenth as high is safe


@keras.saving.register_keras_serializable(package="keras_effconv")
class Rising(keras.optimizers.schedules.LearningRateSchedule):
    """Rates that rise from `FIRST` to `LAST` in `STEPS` steps, each by the same factor."""

    def __call__(self, step):
        share = keras.ops.cast(step, "float32") / (STEPS - 1)
        return keras.ops.exp(np.log(FIRST) + share * np.log(LAST / FIRST))

    def get_config(self):
        return {}


class Losses(keras.callbacks.Callback):
    """The smoothed loss of each step; ends training when it has diverged, or after `STEPS`."""

    def __init__(self):
        super().__init__()
        self.mean, self.losses, self.total = 0.0, [], 0.0

    def on_train_batch_end(self, batch, logs=None):
        # Keras reports the mean since the epoch began.
        total = (batch + 1) * float(logs["loss"])
        loss = total - (self.total if batch else 0.0)
        self.total = total
        self.mean = SMOOTHING * self.mean + (1 - SMOOTHING) * loss
        self.losses.append(self.mean / (1 - SMOOTHING ** (len(self.losses) + 1)))
        lost = not np.isfinite(loss) or self.losses[-1] > DIVERGED * min(self.losses)
        self.model.stop_training = self.model.stop_training or lost or len(self.losses) == STEPS


def suggested(rates, losses) -> float:
    """Return the rate to train with: a tenth of the one at which the smoothed loss is lowest.

    Args:
        rates: sequence of floats, rising.
        losses: sequence of floats, smoothed, one for each rate; what is not finite does not count.

    Example:

    >>> suggested([1e-4, 1e-3, 1e-2, 1e-1], [2.0, 1.5, 1.2, 9.0])
    0.001
    """
    finite = np.where(np.isfinite(losses), losses, np.inf)
    return float(rates[int(np.argmin(finite))] / BELOW)


def range_test(runner) -> tuple[list[float], list[float]]:
    """Train some steps at rising rates, and undo them: the rates, and the smoothed loss at each.

    Args:
        runner: `PhaseRunner`, before its first phase.
    """
    batches, watch = feed(runner.dataset.train, runner.recipe, shuffle=True), Losses()
    options = {"shuffle": False, "verbose": 0, "callbacks": [batches.follow_epochs(), watch]}
    with runner.trial(Rising()) as trainer:
        trainer.fit(for_fit(batches), epochs=-(-STEPS // len(batches)), **options)
    rates = np.geomspace(FIRST, LAST, STEPS)[: len(watch.losses)]
    return rates.tolist(), watch.losses


def found_rate(run, runner, resumed) -> float:
    """Return the rate of a range test; a run that resumes finds it in its folder.

    Args:
        run: `Run`.
        runner: `PhaseRunner`, before its first phase.
        resumed: bool, whether the run continues from a checkpoint.

    Raises:
        ValueError: the file of an interrupted run is missing, damaged, or another run's.
    """
    if resumed:
        return _read(run.folder / FILE, run.identity)
    rates, losses = range_test(runner)
    rate = suggested(rates, losses)
    print(f"{len(rates)} steps at rising rates: the loss is lowest at {BELOW * rate:.2g}, so the rate is {rate:.2g}")
    write_json(run.folder / FILE, {"rate": rate, "rates": rates, "losses": losses, "run": run.identity})
    if run.reports:
        plots.rates(rates, losses, rate, run.folder / PICTURE)
    return rate


def _read(path, run):
    try:
        known = read_json(path)
        rate, theirs = float(known["rate"]), known["run"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"{path}, which cannot be read: {error}"
        raise ValueError(f"`{FILE}` must be the file of a run that resumes. Received: {text}") from None
    if theirs != run:
        raise ValueError(f"`{FILE}` must be of the run that resumes. Received: {path}, which is another run's")
    return rate
