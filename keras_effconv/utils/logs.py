"""What other packages say of their own steps."""

import contextlib
import logging


@contextlib.contextmanager
def silenced(name):
    """Return a context in which a logger says nothing: a user can act on none of it.

    Args:
        name: str, of the logger.

    Example:

    >>> with silenced("talkative"):
    ...     logging.getLogger("talkative").error("step 1 of 9")
    """
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
