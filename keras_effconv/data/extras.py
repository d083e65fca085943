"""Optional dependencies, imported where they are used."""

import importlib


def require(module):
    """Imports a module that only the data loaders need.

    Args:
        module: Import name, such as "tqdm".

    Returns:
        The module.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f'expected {module} to be installed ({error}): pip install "keras-effconv[train]"') from error
