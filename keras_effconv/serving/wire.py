"""The JSON of TensorFlow Serving's REST interface: https://www.tensorflow.org/tfx/serving/api_rest."""

import binascii
import json
import re
import reprlib
from typing import NamedTuple

import numpy as np

from keras_effconv.serving.signatures import DEFAULT, STRING, Signature

SPACE = re.compile(r"[ \t\n\r]*")


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
    request = document(body)
    name = signature_name(request)
    signature = signatures.get(name)
    if signature is None:
        raise ValueError(f'Serving signature name: "{reprlib.repr(name)[1:-1]}" not found in signature def')
    keys = [key for key in READERS if key in request]
    if not keys:
        raise ValueError("Missing 'inputs' or 'instances' key")
    if len(keys) > 1:
        raise _wrong(request, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    values = READERS[keys[0]](request, signature.input.name)
    if not isinstance(values, list) or not values:
        raise ValueError(f"'{keys[0]}' must be a list of at least one row. Received: {reprlib.repr(values)}")
    read = _strings if signature.input.dtype == STRING else _floats
    return Query(signature, read(values, signature.input), keys[0] == "instances")


def document(body):
    """Read the JSON object at the beginning of a body. What follows it is ignored; of two equal keys, the first counts.

    Args:
        body: bytes.

    Returns:
        dict.

    Raises:
        ValueError: for a body that begins with anything else.

    Example:

    >>> document(b'{"a": 1, "a": 2} and so on')
    {'a': 1}
    """
    try:
        text = body.decode("utf-8-sig")
        start = SPACE.match(text).end()
        if start == len(text):
            raise ValueError("The document is empty")
        request, _ = json.JSONDecoder(object_pairs_hook=_first_of_each).raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise _wrong(request, "Is not object")
    return request


def _first_of_each(pairs):
    values = dict(pairs)
    return values if len(values) == len(pairs) else dict(reversed(pairs))


def signature_name(request):
    """Return the name of the signature that a request asks for.

    Raises:
        ValueError: it is no str.
    """
    name = request.get("signature_name", DEFAULT)
    if not isinstance(name, str):
        raise _wrong(request, "not formatted correctly. 'signature_name' key must be a string value.")
    return name or DEFAULT


def _wrong(value, text):
    return ValueError(f"JSON Value: {reprlib.repr(value)} {text}")


def _is_bytes(value):
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _is_object(value):
    return isinstance(value, dict) and not _is_bytes(value)


def _instances(request, name):
    """Read a list of values, or one of objects with a value each."""
    instances = request["instances"]
    if not isinstance(instances, list):
        raise _wrong(request, "Expecting 'instances' to be an list/array")
    if not instances:
        raise _wrong(request, "No values in 'instances' array")
    objects = _is_object(instances[0])
    for i, each in enumerate(instances):
        if _is_object(each) != objects:
            found = "object but got list" if objects else "value/list but got object"
            raise ValueError(f"Expecting {found} at item {i} of input list")
    return [_named(i, each, name) for i, each in enumerate(instances)] if objects else instances


def _named(i, value, name):
    failed = f"Failed to process element: {i}"
    for key in value:
        if key != name:
            raise ValueError(
                f"{failed} key: {key[:100]} of 'instances' list. Error: INVALID_ARGUMENT: "
                f"JSON object: does not have named input: {key[:100]}"
            )
    if not value:
        raise ValueError(f"{failed} of 'instances' list. JSON object: {{}} keys must be equal to: {name}")
    return value[name]


def _inputs(request, name):
    """Read a list of values, or an object that has one among others."""
    inputs = request["inputs"]
    if not _is_object(inputs):
        return inputs
    if name not in inputs:
        raise ValueError(f"Missing named input: {name} in 'inputs' object.")
    return inputs[name]


READERS = {"instances": _instances, "inputs": _inputs}


def _strings(values, tensor):
    rows = np.empty(len(values), object)
    for i, value in enumerate(values):
        if _is_bytes(value):
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
