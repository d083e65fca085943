"""The JSON of TensorFlow Serving's REST interface: https://www.tensorflow.org/tfx/serving/api_rest."""

import base64
import binascii
import json
import reprlib
from typing import NamedTuple

import numpy as np

from keras_effconv.serving.signatures import DEFAULT, STRING, Signature


class Query(NamedTuple):
    """A request, parsed.

    Attributes:
        signature: `Signature`.
        rows: array (n, ...), its input.
        by_row: bool; by `instances` and `predictions` rather than by `inputs` and `outputs`.
    """

    signature: Signature
    rows: np.ndarray
    by_row: bool


def parse(body, signatures):
    """Parse the body of a request.

    Args:
        body: bytes, a JSON object with `instances` or `inputs`, and optionally `signature_name`.
        signatures: dict of str -> `Signature`.

    Returns:
        A `Query`.

    Raises:
        ValueError: for any other body; the message is one line.

    Example:

    >>> from keras_effconv.serving.signatures import Tensor
    >>> default = Signature(Tensor("image_bytes", STRING, (-1,)), (), None)
    >>> parse(b'{"instances": [{"b64": "R0lG"}]}', {"serving_default": default}).rows
    array([b'GIF'], dtype=object)
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise ValueError(f"JSON Value: {reprlib.repr(request)} Is not object")
    name = request.get("signature_name", DEFAULT)
    if not isinstance(name, str):
        raise ValueError("'signature_name' key must be a string value")
    signature = signatures.get(name or DEFAULT)
    if signature is None:
        raise ValueError(f'Serving signature name: "{reprlib.repr(name)[1:-1]}" not found in signature def')
    keys = [key for key in READERS if key in request]
    if len(keys) != 1:
        raise ValueError(
            "the request must have only one of 'inputs' or 'instances' keys"
            if keys
            else "Missing 'inputs' or 'instances' key"
        )
    values = READERS[keys[0]](request[keys[0]], signature.input.name)
    if not isinstance(values, list) or not values:
        raise ValueError(f"'{keys[0]}' must be a list of at least one row. Received: {reprlib.repr(values)}")
    read = _strings if signature.input.dtype == STRING else _floats
    return Query(signature, read(values, signature.input), keys[0] == "instances")


def _is_bytes(value):
    return isinstance(value, dict) and value.keys() == {"b64"}


def _instances(instances, name):
    """Read a list of values, or of objects with one."""
    if not isinstance(instances, list):
        return instances
    return [_named(f"element {i} of 'instances'", each, name) for i, each in enumerate(instances)]


def _inputs(inputs, name):
    """Read a list of values, or an object with one."""
    return _named("'inputs'", inputs, name)


def _named(what, value, name):
    if not isinstance(value, dict) or _is_bytes(value):
        return value
    if value.keys() != {name}:
        raise ValueError(f"{what} must have the key '{name}'. Received: {reprlib.repr(list(value))}")
    return value[name]


READERS = {"instances": _instances, "inputs": _inputs}


def _strings(values, tensor):
    rows = np.empty(len(values), object)
    for i, value in enumerate(values):
        if _is_bytes(value) and isinstance(value["b64"], str):
            try:
                rows[i] = base64.b64decode(value["b64"], validate=True)
            except (ValueError, binascii.Error):
                raise ValueError(f"row {i} of '{tensor.name}': Unable to base64 decode") from None
        elif isinstance(value, str):
            rows[i] = value.encode("utf-8", "replace")
        else:
            raise ValueError(
                f'row {i} of \'{tensor.name}\' must be {{"b64": "..."}} or a string. Received: {reprlib.repr(value)}'
            )
    return rows


def _floats(values, tensor):
    shape = ", ".join("n" if size < 0 else str(size) for size in tensor.shape)
    try:
        rows = np.asarray(values)
    except ValueError:
        raise ValueError(f"'{tensor.name}' must be numbers ({shape}). Received: lists of unequal size") from None
    if rows.dtype.kind not in "iuf" or rows.shape[1:] != tensor.shape[1:]:
        raise ValueError(f"'{tensor.name}' must be numbers ({shape}). Received: {rows.dtype} {rows.shape}")
    with np.errstate(over="ignore"):
        rows = rows.astype("float32")
    if not np.isfinite(rows).all():
        raise ValueError(f"'{tensor.name}' must be finite numbers. Received: NaN or Infinity")
    return rows


def response(outputs, by_row):
    """Return the body of a response.

    Args:
        outputs: dict of str -> array (n, ...).
        by_row: bool, see `Query`.

    Returns:
        A dict for JSON. A single output is without its name.

    Example:

    >>> outputs = {"labels": np.array([b"cat", b"dog"], object), "scores": np.array([0.5, 0.25])}
    >>> response(outputs, by_row=True)
    {'predictions': [{'labels': 'cat', 'scores': 0.5}, {'labels': 'dog', 'scores': 0.25}]}
    >>> response({"scores": outputs["scores"]}, by_row=False)
    {'outputs': [0.5, 0.25]}
    """
    columns = {name: _plain(rows) for name, rows in outputs.items()}
    single = next(iter(columns.values())) if len(columns) == 1 else None
    if not by_row:
        return {"outputs": columns if single is None else single}
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())] if single is None else single
    return {"predictions": rows}


def _plain(rows):
    if rows.dtype != object:
        return rows.tolist()
    return np.vectorize(lambda text: text.decode("utf-8", "replace"), otypes=[object])(rows).tolist()


def metadata(name, number, signatures):
    """Return the body of a response to `GET .../metadata`, as TensorFlow Serving writes a `SignatureDefMap`.

    Args:
        name: str, of the model.
        number: int, of the version.
        signatures: dict of str -> `Signature`.
    """

    def info(tensor):
        dims = [{"size": str(size), "name": ""} for size in tensor.shape]
        return {"dtype": tensor.dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": f"{tensor.name}:0"}

    definitions = {
        key: {
            "inputs": {signature.input.name: info(signature.input)},
            "outputs": {tensor.name: info(tensor) for tensor in signature.outputs},
            "method_name": "tensorflow/serving/predict",
        }
        for key, signature in signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(number)},
        "metadata": {"signature_def": {"signature_def": definitions}},
    }
