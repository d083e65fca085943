"""Optional dependencies, imported where they are used."""

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
