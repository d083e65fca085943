"""The learning rate of mimicking: as high as the network bears it, with a warm-up, and down to 0 by a cosine."""

import math

import keras
import numpy as np

from keras_effconv.utils.progress import progress

WARM_UP, WARM_UP_STEPS = 0.05, 20  # of the steps, and at least so many
RATES, LOWER = 6, 0.4  # at most so many rates on trial, each so many times the one before
LIMIT = 1.2  # times the loss before: what a trial may cost, since a longer run has time to win it back
LOST, LOST_WINDOW = 3.0, 3  # times it, as the mean of so many steps: no use to go on


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


def find_rate(take_step, measure, variables, highest: float, steps: int, verbose: bool = True) -> float:
    """Return the highest of some rates, each 0.4 of the one before, that a short run does not suffer from.

    Nothing is changed.

    How high a rate may be depends on the depth of a network and on the noise of its gradients: VGG-16 gains most with
    0.008 and more, EfficientNet-Lite0 with a fourth of it. While a rate is high, it raises the loss of every network:
    what counts is the loss after it has come down again. Short runs favour low rates, so a little more loss than before
    is borne.

    Args:
        take_step: callable (number of the batch, rate) -> loss.
        measure: callable () -> loss, always of the same images, best of those that no trial sees.
        variables: list of Keras variables that steps change; they are set back after each trial.
        highest: float, the first rate that is tried.
        steps: int, of a trial.
        verbose: bool, whether to show a progress bar. Default `True`.
    """
    begun, before = [keras.ops.convert_to_numpy(v) for v in variables], measure()
    rates = [highest * LOWER**number for number in range(RATES)]
    for rate in progress(rates, "trying rates", unit="rate", shown=verbose):
        kept = _goes_on(take_step, rate, steps, LOST * before) and measure() <= LIMIT * before
        for variable, value in zip(variables, begun):
            variable.assign(value)
        if kept:
            break
    return rate


def _goes_on(take_step, rate, steps, lost):
    """Take all steps of a trial; return whether its loss stayed within bounds. Stop where it did not."""
    losses = []
    for number in range(steps):
        losses.append(take_step(number, rate * schedule(number, steps)))
        if not math.isfinite(losses[-1]) or np.mean(losses[-LOST_WINDOW:]) > lost:
            return False
    return True
