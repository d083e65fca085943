"""Which images a split has, in a few digits: what `run.json` keeps of the data."""

import hashlib
import os
from collections.abc import Mapping

import numpy as np

IMAGES = 256  # of those without a file, whose pixels are looked at


def fingerprints(splits: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """Return digests of the names, the labels and the sizes of the images of each split.

    Names are taken relative to the folder that all have in common, so another spelling of a path to the same folder
    (relative, through a link, with a slash at its end) changes nothing. The size is that of the file; of images without
    a file it is made of some of their pixels.

    Args:
        splits: dict of `Split`, `Files`, `TfdsSplit` or `Streamed`, by name.

    Returns:
        dict by the names of the splits, of dicts of `"names"`, `"labels"` and `"sizes"`.

    Example:

    >>> from keras_effconv import data
    >>> digits = data.digits(8, limit=2)
    >>> sorted(fingerprints({"train": digits.train})["train"])
    ['labels', 'names', 'sizes']
    """
    sources = {name: getattr(split, "source", split) for name, split in splits.items()}
    names = {name: _names(source) for name, source in sources.items()}
    root = _common_root([each for one in names.values() for each in one])
    return {
        name: {
            "names": _digest("\0".join(each[root:] for each in names[name]).encode("utf-8", "surrogateescape")),
            "labels": _digest(_labels(source)),
            "sizes": _digest(_sizes(source)),
        }
        for name, source in sources.items()
    }


def image_names(source):
    """Return the names or paths of the images of a split or of a source; `None` of records that nobody has read."""
    return getattr(source, "names", None) or getattr(source, "paths", None)


def _names(source):
    """Return the names of images with `/` in paths; of records that nobody has read, what the data set says."""
    names = image_names(source)
    if names is None:
        info = source.builder.info
        names = [getattr(info, "full_name", source.builder.name), source.split, len(source)]
    return [str(name).replace(os.sep, "/") for name in names]


def _common_root(names):
    """Return the number of characters that name the folder which all names are below."""
    if not names:
        return 0
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))
    return first[:same].rfind("/") + 1


def _labels(source):
    labels = getattr(source, "labels", None)
    return b"" if labels is None else np.asarray(labels, "int32").tobytes()


def _sizes(source):
    """Return the sizes of the files as bytes, -1 of what has none; if nothing has, some pixels."""
    sizes = np.array([_size(name) for name in image_names(source) or ()], "int64")
    images = getattr(source, "images", None)
    if images is None or (sizes >= 0).any():
        return sizes.tobytes()
    return np.ascontiguousarray(images[:: max(1, len(images) // IMAGES)]).tobytes()


def _size(name):
    try:
        return os.stat(name).st_size
    except (OSError, ValueError):
        return -1


def file_fingerprint(path):
    """Return the name, the size and a digest of a file as text, so that a copy elsewhere is the same file."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    return f"{os.path.basename(os.path.realpath(path))}, {os.path.getsize(path)} bytes, sha256 {digest}"


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:16]
