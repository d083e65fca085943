"""How every script starts, and how it ends on a user's mistake."""

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


def run(main):
    """Run `main`; a bad flag is one line and status 2."""
    app.define_help_flags()
    try:
        flags.FLAGS(sys.argv)
    except flags.Error as error:
        fail(error)
    app.run(main)
