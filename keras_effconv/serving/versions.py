"""The newest versions in a folder, loaded, while others are written next to them."""

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from keras_effconv.exporting import destination, load
from keras_effconv.exporting.format import METADATA
from keras_effconv.serving.signature_defs import definitions
from keras_effconv.serving.signatures import signatures
from keras_effconv.serving.states import AVAILABLE, END, LOADING, START, UNLOADING, State, failure, may_pass
from keras_effconv.serving.warming import warmed
from keras_effconv.utils.arguments import positive

FIRST_PAUSE, LONGEST_PAUSE = 10, 300  # seconds until a version is loaded again after a failure that may pass


class Version(NamedTuple):
    """A version that is loaded.

    Attributes:
        signatures: dict of str -> `Signature`.
        definitions: dict of str -> dict for JSON, as `signature_defs.definitions` returns it.
        stamp: tuple, the state of the files that it was loaded from.
    """

    signatures: dict
    definitions: dict
    stamp: tuple


class Failure(NamedTuple):
    """A version that cannot be loaded.

    Attributes:
        state: `State`.
        stamp: tuple, the state of the files that it could not be loaded from.
        pause: float, seconds after which it is tried again though its files are the same; infinite if that is no use.
        until: float, when they have passed, by `time.monotonic`.
    """

    state: State
    stamp: tuple
    pause: float
    until: float


class Versions:
    """The versions of one model.

    Args:
        path: path of a folder that `keras_effconv.export` wrote, which is version 1, or of a folder of such folders
            with numbers for names.
        count: int, how many of the newest versions to serve. Default 2.
        labels: dict of str -> int, the version that a label stands for, which is served whatever its age. Default: no
            labels.
        precision: str, of the arithmetic; see `keras_effconv.exporting.load`. Default `"float32"`.
        streams: int, batches that are computed at the same time; see there. Default 1.

    Attributes:
        labels: dict of str -> int.

    Raises:
        ValueError: none can be loaded, or not all that have labels; the message gives the reason.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        count: int = 2,
        labels: Mapping[str, int] | None = None,
        precision: str = "float32",
        streams: int = 1,
    ):
        self.path, self.count, self.labels = Path(path), positive("count", count), dict(labels or {})
        self._how = {"precision": precision, "streams": streams}
        self._loaded, self._failed, self._coming, self._gone = {}, {}, {}, {}
        self._stop, self._thread = threading.Event(), None
        self.refresh()
        if not self._loaded:
            cause = self._failed[max(self._failed)].state.message if self._failed else "there is none in it"
            raise ValueError(f"`path` must be an export or a folder of versions. Received: path={str(path)!r}: {cause}")
        self.check_labels()

    def check_labels(self):
        """Raise a `ValueError` if a label stands for a version that is not served."""
        for label, number in self.labels.items():
            if number not in self._loaded:
                cause = self._failed[number].state.message if number in self._failed else f"not in {str(self.path)!r}"
                raise ValueError(f"`labels` must be of versions that exist. Received: {label!r}: {number}, {cause}")

    def get(self, number=None):
        """Return (number, `Version`), the newest by default. A version works for as long as someone holds it.

        Args:
            number: int. Default: the newest.

        Raises:
            KeyError: it is not served.
        """
        loaded = self._loaded
        number = max(loaded) if number is None else number
        return number, loaded[number]

    def states(self):
        """Return a dict of number -> `State`, the newest first, of all versions that were ever seen."""
        gone = {n: UNLOADING if any(held() for held in kept) else END for n, kept in self._gone.copy().items()}
        failed = {number: each.state for number, each in self._failed.items()}
        states = {**gone, **failed, **self._coming.copy(), **dict.fromkeys(self._loaded, AVAILABLE)}
        return dict(sorted(states.items(), reverse=True))

    def refresh(self):
        """Load new versions. An old one that is no longer among the newest goes when no request holds it.

        A version that cannot be loaded is skipped, and tried again when its files change; if files or memory were the
        cause, also after a pause, which grows. If none can be loaded, everything stays as it is.
        """
        loaded, failed = {}, {}
        folders = dict(sorted(exports_at(self.path).items(), reverse=True))
        due = [number for i, number in enumerate(folders) if i < self.count or number in self.labels.values()]
        self._coming = {number: START for number in due if number not in self._loaded and number not in self._failed}
        for number, folder in folders.items():
            if len(loaded) >= self.count and number not in self.labels.values():
                continue
            stamp, known = _stamp(folder), self._loaded.get(number)
            if known and known.stamp == stamp:
                loaded[number] = known
            elif self._is_hopeless(number, stamp):
                failed[number] = self._failed[number]
            else:
                self._coming[number] = LOADING
                try:
                    loaded[number] = _version(load(folder, **self._how), stamp)
                except Exception as error:  # each runtime has its own for a broken file
                    failed[number] = self._failure(number, stamp, error)
        self._take(loaded, failed)

    def _is_hopeless(self, number, stamp):
        """Return whether a version failed that would fail again."""
        failed = self._failed.get(number)
        return failed is not None and failed.stamp == stamp and time.monotonic() < failed.until

    def _failure(self, number, stamp, error):
        before, pause = self._failed.get(number), math.inf
        if may_pass(error):
            again = before is not None and before.stamp == stamp and before.pause < math.inf
            pause = min(2 * before.pause, LONGEST_PAUSE) if again else FIRST_PAUSE
        return Failure(failure(error), stamp, pause, time.monotonic() + pause)

    def _take(self, loaded, failed):
        """Serve these versions from now on, if there is one."""
        self._failed = failed
        if loaded:
            for number, version in self._loaded.items():
                if number not in loaded:
                    self._gone[number] = [weakref.ref(each) for each in version.signatures.values()]
            self._loaded = loaded
        for number in (*self._loaded, *failed):
            self._gone.pop(number, None)
        self._coming = {}

    def watch(self, seconds):
        """Refresh every so many seconds, in a thread.

        Args:
            seconds: float.
        """

        def work():
            told = ""
            while not self._stop.wait(seconds):
                cause = self._refreshed()
                if cause not in (told, ""):
                    logging.getLogger("uvicorn.error").warning("%s: no new versions are seen: %s", self.path, cause)
                told = cause

        self._thread = threading.Thread(target=work, name=f"versions of {self.path.name}")
        self._thread.start()

    def _refreshed(self):
        """Refresh; return why that is not possible, or an empty str."""
        try:
            self.refresh()
        except OSError as error:
            return str(error)
        return ""

    def close(self):
        """End the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join()


def exports_at(path):
    """Return the exports at a path: a dict of folders by number."""
    if (path / METADATA).is_file():
        return {1: path}
    folders = destination.version_folders(path) if path.is_dir() else {}
    return {number: folder for number, folder in folders.items() if _is_export(folder)}


def _is_export(folder):
    """Return whether a version is an export. If it may not be read, it is taken for one: loading it gives the cause."""
    try:
        return (folder / METADATA).is_file()
    except PermissionError:
        return True


def _stamp(folder):
    """Return a value that changes when a file below a folder changes, its content or who may read it."""
    try:
        files = [(file, file.stat()) for file in sorted(folder.rglob("*"))]
    except OSError:  # the folder was removed in the meantime
        return ()
    return tuple((str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for file, stat in files)


def _version(exported, stamp):
    served = warmed(signatures(exported))
    return Version(served, definitions(exported, served), stamp)
