"""From a tag, a path or an address to a file of weights on this machine."""

import os
from typing import NamedTuple

from keras_effconv.preprocessing import Preprocessing
from keras_effconv.zoo import hub, readers, records
from keras_effconv.zoo.fetching.sources import locate
from keras_effconv.zoo.names import Producer
from keras_effconv.zoo.origin import stated


class Source(NamedTuple):
    """A weights file on this machine.

    Attributes:
        path: str.
        label: str, for messages and reports.
        producer: `Producer` whose names it has; `None` if it is to be found out.
        preprocessing: `Preprocessing` that it wants, or the tag of a set like which it is; `None` if it is to be found
            out.
        notes: tuple of (what, rule), for the report.
        skip: tuple of regular expressions of "layer/variable", what the file has besides.
    """

    path: str
    label: str
    producer: Producer | None = None
    preprocessing: Preprocessing | str | None = None
    notes: tuple[tuple[str, str], ...] = ()
    skip: tuple[str, ...] = ()


def at_home(path):
    """Return a path or an address as text, with `~` as the home directory."""
    return os.path.expanduser(os.fspath(path))


def of_path(path, design, size=None, preprocessing=None):
    """Return the `Source` of a file, a folder or an address, after a check of the configuration that lies with it.

    Args:
        path: str, `~` expanded.
        design: `Design` of the network.
        size: int, pixels of the image; or `None`.
        preprocessing: `Preprocessing` that the user says the weights want; or `None`.

    Raises:
        ValueError: if the configuration is damaged, or says that the weights are of another network or other options.
        WeightsUnavailable: (an OSError) if the hub cannot be reached, or does not give it to this user.
    """
    source = Source(path, path)
    if hub.is_described(path):
        source = Source(**hub.source(path, design, size, must_prepare=preprocessing is None))
    return source if preprocessing is None else source._replace(preprocessing=preprocessing)


def resolve(weights, design, include_top=True, size=None):
    """Find the file of a tag, a path or an address, before a network is built.

    Args:
        weights: str, a tag like `"imagenet"` (`"./imagenet"` is the folder), the path of a file or a folder, or
            `"hf://user/name"`; `"path@tag"` for a file that wants of an image what the set of that tag wants.
        design: `Design` of the network.
        include_top: bool; whether the network has its classifier.
        size: int, pixels of the image; or `None`.

    Returns:
        A `Source`.

    Raises:
        ValueError: if there is no such set for the network; the message says which there are.
        WeightsUnavailable: (an OSError) if the set is not on this machine and cannot be fetched.
    """
    named = isinstance(weights, str) and weights in records.tags(design.name)  # ahead of a folder that is called so
    weights = at_home(weights)
    path, tag = (weights, None) if hub.is_address(weights) else path_and_tag(weights)
    if path is not None and not named:
        return of_path(path, design, size, tag and stated(tag, design))
    record = records.find(design, weights, include_top, size)
    producer = next(p for p in design.architecture.producers if p.name == record.producer)
    return Source(locate(record), f"{record.model} {record.tag!r}", producer, record.preprocessing)


def path_and_tag(weights):
    """Return the path of a weights file, `~` expanded, and the tag behind it: "path@tag".

    Args:
        weights: str or path.

    Returns:
        A pair of str; the path is `None` if there is no such file, the tag if there is none.

    Example:

    >>> path_and_tag("no-file.pth@advprop"), path_and_tag(os.devnull)
    ((None, None), ('/dev/null', None))
    """
    path = at_home(weights)
    if readers.exists(path):
        return path, None
    before, _, tag = path.rpartition("@")
    return (before, tag) if before and tag and readers.exists(before) else (None, None)
