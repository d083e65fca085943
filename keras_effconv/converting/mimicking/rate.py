"""The learning rate of each step: a warm-up, a cosine, and halves where the loss rises."""

import math

WARM_UP, WARM_UP_STEPS = 0.05, 20  # of the steps, and at least so many
WINDOW = 10  # steps whose mean loss is compared
LIMIT = 1.1  # times the loss at the start: what noise may add to it


class Rate:
    """Gives the learning rate of the next step from the losses of those before.

    How high a rate may be depends on the depth of a network and on the noise of its gradients, and differs tenfold
    between networks. One that is too high shows within a few steps: the loss rises above what it was at the start. It
    is then halved.

    Args:
        highest: float, at the end of the warm-up.
        steps: int, of the whole run.
        start: float, the loss ahead of the first step.

    Example:

    >>> rate = Rate(0.02, steps=100, start=1.0)
    >>> [round(rate.next(losses=[1.0] * step), 4) for step in (0, 10, 20, 60, 99)]
    [0.001, 0.011, 0.02, 0.01, 0.0]
    >>> round(rate.next(losses=[1.0] * 20 + [2.0] * 40), 4)  # halved four times
    0.0006
    """

    def __init__(self, highest, steps, start):
        self.highest, self.steps, self.start = highest, steps, start
        self.warm_up = max(1, min(max(round(WARM_UP * steps), WARM_UP_STEPS), steps // 4))

    def next(self, losses):
        """Return the rate of the step that follows those of `losses`."""
        step = len(losses)
        if step < self.warm_up:
            share = (step + 1) / self.warm_up
        else:
            share = 0.5 + 0.5 * math.cos(math.pi * (step - self.warm_up) / max(self.steps - self.warm_up, 1))
        return self.highest * share * 0.5 ** self._halvings(losses)

    def _halvings(self, losses):
        """Return how often the mean of a window was too high; after each time a new window begins."""
        count, first = 0, 0
        for end in range(1, len(losses) + 1):
            if end - first == WINDOW:
                count += sum(losses[first:end]) / WINDOW > LIMIT * self.start
                first = end
        return count
