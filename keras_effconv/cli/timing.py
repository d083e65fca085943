"""The clock of models: all of them take turns in one process, so that the machine's moods fall on all alike."""

import time

import keras
import numpy as np

from keras_effconv.utils.progress import progress

WARM_UP = 3  # calls that do not count: graphs are traced, memory is found
PAUSE = 0.2  # seconds before each call: ONNX Runtime's threads look for work for so long, on the cores of the next one


def in_turns(runs, images, repeats, label):
    """Return the seconds of each call.

    Args:
        runs: dict of functions of images, by any key; a function returns when all is computed.
        images: what they are called with.
        repeats: int, calls of each that count.
        label: str, for the progress bar.

    Returns:
        dict of lists of floats.
    """
    seconds = {key: [] for key in runs}
    for repeat in progress(range(repeats + WARM_UP), label, unit="turn", leave=True):
        for key, run in runs.items():
            time.sleep(PAUSE)
            begun = time.perf_counter()
            run(images)
            if repeat >= WARM_UP:
                seconds[key].append(time.perf_counter() - begun)
    return seconds


def compiled(model):
    """Return the graph of a model, compiled once, as a function from images to an array."""
    if keras.backend.backend() == "jax":
        import jax

        state = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])
        call = jax.jit(lambda x: model.stateless_call(*state, x)[0])
        return lambda x: np.asarray(call(x))
    import tensorflow as tf

    call = tf.function(lambda x: model(x, training=False))
    return lambda x: call(x).numpy()
