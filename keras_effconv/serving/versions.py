"""The newest versions in a folder, loaded, while others are written next to them."""

import contextlib
import os
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_effconv.exporting import destination, load
from keras_effconv.exporting.format import METADATA
from keras_effconv.serving.signatures import STRING, signatures
from keras_effconv.utils.arguments import positive


class Version(NamedTuple):
    """A version that is loaded.

    Attributes:
        signatures: dict of str -> `Signature`.
        stamp: tuple, the state of the files that it was loaded from.
    """

    signatures: dict
    stamp: tuple


class Versions:
    """The versions of one model.

    Args:
        path: path of a folder that `keras_effconv.export` wrote, which is version 1, or of a folder of such folders
            with numbers for names.
        count: int, how many of the newest versions to serve. Default 2.

    Raises:
        ValueError: none can be loaded; the message gives the reason for the newest.
    """

    def __init__(self, path: str | os.PathLike, count: int = 2):
        self.path, self.count = Path(path), positive("count", count)
        self._loaded, self._failed = {}, {}
        self._stop, self._thread = threading.Event(), None
        self.refresh()
        if not self._loaded:
            cause = self._failed[max(self._failed)][1] if self._failed else "there is none in it"
            raise ValueError(f"`path` must be an export or a folder of versions. Received: path={str(path)!r}: {cause}")

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
        """Return a dict by number, the newest first: `None` for a served version, or a str, why it cannot be loaded."""
        states = {**{number: cause for number, (_, cause) in self._failed.items()}, **dict.fromkeys(self._loaded)}
        return dict(sorted(states.items(), reverse=True))

    def refresh(self):
        """Load new versions. An old one that is no longer among the newest goes when no request holds it.

        A version that cannot be loaded is skipped, and tried again when its files change. If none can be loaded,
        everything stays as it is.
        """
        loaded, failed = {}, {}
        for number, folder in sorted(exports_at(self.path).items(), reverse=True):
            if len(loaded) == self.count:
                break
            stamp, known = _stamp(folder), self._loaded.get(number)
            if known and known.stamp == stamp:
                loaded[number] = known
            elif number in self._failed and self._failed[number][0] == stamp:
                failed[number] = self._failed[number]
            else:
                try:
                    loaded[number] = Version(_warm(signatures(load(folder))), stamp)
                except Exception as error:  # each runtime has its own for a broken file
                    failed[number] = stamp, " ".join(f"{type(error).__name__}: {error}".split())[:300]
        self._failed = failed
        if loaded:
            self._loaded = loaded

    def watch(self, seconds):
        """Refresh every so many seconds, in a thread.

        Args:
            seconds: float.
        """

        def work():
            while not self._stop.wait(seconds):
                with contextlib.suppress(OSError):  # the folder was removed in the meantime
                    self.refresh()

        self._thread = threading.Thread(target=work, name=f"versions of {self.path.name}")
        self._thread.start()

    def close(self):
        """End the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join()


def exports_at(path):
    """Return the exports at a path: a dict of folders by number."""
    if (path / METADATA).is_file():
        return {1: path}
    numbers = destination.versions(path) if path.is_dir() else []
    folders = {number: path / str(number) for number in numbers}
    return {number: folder for number, folder in folders.items() if (folder / METADATA).is_file()}


def _stamp(folder):
    """Return a value that changes when a file below a folder changes."""
    try:
        files = [(file, file.stat()) for file in sorted(folder.rglob("*"))]
    except OSError:  # the folder was removed in the meantime
        return ()
    return tuple((str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns) for file, stat in files)


def _warm(signatures):
    """Run each signature once, so that no user waits for the first run, and a version that cannot run is not served."""
    for signature in signatures.values():
        row = signature.input.shape[1:]
        signature.run(np.array([b""], object) if signature.input.dtype == STRING else np.zeros((1, *row), "float32"))
    return signatures
