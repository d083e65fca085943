"""The values of a request, from JSON to arrays."""

import binascii
import itertools
import reprlib

import numpy as np


def is_bytes(value):
    """Return whether a JSON value stands for bytes, `{"b64": ...}`."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def strings(values, tensor):
    """Return JSON values as an array (n,) of bytes.

    Args:
        values: list of `{"b64": ...}` or str.
        tensor: `Tensor`.

    Raises:
        ValueError: for any other value; the message names its row.
    """
    rows = np.empty(len(values), object)
    for i, value in enumerate(values):
        if is_bytes(value):
            try:
                rows[i] = unescaped(value["b64"])
            except ValueError:
                raise ValueError(f"row {i} of '{tensor.name}': Unable to base64 decode") from None
        elif isinstance(value, str):
            rows[i] = value.encode("utf-8", "replace")
        else:
            raise ValueError(
                f'row {i} of \'{tensor.name}\' must be {{"b64": "..."}} or a string. Received: {reprlib.repr(value)}'
            )
    return rows


def unescaped(text):
    r"""Decode base64 as TensorFlow Serving does: white space anywhere, and all padding or none, of `=` or `.`.

    Args:
        text: str, of the alphabet with `+` and `/`.

    Returns:
        bytes.

    Raises:
        ValueError: for anything else, such as the alphabet with `-` and `_`.

    Example:

    >>> unescaped("R0lGOA=="), unescaped("R0lGOA"), unescaped("R0lG\n OA\n")
    (b'GIF8', b'GIF8', b'GIF8')
    """
    data = text.encode("ascii").translate(None, b" \t\n\v\f\r")
    digits = data.rstrip(b"=.")
    missing = -len(digits) % 4
    if len(data) - len(digits) not in (0, missing):
        raise ValueError("wrong padding")
    return binascii.a2b_base64(digits + b"=" * missing, strict_mode=True)


def floats(values, tensor):
    """Return nested lists of numbers as an array. Anything else is refused before an array could grow by it.

    Args:
        values: list.
        tensor: `Tensor`, whose shape the rows must have.

    Returns:
        float32 array of that shape.

    Raises:
        ValueError: for other values or shapes, and numbers that are not finite.
    """
    level = values
    for size in tensor.shape[1:]:
        wrong = next((each for each in level if type(each) is not list or len(each) != size), level)
        if wrong is not level:
            raise _no_numbers(tensor, wrong)
        level = list(itertools.chain.from_iterable(level))
    if not set(map(type, level)) <= {int, float}:
        raise _no_numbers(tensor, next(each for each in level if type(each) not in (int, float)))
    try:
        with np.errstate(over="ignore"):
            rows = np.fromiter(level, "float64", len(level)).astype("float32")
        finite = np.isfinite(rows).all()
    except OverflowError:  # an integer beyond float64
        finite = False
    if not finite:
        raise ValueError(f"'{tensor.name}' must be finite numbers. Received: NaN, Infinity or beyond float32")
    return rows.reshape(len(values), *tensor.shape[1:])


def _no_numbers(tensor, received):
    shape = ", ".join("n" if size < 0 else str(size) for size in tensor.shape)
    return ValueError(f"'{tensor.name}' must be numbers ({shape}). Received: {reprlib.repr(received)}")
