"""Dependencies that only a part of the package needs, imported where they are used."""

import importlib


def require(module, extra="train"):
    """Import a module that only a part of the package needs.

    Args:
        module: str, its import name, such as `"tqdm"`.
        extra: str, the extra of keras-effconv that installs it. Default `"train"`.

    Returns:
        The module.

    Raises:
        ImportError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'expected {module} to be installed ({error}): pip install "keras-effconv[{extra}]"'
        ) from error


class Deferred:
    """A module that is imported when something of it is first asked for.

    For a module that a whole file is written in, and that not everybody who imports the file needs.

    Args:
        module: str, its import name.

    Example:

    >>> Deferred("math").gcd(12, 18)
    6
    """

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return getattr(require(self._module), name)
