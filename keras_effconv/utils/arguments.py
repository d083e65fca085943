"""Checks of arguments: the value, or a `ValueError` that names the argument."""

import numbers
from collections.abc import Iterable


def pair(name, value):
    """Return `3` or `(3, 3)` as `(3, 3)`; raise a `ValueError` for anything but positive integers."""
    values = tuple(value) if isinstance(value, Iterable) else (value, value)
    whole = all(isinstance(v, numbers.Integral) and not isinstance(v, bool) and v > 0 for v in values)
    if len(values) != 2 or not whole:
        raise ValueError(f"`{name}` must be a positive integer or a pair of them. Received: {name}={value!r}")
    return tuple(int(v) for v in values)


def positive(name, value):
    """Return the value as an `int`, or raise a `ValueError` that names the argument."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)


def positive_number(name, value):
    """Return the value as a `float`, or raise a `ValueError` that names the argument."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError(f"`{name}` must be a positive number. Received: {name}={value!r}")
    return float(value)


def fraction(name, value):
    """Return the value as a `float`, or raise a `ValueError` unless it is a number from 0 to below 1."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be a number from 0 to below 1. Received: {name}={value!r}")
    return float(value)


def one_of(name, value, choices):
    """Return the choice that equals the value, or raise a `ValueError` that lists the choices."""
    known = list(choices)
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, known))}. Received: {name}={value!r}")
    return known[known.index(value)]


def reads_shapes(model, shapes: list[tuple[int, ...]]) -> bool:
    """Return whether a Keras model can read arrays of shapes, one for each of its inputs.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    >>> reads_shapes(model, [(8, 32, 48, 3)]), reads_shapes(model, [(8, 32, 48, 1)]), reads_shapes(model, [(32, 48, 3)])
    (True, False, False)
    """
    return len(model.inputs) == len(shapes) and all(
        len(x.shape) == len(shape) and all(size in (None, given) for size, given in zip(x.shape, shape))
        for x, shape in zip(model.inputs, shapes)
    )
