"""What `huggingface_hub` raises, as one line that says what to do."""

import contextlib
import os
import sys

from keras_effconv.utils.extras import require
from keras_effconv.utils.progress import is_watched
from keras_effconv.zoo.fetching.download import WeightsUnavailable

TOKEN = "set HF_TOKEN or call `hf auth login`"
SHOWN = 12
MAX_CAUSE = 200


class HubUnreachable(WeightsUnavailable):
    """The hub does not answer, or must not be asked."""


@contextlib.contextmanager
def translated(address, files=()):
    """Turn what `huggingface_hub` raises in the block into one line.

    Args:
        address: `Address` that is asked for.
        files: tuple of str, the files of the repository, where they are known.

    Raises:
        ValueError: there is no such repository, revision or file.
        WeightsUnavailable: (an OSError) the hub refuses it to this user; a `HubUnreachable` if it does not answer.
    """
    errors = require("huggingface_hub.errors", "hub")
    repository = address.repository
    try:
        yield
    except errors.GatedRepoError as error:
        page = f"{endpoint()}/{repository}"
        text = f"a gated repository: ask for access at {page}, then {TOKEN}"
        raise WeightsUnavailable(f"{address} must be open to this user. Received: {text}") from error
    except errors.RepositoryNotFoundError as error:
        text = f"no such repository at {endpoint()}, or a private one: {TOKEN}"
        raise ValueError(f"{address} must be a repository that this user may read. Received: {text}") from error
    except errors.RevisionNotFoundError as error:
        text = f"no branch, tag or commit {address.revision!r} in {repository}"
        raise ValueError(f"{address} must be of a revision that exists. Received: {text}") from error
    except errors.LocalEntryNotFoundError as error:
        raise unreachable(address, error.__cause__ or error) from error
    except errors.EntryNotFoundError as error:
        text = f"no such file; there are {listed(files)}"
        raise ValueError(f"{address} must be a file of the repository. Received: {text}") from error
    except errors.HFValidationError as error:
        raise ValueError(f"{address} must be of a repository of the hub. Received: {line(error)}") from error
    except (OSError, RuntimeError, *errors.HfHubHTTPError.__bases__) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) else error  # of an upload that failed in a thread
        if cause is None:
            raise
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status in (401, 402, 403):
            said = getattr(cause, "server_message", None) or "refused"
            text = f"status {status}, {line(said)}; {TOKEN}"
            raise WeightsUnavailable(f"{address} must be open to this user. Received: {text}") from error
        raise unreachable(address, cause) from error


@contextlib.contextmanager
def quiet_unless_seen():
    """Keep `huggingface_hub` from drawing progress bars in the block if nobody watches them."""
    utils = require("huggingface_hub.utils", "hub")
    constants = require("huggingface_hub.constants", "hub")
    decided = constants.HF_HUB_DISABLE_PROGRESS_BARS is not None or utils.are_progress_bars_disabled()
    if decided or sys.stderr is None or is_watched():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()


def unreachable(address, error):
    """Return the error of a hub that does not answer."""
    constants = require("huggingface_hub.constants", "hub")
    cause = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else line(error)
    place = f"in the cache {constants.HF_HUB_CACHE} or at {endpoint()}"
    unreached = HubUnreachable(f"{address} must be {place}. Received: not in the cache, and {cause}")
    unreached.cause = cause
    return unreached


def endpoint():
    """Return the address of the hub, without a `/` at its end."""
    return require("huggingface_hub.constants", "hub").ENDPOINT


def listed(names):
    """Return the first names of a list, and how many others there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(map(os.fspath, names[:SHOWN])) or "none") + more


def line(error):
    """Return an error's text in one line of at most 200 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:MAX_CAUSE]
