"""The JSON of TensorFlow Serving's REST interface: https://www.tensorflow.org/tfx/serving/api_rest."""

import json
import math
import re
import reprlib
from typing import NamedTuple

import numpy as np

from keras_effconv.serving.conversion import foreign
from keras_effconv.serving.limits import MAX_ROWS
from keras_effconv.serving.refused import Refused
from keras_effconv.serving.signatures import DEFAULT, STRING, Signature
from keras_effconv.serving.values import floats, is_bytes, strings

OTHERS = 1000  # brackets besides those of rows
SPACE = re.compile(r"[ \t\n\r]*")


class Query(NamedTuple):
    """A request, parsed.

    Attributes:
        signature: `Signature`.
        rows: array (n, ...), its input.
        by_row: bool; by `instances` and `predictions` rather than by `inputs` and `outputs`.
        foreign: list of ints, the rows that are files which must be rewritten first.
    """

    signature: Signature
    rows: np.ndarray
    by_row: bool
    foreign: list


def parse(body, signatures, max_rows=MAX_ROWS):
    """Parse the body of a request.

    Args:
        body: bytes, a JSON object with `instances` or `inputs`, and optionally `signature_name`.
        signatures: dict of str -> `Signature`.
        max_rows: int. Default 1024.

    Returns:
        A `Query`.

    Raises:
        ValueError: for any other body; the message is one line.
        Refused: 413 for more rows.

    Example:

    >>> from keras_effconv.serving.signatures import Tensor
    >>> default = Signature(Tensor("image_bytes", STRING, (-1,)), (), None)
    >>> parse(b'{"instances": [{"b64": "R0lG"}]}', {"serving_default": default}).rows
    array([b'GIF'], dtype=object)
    """
    _check_brackets(body, [signature.input for signature in signatures.values()], max_rows)
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
    if len(values) > max_rows:
        raise Refused(413, f"a request must have at most {max_rows} rows. Received: {len(values)}")
    read = strings if signature.input.dtype == STRING else floats
    rows = read(values, signature.input)
    return Query(signature, rows, keys[0] == "instances", foreign(rows))


def _check_brackets(body, tensors, max_rows):
    """Refuse a body with more lists, objects or keys than rows can have: each takes far more memory than its text.

    A row is at most two objects of one key; a list of three numbers has at least two brackets and five further
    characters.
    """
    objects, lists = 2 * max_rows + OTHERS, OTHERS
    for tensor in tensors:
        sizes = [math.prod(tensor.shape[1:axis]) for axis in range(1, len(tensor.shape))]
        if sizes:
            shortest = 2 * sum(sizes) + 2 * math.prod(tensor.shape[1:])
            lists = max(lists, OTHERS + min(max_rows * sum(sizes), len(body) * sum(sizes) // shortest))
    for bracket, most in ((b"{", objects), (b":", objects), (b"[", lists)):
        if len(body) > most and body.count(bracket) > most:
            raise ValueError(f"at most {most} {bracket.decode()} may be in {len(body)} bytes of {max_rows} rows")


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


def _is_object(value):
    return isinstance(value, dict) and not is_bytes(value)


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
