"""Data at an address, such as `s3://`, `gs://` or `https://`: copied once to this machine, then read as files."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import posixpath

from keras_effconv.data.sources.csv_columns import is_header
from keras_effconv.data.sources.image_paths import URL
from keras_effconv.data.sources.listing import IMAGE_EXTENSIONS, PILLOW_EXTENSIONS, is_junk
from keras_effconv.data.sources.messages import some
from keras_effconv.data.sources.origin import origin_of, state_of, without_secrets
from keras_effconv.data.sources.table import read_table
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing, write_json
from keras_effconv.utils.progress import progress

TABLES = (".csv", ".tsv", ".txt")
IMAGES = IMAGE_EXTENSIONS | PILLOW_EXTENSIONS
EXTENSIONS = frozenset({*IMAGES, *TABLES, ".npz", ""})
STATES = ".copied.json"  # what each copied file was there
THREADS = 8
DOWNLOAD = "`data_dir` must be an address that can be read"


def is_url(path):
    """Whether a path is an address.

    Example:

    >>> is_url("s3://photos/train"), is_url("C:/photos")
    (True, False)
    """
    return URL.match(os.fspath(path)) is not None


def localized(url):
    """Copy what is at an address, unless it is here, and return the local path.

    Files appear when they are whole, so that an interrupted copy resumes. A file that has changed there is copied anew,
    one that is gone there is removed here. Of a folder, images, tables and archives are copied; of a table, it and the
    images that it names next to it or below. Copies are in `KERAS_HOME` (else ~/.keras), in `datasets`: each host,
    bucket, repository, archive and path has a folder of its own.

    Args:
        url: str, of a folder or of a CSV file, in a scheme that fsspec knows.

    Returns:
        `pathlib.Path`.

    Raises:
        ImportError: fsspec, or its package for the scheme, is not installed.
        OSError: nothing is there, or it cannot be read.
    """
    fs, path = _opened(url)
    if _is_local(fs):
        return pathlib.Path(path)
    path = path.rstrip("/")
    is_table = path.lower().endswith(TABLES)
    folder = posixpath.dirname(path) if is_table else path
    target = _cache() / _digest(origin_of(fs, folder)) / (posixpath.basename(folder) or "data")
    with _one_line(url):
        if not is_table:
            _copy(fs, _listed(fs, folder), target, url, remove=True)
            return target
        table = target / posixpath.basename(path)
        _copy(fs, {table.name: (path, fs.info(path))}, target, url)
        _copy(fs, _named_in(fs, folder, table), target, url)
    return table


def fetch_file(url):
    """Copy one file, such as an image that a table names by its address, unless it is here; return its path.

    A file that cannot be copied is missing at the path that is returned.
    """
    fs, path = _opened(url)
    if _is_local(fs):
        return path
    name = posixpath.basename(path.partition("?")[0]) or "file"
    target = _cache() / "files" / _digest(url) / name
    if not target.is_file():
        with contextlib.suppress(OSError, ValueError), replacing(target) as temporary:
            fs.get_file(path, str(temporary))
    return str(target)


def _opened(url):
    """Return (file system, path in it)."""
    fsspec = require("fsspec", "cloud")
    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        text = f"{DOWNLOAD}. Received: {url!r}, whose scheme needs a package: {error}"
        raise ImportError(without_secrets(text)) from error
    except ValueError as error:
        raise ValueError(without_secrets(f"{DOWNLOAD}. Received: {url!r}: {error}")) from error


def _is_local(fs):
    return "file" in (fs.protocol if isinstance(fs.protocol, (tuple, list)) else (fs.protocol,))


@contextlib.contextmanager
def _one_line(url):
    """Turn what the many packages behind fsspec raise into one OSError."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # Each has its own types: of the network, of rights, of missing keys.
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise OSError(without_secrets(f"{DOWNLOAD}. Received: {url!r}: {cause}")) from error


def _cache():
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    return pathlib.Path(home).expanduser() / "datasets" / "keras_effconv"


def _digest(text):
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _listed(fs, folder):
    """`{relative path: (path, facts)}` of the files of a folder that may be data."""
    files, other = {}, 0
    for path, facts in fs.find(folder, detail=True).items():
        relative = path[len(folder) :].lstrip("/") if path.startswith(folder) else path.lstrip("/")
        if any(is_junk(word) for word in relative.split("/")):
            continue
        if os.path.splitext(relative)[1].lower() in EXTENSIONS:
            files[relative] = path, facts
        else:
            other += 1
    if not files:
        raise FileNotFoundError(f"no image, table or archive ({other} other files)")
    if other:
        print(f"{without_secrets(folder)}: {other} files are not copied, since they are no images")
    return files


def _named_in(fs, folder, table):
    """`{relative path: (path, facts)}` of the files below a folder that a table names, by path, name or id."""
    cells = {cell.replace("\\", "/") for _, row in read_table(table, is_header).rows for cell in row}
    paths = {cell for cell in cells if os.path.splitext(cell)[1].lower() in IMAGES and not URL.match(cell)}
    if "http" in fs.protocol or "https" in fs.protocol:  # a web server lists nothing
        return {path: (f"{folder}/{path}", {"name": path}) for path in sorted(paths)}
    names = {posixpath.basename(cell) for cell in cells}
    files = _listed(fs, folder)
    return {
        path: found
        for path, found in files.items()
        if posixpath.basename(path) in names or os.path.splitext(posixpath.basename(path))[0] in names
    }


def _copy(fs, files, target, url, remove=False):
    """Copy files that are not here, or that were others when they were copied; perhaps remove those that are gone."""
    root = os.path.realpath(target)
    if outside := [path for path in files if not os.path.realpath(target / path).startswith(root + os.sep)]:
        raise ValueError(f"names must stay in their folder. Received: {some(outside)}")
    states = _read_states(target)
    now = {path: state_of(facts) for path, (_, facts) in files.items()}
    missing = [path for path in files if states.get(path) != now[path] or not (target / path).is_file()]
    if remove:
        for path in set(states) - set(now):
            (target / path).unlink(missing_ok=True)
        states = {path: state for path, state in states.items() if path in now}
    if missing:
        size = sum(files[path][1].get("size") or 0 for path in missing)
        print(
            f"{without_secrets(url)}: copying {len(missing)} of {len(files)} files, {size / 2**20:.1f} MiB, to {target}"
        )
    try:
        for path in _copied(fs, {path: files[path][0] for path in missing}, target):
            states[path] = now[path]
    finally:
        if missing or remove:
            write_json(target / STATES, states)


def _copied(fs, paths, target):
    """Copy files, several at a time, and yield each relative path when its file is whole.

    After a failure no further copy starts; it is raised when those that are whole have been yielded.
    """
    failures = []

    def get(item):
        relative, path = item
        if failures:
            return None
        try:
            with replacing(target / relative) as temporary:
                fs.get_file(path, str(temporary))
        except Exception as error:
            failures.append(error)
            return None
        return relative

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        copies = [pool.submit(get, item) for item in paths.items()]
        done = concurrent.futures.as_completed(copies)
        try:
            for copy in progress(done, "copying", len(copies), unit="file"):
                if copy.result() is not None:
                    yield copy.result()
        finally:
            pool.shutdown(cancel_futures=True)
    if failures:
        raise failures[0]


def _read_states(target):
    try:
        return json.loads((target / STATES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
