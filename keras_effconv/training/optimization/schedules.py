"""The learning rate of each step: a linear warm-up, and what follows."""

import keras
from keras import ops
from keras.optimizers import schedules


def learning_rate(recipe, peak, steps_per_epoch):
    """Build the schedule of a recipe.

    The cosine begins where the warm-up ends and is 0 after the last step. Exponential decay and steps are counted from
    the start of training, as the TPU repository of EfficientNet has it: the warm-up covers their first part.

    Args:
        recipe: `Recipe`; `schedule`, `epochs`, `warmup_epochs`, `decay_rate` and `decay_epochs` are used.
        peak: float, the highest rate.
        steps_per_epoch: int, calls of the optimizer: with gradient accumulation Keras counts each of them.

    Returns:
        A `keras.optimizers.schedules.LearningRateSchedule`.

    Raises:
        ValueError: for an exponential decay or steps without `decay_epochs`.

    Example:

    >>> from keras_effconv.training.recipe import Recipe
    >>> rate = learning_rate(Recipe(epochs=10, warmup_epochs=2), peak=0.1, steps_per_epoch=100)
    >>> [round(float(rate(step)), 3) for step in (0, 200, 600, 1000)]
    [0.001, 0.1, 0.05, 0.0]
    """
    if recipe.schedule in ("exponential", "steps") and not recipe.decay_epochs:
        raise ValueError(f"`decay_epochs` must not be empty with a {recipe.schedule!r} schedule. Received: ()")
    warm_up = round(recipe.warmup_epochs * steps_per_epoch)
    return FORMS[recipe.schedule](recipe, float(peak), steps_per_epoch, warm_up)


@keras.saving.register_keras_serializable(package="keras_effconv")
class WarmUp(schedules.LearningRateSchedule):
    """Another schedule, except in its first steps: a straight line from 1 % of `peak` to `peak`.

    Args:
        schedule: `LearningRateSchedule`, counted from the start.
        peak: float.
        steps: int, at least 1.
    """

    def __init__(self, schedule, peak, steps):
        super().__init__()
        self.schedule, self.peak, self.steps = schedule, peak, steps

    def __call__(self, step):
        done = ops.cast(step, "float32") / self.steps
        return ops.where(done < 1, self.peak * (0.01 + 0.99 * done), self.schedule(step))

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "peak": self.peak, "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "schedule": keras.saving.deserialize_keras_object(config["schedule"])})


def _warmed(schedule, peak, steps):
    return WarmUp(schedule, peak, steps) if steps else schedule


def _cosine(recipe, peak, steps_per_epoch, warm_up):
    decay = max(recipe.epochs * steps_per_epoch - warm_up, 1)
    if not warm_up:
        return schedules.CosineDecay(peak, decay)
    return schedules.CosineDecay(peak / 100, decay, warmup_target=peak, warmup_steps=warm_up)


def _exponential(recipe, peak, steps_per_epoch, warm_up):
    every = recipe.decay_epochs[0] * steps_per_epoch
    return _warmed(schedules.ExponentialDecay(peak, every, recipe.decay_rate, staircase=True), peak, warm_up)


def _steps(recipe, peak, steps_per_epoch, warm_up):
    # Keras' pieces include their right ends: the first step with the next value is one later.
    ends = [round(epoch * steps_per_epoch) - 1 for epoch in recipe.decay_epochs]
    values = [peak * recipe.decay_rate**i for i in range(len(ends) + 1)]
    return _warmed(schedules.PiecewiseConstantDecay(ends, values), peak, warm_up)


def _constant(recipe, peak, steps_per_epoch, warm_up):
    return _warmed(schedules.PiecewiseConstantDecay([0], [peak, peak]), peak, warm_up)


FORMS = {"cosine": _cosine, "exponential": _exponential, "steps": _steps, "constant": _constant}
