"""Gradients of a function of tensors, on the backends that have them outside of training."""

import keras


def gradients(function, arrays):
    """Differentiate a scalar.

    Args:
        function: callable (list of tensors) -> pair of a scalar and anything.
        arrays: list of arrays, where it is differentiated.

    Returns:
        A pair: list of the gradients, `None` for a tensor that the scalar does not depend on; and the second part of
        what the function returns.

    Raises:
        ValueError: for a backend other than TensorFlow and JAX.
    """
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise ValueError(f"`KERAS_BACKEND` must be 'tensorflow' or 'jax'. Received: KERAS_BACKEND={backend!r}")
    return BACKENDS[backend](function, [keras.ops.convert_to_tensor(each) for each in arrays])


def _tensorflow(function, tensors):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        scalar, rest = function(tensors)
    return tape.gradient(scalar, tensors), rest


def _jax(function, tensors):
    import jax

    return jax.grad(function, has_aux=True)(tensors)


BACKENDS = {"tensorflow": _tensorflow, "jax": _jax}
