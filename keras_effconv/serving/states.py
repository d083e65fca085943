"""The states of versions, by the names of TensorFlow Serving."""

from typing import NamedTuple


class State(NamedTuple):
    """Where a version is between its first sight and its end.

    Attributes:
        name: str, such as `"AVAILABLE"`.
        code: str, the canonical code of the error; `"OK"` without one.
        message: str, the error on one line.
    """

    name: str
    code: str = "OK"
    message: str = ""


START, LOADING, AVAILABLE, UNLOADING, END = map(State, ("START", "LOADING", "AVAILABLE", "UNLOADING", "END"))

# https://grpc.io/docs/guides/status-codes, by number.
CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
OF_EXCEPTIONS = (
    (FileNotFoundError, "NOT_FOUND"),
    (PermissionError, "PERMISSION_DENIED"),
    (OSError, "UNAVAILABLE"),
    (MemoryError, "RESOURCE_EXHAUSTED"),
    (ImportError, "FAILED_PRECONDITION"),
    ((ValueError, KeyError), "INVALID_ARGUMENT"),
)


def failure(error):
    r"""Return the state of a version that cannot be loaded.

    Args:
        error: the exception; the code is that of its cause if it has one. TensorFlow's have a canonical code of their
            own.

    Returns:
        A `State`, the end.

    Example:

    >>> failure(FileNotFoundError("no\n file"))
    State(name='END', code='NOT_FOUND', message='FileNotFoundError: no file')
    """
    codes = [_code(each) for each in (error.__cause__, error)]
    code = next((code for code in codes if code), "UNKNOWN")
    return State("END", code, " ".join(f"{type(error).__name__}: {error}".split())[:300])


def _code(error):
    """Return the canonical code of an exception, or `None`."""
    number = getattr(error, "error_code", None)
    if isinstance(number, int) and 0 < number < len(CODES):
        return CODES[number]
    return next((code for kinds, code in OF_EXCEPTIONS if isinstance(error, kinds)), None)


def may_pass(error):
    """Return whether a failure may be over when the version is loaded again: one of files or of memory.

    Example:

    >>> may_pass(MemoryError()), may_pass(ValueError("no export"))
    (True, False)
    """
    return any(isinstance(each, (OSError, MemoryError)) for each in (error.__cause__, error))
