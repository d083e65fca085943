"""The learning rate of mimicking: as high as the network bears it, with a warm-up, and down to 0 by a cosine."""

import math

import keras
import numpy as np

from keras_effconv.utils.extras import require

WARM_UP, WARM_UP_STEPS = 0.05, 20  # of the steps, and at least so many
TRIALS, TRIAL, TRIAL_WARM_UP = 6, 16, 6  # at most so many trials, of so many steps
LOWER = 0.4  # times the rate: the next one on trial
WINDOW = 6  # steps whose mean loss is compared
LIMIT = 1.2  # times the loss at the start: what noise may add to it, and takes back as the rate falls
LOST, LOST_WINDOW = 1.4, 3  # times it: no use to go on


def schedule(step: int, steps: int) -> float:
    """Return the share of the highest rate that a step has.

    Example:

    >>> [round(schedule(step, 100), 2) for step in (0, 10, 20, 60, 99)]
    [0.05, 0.55, 1.0, 0.5, 0.0]
    """
    warm_up = max(1, min(max(round(WARM_UP * steps), WARM_UP_STEPS), steps // 4))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1))


def find_rate(take_step, variables, highest: float, start: float, verbose: bool = True) -> float:
    """Return the highest of some rates, each 0.4 of the one before, at which steps do not raise the loss.

    Nothing is changed.

    How high a rate may be depends on the depth of a network and on the noise of its gradients: ResNet-20 bears 0.02,
    EfficientNet-Lite0 a tenth of it. One that is too high shows within a few steps.

    Args:
        take_step: callable (number of the batch, rate) -> loss.
        variables: list of Keras variables that steps change; they are set back after each trial.
        highest: float, the first rate that is tried.
        start: float, the loss ahead of the first step.
        verbose: bool, whether to show a progress bar. Default `True`.
    """
    begun = [keras.ops.convert_to_numpy(v) for v in variables]
    rates = [highest * LOWER**trial for trial in range(TRIALS)]
    for rate in require("tqdm").tqdm(rates, "trying rates", unit="rate", leave=False, disable=not verbose):
        kept = _keeps(take_step, rate, start)
        for variable, value in zip(variables, begun):
            variable.assign(value)
        if kept:
            break
    return rate


def _keeps(take_step, rate, start):
    """Return whether the loss is no higher than noise makes it, after some steps at a rate."""
    losses = []
    for number in range(TRIAL):
        losses.append(take_step(number, rate * min(1.0, (number + 1) / TRIAL_WARM_UP)))
        if not math.isfinite(losses[-1]) or np.mean(losses[-LOST_WINDOW:]) > LOST * start:
            return False
    return np.mean(losses[-WINDOW:]) <= LIMIT * start
