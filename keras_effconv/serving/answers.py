"""Outputs as the JSON text of TensorFlow Serving, whose numbers have the digits of float32."""

import base64
import json

import numpy as np

NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def text(outputs, by_row):
    """Return the body of a response.

    Args:
        outputs: dict of str -> array (n, ...), of float32 or of `bytes` objects.
        by_row: bool; `predictions` in rows rather than `outputs` in columns.

    Returns:
        str, JSON on one line. A single output is without its name.

    Example:

    >>> outputs = {"labels": np.array([b"cat", b"dog"], object), "scores": np.array([0.1, 1], "float32")}
    >>> text(outputs, by_row=True)
    '{"predictions": [{"labels": "cat", "scores": 0.1}, {"labels": "dog", "scores": 1.0}]}'
    >>> text({"scores": outputs["scores"]}, by_row=False)
    '{"outputs": [0.1, 1.0]}'
    """
    columns = {name: _rows(name, values) for name, values in outputs.items()}
    if len(columns) == 1:
        (rows,) = columns.values()
    elif by_row:
        rows = [_object(zip(columns, row)) for row in zip(*columns.values())]
    else:
        return f'{{"outputs": {_object((name, _list(rows)) for name, rows in columns.items())}}}'
    return f'{{"{"predictions" if by_row else "outputs"}": {_list(rows)}}}'


def _list(texts):
    return f"[{', '.join(texts)}]"


def _object(items):
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in items) + "}"


def _rows(name, values):
    """Return the text of each row."""
    flat = values.reshape(-1)
    texts = numbers(flat) if flat.dtype != object else _strings(flat, name.endswith("_bytes"))
    for size in reversed(values.shape[1:]):
        texts = [_list(texts[i : i + size]) for i in range(0, len(texts), size)]
    return texts


def numbers(values):
    """Return the text of float32 numbers: six digits, or nine if six are another number; `.0` after whole ones.

    Args:
        values: float32 array (n,).

    Returns:
        list of n str.

    Example:

    >>> numbers(np.array([0.59005111, 0.2, 3, 1e-5, np.nan], "float32"))
    ['0.590051115', '0.2', '3.0', '1e-05', 'NaN']
    """
    values = values.astype("float32", copy=False)
    listed = values.tolist()
    short = ("%.6g " * len(listed) % tuple(listed)).split()
    same = np.fromiter(map(float, short), "float64", len(short)).astype("float32") == values
    texts = [text if exact else f"{value:.9g}" for text, exact, value in zip(short, same.tolist(), listed)]
    return [NAMES.get(text) or (text if "." in text or "e" in text else f"{text}.0") for text in texts]


def _strings(values, as_bytes):
    """Return the text of `bytes` objects; an output whose name ends in `_bytes` is base64, as its input would be."""
    if as_bytes:
        return [json.dumps({"b64": base64.b64encode(value).decode()}) for value in values]
    return [json.dumps(value.decode("utf-8", "replace")) for value in values]
