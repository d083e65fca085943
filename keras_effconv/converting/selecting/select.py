"""Which layer becomes which kind, so that a network fits a budget of time and loses least."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_effconv.converting.selecting.selection import Selection
from keras_effconv.converting.selecting.study import Study
from keras_effconv.converting.selecting.timing import Timer
from keras_effconv.inference.precision import in_float32
from keras_effconv.kinds import ByLayer
from keras_effconv.utils.arguments import positive_number

OVER, TRIES = 1.02, 3  # how much more time than the budget a network may take, and how often it is chosen again
SEEN = 32  # images whose maps are looked at


def select(
    model: keras.Model,
    images: np.ndarray,
    budget: float,
    timer: Timer,
    build: Callable[[ByLayer], keras.Model] | None = None,
    parts: Sequence[int] = (2, 4, 8, 16),
    alphas: Sequence[float] = (0.125, 0.25, 0.5),
    multiple: int = 1,
    weigh: bool = True,
    seed: int = 0,
) -> Selection:
    """Choose a kind for each convolution, so that a network takes a share of its time and loses least.

    Args:
        model: `keras.Model`, trained, functional, with one input of known size.
        images: array (n, h, w, c), as the model reads them, without labels. The first 32 are looked at.
        budget: float, the time of the result over that of the model. From 1 on nothing changes.
        timer: `Timer`.
        build: callable (`ByLayer`) -> `keras.Model`. If it is given, the whole network is
            measured, and chosen again from less time if it takes 2 % more than the budget; after three networks, or if
            there is nothing faster, the last one stays, and its `ms` says what it takes. Default `None`.
        parts: sequence of int, of the HetConvs to choose from. Default `(2, 4, 8, 16)`.
        alphas: sequence of float, of the OctConvs to choose from. Default `(0.125, 0.25, 0.5)`.
        multiple: int, of the OctConvs: see `OctConv`. Default 1.
        weigh: bool; whether a layer's error counts by how much it moves the output. Default `True`.
        seed: int, of the positions that are looked at. Default 0.

    Returns:
        A `Selection`.

    Raises:
        ValueError: the budget is less than what the fastest choice takes; the message has the least.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None, width=0.25, depth=0.3)
    >>> timer = Timer(keras.backend.backend(), batch=1, repeats=1)
    >>> select(model, np.zeros((4, 32, 32, 3)), budget=1.0, timer=timer).kinds
    {}
    """
    budget = positive_number("budget", budget)
    study = Study(in_float32(model), np.asarray(images[:SEEN]), timer, parts, alphas, multiple, weigh, seed)
    selection, aim = study.select(budget), budget
    for tried in range(1, TRIES + 1) if build is not None and selection.kinds else ():
        times = timer.network_ms({"dense": model, "chosen": build(selection.kind)})
        ratio = times["chosen"] / times["dense"]
        selection = dataclasses.replace(selection, ms=ratio * selection.dense_ms)
        if ratio <= budget * OVER or tried == TRIES:
            break
        aim *= budget / ratio
        try:
            selection = study.select(aim)
        except ValueError:  # nothing is faster
            break
    return selection
