"""How every script starts, and how it ends on a user's mistake."""

import sys
from pathlib import Path

from absl import app, flags


def fail(error):
    """One line for a user's mistake, and status 2."""
    print(f"{Path(sys.argv[0]).name}: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)


def run(main):
    """Run `main`; a bad flag is one line and status 2."""
    try:
        flags.FLAGS(sys.argv)
    except flags.Error as error:
        fail(error)
    app.run(main)
