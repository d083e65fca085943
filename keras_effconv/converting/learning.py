"""Gradient steps towards the dense network that stay only if they bring a model nearer to it."""

import keras
import numpy as np

from keras_effconv.converting.comparing import compared
from keras_effconv.converting.mimicking.mimic import MimicReport, mimic


def learn(model: keras.Model, dense: keras.Model, images, judging: list[np.ndarray], **options) -> MimicReport | None:
    """Take gradient steps, and take them back if the model explains less of the dense network's outputs than before.

    Outputs are judged by the share of their variance. Which classes agree is a matter of chance on few images, and the
    loss of the steps also counts maps that the outputs need not depend on.

    Args:
        model: `keras.Model`; changed.
        dense: `keras.Model`, with its channels in the order of the model's.
        images: what `mimic` takes.
        judging: list of arrays, one for each input: the images that the outputs are compared on.
        **options: further arguments of `mimic`.

    Returns:
        The `MimicReport`; `None` if the steps led away, and the weights are those of before.

    Example:

    >>> import keras_effconv as ke
    >>> small = {"weights": None, "width": 0.25, "depth": 0.3}
    >>> dense, model = ke.ResNet20(**small), ke.ResNet20(**small, conv="HetConv(parts=2)")
    >>> images, before = np.ones((4, 32, 32, 3), "float32"), model.get_weights()
    >>> report = learn(model, dense, images, [images], steps=1, learning_rate=1e-3, verbose=False)
    >>> report is not None or all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before))
    True
    """
    (_, before), weights = compared(model, dense, judging), model.get_weights()
    report = mimic(model, dense, images, **options)
    _, after = compared(model, dense, judging)
    if after < before:
        model.set_weights(weights)
        return None
    return report
