"""What a request is for: the paths of TensorFlow Serving's REST interface."""

import re
from typing import NamedTuple

from keras_effconv.serving.refused import Refused

WHICH = r"(?:/versions/([0-9]+)|/labels/([^/:]+))?"
PATTERNS = {
    "GET": re.compile(rf"/v1/models(?:/([^/:]+))?{WHICH}(?:/(metadata))?", re.ASCII | re.IGNORECASE),
    "POST": re.compile(rf"/v1/models/([^/:]+){WHICH}:(classify|regress|predict)", re.ASCII | re.IGNORECASE),
}
ROOT = "/v1/"  # in any case


class Target(NamedTuple):
    """What a request is for.

    Attributes:
        action: str: `"status"`, `"metadata"`, `"predict"`, `"classify"` or `"regress"`.
        name: str, the model.
        number: int, the version, or `None`.
        label: str, the label of a version, or `None`.
    """

    action: str
    name: str
    number: int | None
    label: str | None


def target(method, path):
    """Parse a method and a path as TensorFlow Serving does: names are case-sensitive, the words around them are not.

    Args:
        method: str, such as `"GET"`.
        path: str, without escapes.

    Returns:
        A `Target`.

    Raises:
        Refused: 400 for all others, with the texts of TensorFlow Serving.

    Example:

    >>> target("POST", "/V1/Models/flowers/labels/canary:predict")
    Target(action='predict', name='flowers', number=None, label='canary')
    """
    match = PATTERNS[method].fullmatch(path) if method in PATTERNS else None
    # The verb is matched in any case and then compared in lower case, in TensorFlow Serving too.
    if match is None or (method == "POST" and match[4] != match[4].lower()):
        raise Refused(400, f"Malformed request: {method} {path[:200]}")
    name, number, label, action = match.groups()
    if name is None:
        raise Refused(400, "Missing model name in request.")
    if number and (len(number) > 19 or int(number) >= 2**63):
        raise Refused(400, f"Failed to convert version: {number[:100]} to numeric.")
    if method == "GET" and action != "metadata":
        action = "status"
    return Target(action, name, number and int(number), label)
