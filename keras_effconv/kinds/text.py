"""Kinds as text: their reprs, which are also flags, and JSON."""

import ast
import json
import os

from keras_effconv.kinds.conv import KINDS, Conv
from keras_effconv.utils.files import read_json, write_json
from keras_effconv.utils.suggestions import did_you_mean

FILE = "@"  # begins the name of a JSON file in place of a repr


def get(kind: Conv | str | None) -> Conv:
    """Return a kind from a kind, its repr, its name, a JSON file (`"@path.json"`), or `None` (plain).

    Nothing in a string is executed: its arguments are literals.

    Args:
        kind: kind, str or `None`.

    Raises:
        ValueError: if it is none of these; one line, with what is wrong.

    Example:

    >>> get("OctConv(alpha=0.5)"), get("HetConv"), get(None)
    (OctConv(alpha=0.5), HetConv(parts=4), Conv())
    """
    if kind is None:
        return Conv()
    if isinstance(kind, Conv):
        return kind
    if isinstance(kind, str) and kind.strip().startswith(FILE):
        return load(kind.strip().removeprefix(FILE))
    try:
        call = ast.parse(kind.strip(), mode="eval").body
        function, arguments = (call.func.id, call) if isinstance(call, ast.Call) else (call.id, None)
        keywords = {k.arg: ast.literal_eval(k.value) for k in arguments.keywords} if arguments else {}
        return KINDS[function](*(ast.literal_eval(a) for a in arguments.args) if arguments else (), **keywords)
    except (AttributeError, SyntaxError, KeyError, TypeError, ValueError, RecursionError, MemoryError) as error:
        reason = f" ({error})" if isinstance(error, (TypeError, ValueError)) and isinstance(kind, str) else ""
        hint = did_you_mean(error.args[0], KINDS) if isinstance(error, KeyError) else ""
        examples = ", ".join(map(_example, KINDS.values()))
        received = f"Received: conv={f'{kind!r:.200}'}{reason}{hint}"
        raise ValueError(f"`conv` must be a kind like {examples}, or its repr. {received}") from None


def _example(kind_class):
    """Show how a kind is written; that of a user may need arguments."""
    try:
        return repr(kind_class())
    except TypeError:
        return f"{kind_class.__name__}(...)"


def to_json(kind: Conv) -> str:
    """Return a kind as a JSON text.

    Example:

    >>> to_json(get("ByLayer(layers={'conv3_block1': 'HetConv(parts=4)'})"))
    '{"default": "Conv()", "layers": {"conv3_block1": "HetConv(parts=4)"}}'
    """
    return json.dumps(kind.as_json())


def from_json(text: str) -> Conv:
    """Return the kind of a JSON text: an object with the arguments of `ByLayer`; `default` alone is the kind itself.

    Raises:
        ValueError: for another text; one line.

    Example:

    >>> from_json('{"layers": {"conv3_block1": "HetConv(parts=4)"}}')
    ByLayer(default='Conv()', layers={'conv3_block1': 'HetConv(parts=4)'})
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"`conv` must be JSON ({' '.join(str(error).split())}). Received: {text:.80}") from None
    return _from_value(value, f"{text:.80}")


def save(kind: Conv, path: str | os.PathLike) -> None:
    """Write a kind to a JSON file, which `get("@path")` and `--conv=@path` read.

    Args:
        kind: a kind.
        path: str or path.
    """
    write_json(path, kind.as_json())


def load(path: str | os.PathLike) -> Conv:
    """Return the kind of a JSON file.

    Raises:
        ValueError: if there is no such file, or it holds something else; one line.
    """
    try:
        value = read_json(path, "conv")
    except OSError as error:
        raise ValueError(
            f"`conv` must be a JSON file behind {FILE!r}. Received: conv={f'{FILE}{path}'!r} ({error.strerror})"
        ) from None
    return _from_value(value, f"{FILE}{path}")


def _from_value(value, received):
    if not isinstance(value, dict):
        raise ValueError(f"`conv` must be a JSON object. Received: {received}")
    if list(value) == ["default"]:
        return get(value["default"])
    try:
        return KINDS["ByLayer"](**value)
    except TypeError as error:
        raise ValueError(f"`conv` must have the keys `default` and `layers` ({error}). Received: {received}") from None
