"""Published weight files: from an address, or a mirror, to a file on this machine whose hash is right."""

import contextlib
import os
import threading
import urllib.parse
from pathlib import Path
from typing import NamedTuple

from absl import logging

from keras_effconv.zoo.fetching.hashes import file_hash, normal_hash, record_hash, record_path, recorded_hash
from keras_effconv.zoo.fetching.transfer import empty, forget, is_page, require_web_address, transfer

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

MIRROR = "KERAS_EFFCONV_ZOO"


class WeightsUnavailable(OSError):
    """A weight set that is not on this machine."""


class _Target(NamedTuple):
    address: str  # where it is published
    source: str  # where it is asked for: there, or at the mirror
    hash: str | None  # as published
    path: Path  # in the cache

    @property
    def expected(self):
        return self.hash or recorded_hash(self.path)


def fetch(address, hash=None, file=None, progress=True):
    """Fetch the file behind an address: download it once, check it always.

    It is kept where Keras keeps its own downloads (`$KERAS_HOME` or `~/.keras`, in `models`), so that what either has
    fetched serves both. A file there whose hash is wrong is fetched again. Where no hash is published, the sha256 of
    the first download is recorded in `<file>.sha256` beside it and checked from then on; delete that file to accept
    another version. A download that breaks off stays as `<file>.part` and is continued by the next call.

    With the environment variable `KERAS_EFFCONV_ZOO`, the file is taken from there and never from the address: from
    `<base>/<file>` if it is an address of http or https, else out of that folder, where it is used in place.

    Args:
        address: str, of http or https.
        hash: str, an md5 (32 hex digits) or a sha256 (64, or the first 8). Default `None`: the source publishes none.
        file: str, its name in the cache and at the mirror. Default: the last part of the address.
        progress: bool; whether to show a bar, which appears on a terminal only. Default `True`.

    Returns:
        A `Path`.

    Raises:
        WeightsUnavailable: (an OSError) it is not here and could not be fetched; the message says where to put it.
        ValueError: what came has another hash (nothing of it is kept), or an argument is not what it should be.

    Example:
        >>> fetch("https://example.org/models/net.h5", hash="5d41402abc4b2a76b9719d911017c592")  # doctest: +SKIP
        PosixPath('/home/me/.keras/models/net.h5')
    """
    target = _target(address, hash, file)
    if _is_cached(target):
        return target.path
    if "://" not in target.source:
        return _in_place(target)
    return _downloaded(target, progress)


def cached_state(address, hash=None, file=None):
    """Return whether a file is in the cache, without fetching it.

    Args: as of `fetch`.

    Returns:
        `None` where it is not there, `"ok"`, or what is wrong with it, as text.
    """
    target = _target(address, hash, file)
    return (_wrong(target.path, target) or "ok") if target.path.is_file() else None


def cache_folder():
    """Return the `Path` of the folder in which Keras keeps its downloads, and this package its own."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser() / "models"


def _target(address, hash, file):
    """Check the arguments of `fetch`."""
    require_web_address(address)
    file = urllib.parse.unquote(urllib.parse.urlsplit(address).path.rsplit("/", 1)[-1]) if file is None else file
    if file in ("", ".", "..") or Path(file).name != file or "\\" in file or not file.isprintable():
        raise ValueError(f"`file` must be the name of a file. Received: file={file!r:.200}, address={address!r:.500}")
    return _Target(address, _source(address, file), normal_hash(hash), cache_folder() / file)


def _source(address, file):
    """Return the address to ask, or the path of the file in the mirror's folder."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return address
    if "://" not in mirror:
        return str(Path(mirror).expanduser() / file)
    try:
        require_web_address(mirror)
    except ValueError:
        raise ValueError(
            f"{MIRROR} must be an address of http or https, or the path of a folder. Received: {mirror!r:.500}"
        ) from None
    return f"{mirror.rstrip('/')}/{urllib.parse.quote(file)}"


def _wrong(path, target, source=None):
    """Return what is wrong with a file that came from `source` (by default its path), as text, or `None`."""
    place = source or path
    expected = target.expected
    if expected is None:
        return f"the file must hold weights. Received: {place} (an HTML page)" if is_page(path) else None
    digest = file_hash(path, expected)
    if digest.startswith(expected):
        return None
    recorded = "" if target.hash else f" (recorded in {record_path(target.path)}: delete it to accept another version)"
    kind = ", an HTML page" if is_page(path) else ""
    return f"the file must have the hash {expected}{recorded}. Received: {place} (hash {digest}{kind})"


def _record(path, target, source):
    if target.expected is None:
        record_hash(target.path, source, file_hash(path))


def _is_cached(target):
    """Return whether the cache has it. A wrong file is left until a right one takes its place."""
    if not target.path.is_file():
        return False
    if _wrong(target.path, target):
        return False
    _record(target.path, target, target.path)
    return True


def _in_place(target):
    """Return the file in the mirror's folder, used where it is: sites share one copy of large files."""
    path = Path(target.source)
    if not path.is_file():
        raise _unavailable(target, f"no file there{'' if path.parent.is_dir() else ', and no such folder'}")
    wrong = _wrong(path, target)
    if wrong:
        raise ValueError(wrong)
    _record(path, target, path)
    return path


def _downloaded(target, progress):
    try:
        target.path.parent.mkdir(parents=True, exist_ok=True)
        with _claimed(target.path.with_name(target.path.name + ".part")) as part:
            if not _is_cached(target):  # asked again: another process may have brought it meanwhile
                if target.path.is_file():
                    logging.warning("%s; it is fetched again", _wrong(target.path, target))
                _fill(part, target, progress)
                forget(part)  # before the part file goes, and the lock with it
                os.replace(part, target.path)
                _record(target.path, target, target.source)
    except OSError as error:
        raise _unavailable(target, error) from error
    return target.path


def _fill(part, target, progress):
    """Fill a part file with content whose hash is right, or leave it empty."""
    hashed = target.expected is not None
    for last in (False, True):
        pieced = transfer(target.source, part, hashed, progress)
        wrong = _wrong(part, target, target.source)
        if not wrong:
            return
        empty(part)
        if last or not pieced:
            raise ValueError(f"{wrong}; nothing of it was kept")
        # The pieces may be of two versions.
        logging.warning("%s; it came in pieces, so it is fetched once more", wrong)


@contextlib.contextmanager
def _claimed(part):
    """Yield a part file that nobody else writes to; what is empty at the end goes.

    The lock is the kernel's, on the part file itself: it ends with its process, so that no rule about stale locks is
    needed and nothing more lies in the cache. Where there are no such locks (Windows, some network folders), each
    caller has a part file of its own, which cannot be continued by the next.
    """
    lock = _locked(part)
    if lock is None:
        part = part.with_name(f"{part.stem}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield part
    finally:
        # After a rename, the name may belong to the next caller already.
        if lock is None or (_has_name(lock, part) and not part.stat().st_size):
            forget(part)
            part.unlink(missing_ok=True)
        if lock is not None:
            lock.close()


def _locked(part):
    """Return the part file, open and locked, or `None` where locks do not work."""
    while fcntl is not None:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(part, "ab"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logging.warning("%s: another process fetches it; waiting", part)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                part.unlink(missing_ok=True)
                return None
            # The holder before may have renamed or deleted it: the lock must be on the file that has the name now.
            if _has_name(file, part):
                stack.pop_all()
                return file
    return None


def _has_name(file, path):
    """Return whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _unavailable(target, cause):
    cause = " ".join(str(cause).split())
    if target.path.is_file():
        cause += f"; {target.path} is there, with another hash"
    if target.source != target.address:
        cause += f"; {MIRROR} is set, so {target.address} was not tried"
    return WeightsUnavailable(
        f"weights must be on this machine or at {target.source} (hash {target.expected or 'not published'}). "
        f"Received: {cause}; put the file at {target.path}, set {MIRROR} to a folder or an address that has it, or "
        "pass weights=None or a path"
    )
