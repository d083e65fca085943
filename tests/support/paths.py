"""Real data and weights that lie beside the project on some machines; tests that need them skip elsewhere."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"


def needs(*parts):
    """A mark that skips a test, with the reason, where a path below `shared` is missing."""
    path = SHARED.joinpath(*parts)
    return pytest.mark.skipif(not path.exists(), reason=f"needs {'/'.join(('shared', *parts))} beside the project")
