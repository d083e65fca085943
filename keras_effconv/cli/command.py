"""How every script starts, and how it ends on a user's mistake."""

import inspect
import json
import sys
from pathlib import Path

from absl import app, flags


def fail(error):
    """One line for a user's mistake, and status 2."""
    print(f"{Path(sys.argv[0]).name}: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)


def json_object(name, text):
    """The dict that a flag holds as JSON.

    Raises:
        ValueError: for anything else; the message names the flag.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"`{name}` must be JSON ({error}). Received: {text}") from None
    if not isinstance(found, dict):
        raise ValueError(f"`{name}` must be a JSON object. Received: {text}")
    return found


def whole(name, text):
    """The positive whole number that an entry of a flag is.

    Raises:
        ValueError: for anything else; the message names the flag.
    """
    if not text.strip().isdecimal() or not int(text):
        raise ValueError(f"`{name}` must be positive whole numbers. Received: {text!r}")
    return int(text)


def kinds(text):
    """The kinds of a flag, with semicolons between them.

    Raises:
        ValueError: for what is no kind.
    """
    from keras_effconv.kinds import get

    return [get(kind) for kind in text.split(";") if kind.strip()]


def flags_only(argv):
    """Raise a `ValueError` for words that are no flags."""
    if len(argv) > 1:
        raise ValueError(f"expected flags only, received {' '.join(argv[1:])}")


def act(argv, actions):
    """Call the action that the first word names with the other words.

    Args:
        argv: list of str, the script's name first.
        actions: dict of functions by name.

    Raises:
        ValueError: for another name, or where the function takes fewer or more words.
    """
    if len(argv) < 2 or argv[1] not in actions:
        raise ValueError(f"expected one of {', '.join(actions)}, received {' '.join(argv[1:]) or 'nothing'}")
    try:
        call = inspect.signature(actions[argv[1]]).bind(*argv[2:])
    except TypeError as error:
        raise ValueError(f"{argv[1]}: {error}") from None
    actions[argv[1]](*call.args)


def run(main):
    """Run `main` with the words of the command line; a user's mistake is one line and status 2.

    Mistakes are flags that cannot be read, and every `ValueError`, `OSError` or `ImportError` of `main`.
    """

    def guarded(argv):
        try:
            return main(argv)
        except (ValueError, OSError, ImportError) as error:
            fail(error)

    app.run(guarded, flags_parser=_parse)


def _parse(argv):
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        fail(error)
