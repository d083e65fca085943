"""The files of a repository of the hub, brought by `huggingface_hub`; or those of a folder that is a copy of one."""

import contextlib
import json
import os
import re
from pathlib import Path, PurePosixPath

from keras_effconv.utils.extras import require
from keras_effconv.zoo.fetching.download import WeightsUnavailable
from keras_effconv.zoo.hub.errors import HubUnreachable, quiet_unless_seen, translated
from keras_effconv.zoo.hub.facts import CONFIG
from keras_effconv.zoo.readers import FormatError, shards
from keras_effconv.zoo.readers.folders import weights_among

COMMIT = re.compile("[0-9a-f]{40}")
LIMIT = 16 << 20  # bytes of a file in JSON; a configuration has a few thousand


class Folder:
    """A folder that holds what a repository does.

    Args:
        path: path of the folder.
        label: str, for messages. Default: the path.
        deep: bool; whether the files in folders inside of it count. Default `True`.

    Attributes:
        label: str, for messages.
        files: tuple of str, the paths of its files, relative to the folder.
    """

    def __init__(self, path, label=None, deep=True):
        self._folder = Path(path)
        self.label = label or os.fspath(path)
        self.files = tuple(sorted(_names(self._folder, deep)))

    def path(self, name):
        """Return where a file is on this machine.

        Raises:
            WeightsUnavailable: (an OSError) if it is not.
        """
        path = self._folder / name
        if not path.is_file():
            raise WeightsUnavailable(f"{self.label} must have the file {name}. Received: {path} (no such file)")
        return path

    def json(self, name):
        """Return a file's content; `None` where there is no such file.

        Raises:
            FormatError: (a ValueError) when it is not JSON, or larger than 16 MiB.
        """
        return _parsed(self.path(name), f"{self.label}/{name}") if name in self.files else None


class HubRepository:
    """A repository of the hub; what is asked for is downloaded once, to the cache of `huggingface_hub`.

    Args:
        address: `Address`.

    Attributes:
        label: str, for messages.
        files: tuple of str, the paths of its files.

    Raises:
        ValueError: if there is no such repository or revision.
        WeightsUnavailable: (an OSError) if the hub cannot be reached, or does not give it to this user.
    """

    def __init__(self, address):
        self._hub = require("huggingface_hub", "hub")
        self._api = self._hub.HfApi()
        self._address, self.label = address, str(address._replace(file=None))
        self._cached = self._snapshot() if COMMIT.fullmatch(address.revision or "") else None
        self._sizes, self._commit, self._is_offline = {}, address.revision, False
        if self._cached is None:
            self._ask()
        self.files = tuple(self._sizes) if self._cached is None else self._cached.files

    def _ask(self):
        """Ask the hub for the commit and the files; where it cannot be reached, take what is in the cache."""
        repository, revision, _ = self._address
        try:
            with translated(self._address):
                timeout = self._hub.constants.HF_HUB_ETAG_TIMEOUT
                info = self._api.model_info(repository, revision=revision, timeout=timeout, files_metadata=True)
        except HubUnreachable:
            self._cached = self._snapshot()
            if self._cached is None:
                raise
            self._is_offline = True
            return
        self._commit = info.sha
        self._sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or ()}

    def _snapshot(self):
        """Return what the cache has of the revision as a `Folder`, or `None`."""
        repository, revision, _ = self._address
        try:
            path = self._api.snapshot_download(repository, revision=revision, local_files_only=True)
        except Exception:  # its classes differ between versions; whatever it is, nothing can be used
            return None
        folder = Folder(path, self.label)
        # Weights alone may be there by another tool: without the configuration, nobody knows what they are.
        known = CONFIG in folder.files or self._looked_up(CONFIG, revision) is not None
        return folder if known and self._is_whole(folder) else None

    def _is_whole(self, folder):
        """Return whether a folder has all files of the weights: a download may have been interrupted."""
        try:
            name = self._address.file or weights_among(folder.files)
            index = shards.index_name(PurePosixPath(name).name)
            names = [name]
            if index is not None and not name.endswith(".weights.h5"):
                index = str(PurePosixPath(name).with_name(index))
                parts = shards.files_in(folder.path(index))
                names += [index, *(str(PurePosixPath(name).with_name(part)) for part in parts)]
        except (LookupError, OSError, ValueError):
            return False
        return set(names) <= set(folder.files)

    def _looked_up(self, name, revision):
        """Return a path in the cache; an object if the cache knows that there is no such file; or `None`."""
        return self._hub.try_to_load_from_cache(self._address.repository, name, revision=revision)

    def path(self, name):
        """Return where a file is on this machine; it is downloaded if it must be. Raises as the class."""
        repository, revision, _ = self._address
        path = self._looked_up(name, self._commit)
        if isinstance(path, str):  # of a commit, which never changes: the hub need not be asked
            return Path(path)
        with translated(self._address._replace(file=name), self.files), quiet_unless_seen():
            path = self._api.hf_hub_download(repository, name, revision=revision, local_files_only=self._is_offline)
            if self._commit and self._commit not in Path(path).parts:  # the branch has moved since it was asked
                path = self._api.hf_hub_download(repository, name, revision=self._commit)
        return Path(path)

    def _note_absence(self, name):
        """Let the cache know that there is no such file: it is asked where the hub cannot be."""
        if self._cached is None and self._looked_up(name, self._commit) is None:
            with contextlib.suppress(ValueError, OSError):
                self.path(name)

    def json(self, name):
        """Return a file's content; see `Folder.json`."""
        if name not in self.files:
            self._note_absence(name)
            return None
        if (self._sizes.get(name) or 0) > LIMIT:
            raise FormatError(f"{self.label}/{name} must have at most {LIMIT:,} bytes. Received: {self._sizes[name]:,}")
        return _parsed(self.path(name), f"{self.label}/{name}")


def _names(folder, deep):
    """Yield the files of a folder and of those inside of it, which are not followed out of it."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        for name in files:
            yield (Path(place, name)).relative_to(folder).as_posix()


def _parsed(path, label):
    with contextlib.suppress(ValueError, RecursionError):
        if path.stat().st_size <= LIMIT:
            return json.loads(path.read_text(encoding="utf-8"))
    raise FormatError(f"the file must be JSON of at most {LIMIT:,} bytes. Received: {label}")
