"""From an address, a folder or a file to the weights and what they are to be read as."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from keras_effconv.utils.files import TEXT_LIMIT, open_file
from keras_effconv.zoo.hub import timm, transformers
from keras_effconv.zoo.hub.address import is_address, parse
from keras_effconv.zoo.hub.facts import CONFIG, KEY, Facts, of_keras, own
from keras_effconv.zoo.hub.repository import Folder, HubRepository
from keras_effconv.zoo.readers import FormatError, reading, shards
from keras_effconv.zoo.readers.archives import StoredZip
from keras_effconv.zoo.readers.folders import is_checkpoint, weights_among


class Opened(NamedTuple):
    """A repository, and what is known of it.

    Attributes:
        repository: `HubRepository` or `Folder`.
        label: str, for messages.
        file: str, the file that holds the weights, in the repository.
        facts: `Facts`; `None` if the repository does not say which network the weights are of.
        reason: str, why there are no `facts`.
    """

    repository: HubRepository | Folder
    label: str
    file: str
    facts: Facts | None
    reason: str = ""

    def path(self):
        """Return the path of the file of weights; it, and all shards that it lists, is brought to this machine."""
        file = PurePosixPath(self.file)
        index = shards.index_name(file.name)
        if index is None or str(file.with_name(index)) not in self.repository.files:
            return self.repository.path(self.file)
        path = self.repository.path(str(file.with_name(index)))
        for name in shards.files_in(path):
            self.repository.path(str(file.with_name(name)))
        return path


def is_repository(weights):
    """Return whether `weights` is an address of the hub, or a folder that holds what a repository does.

    The configuration next to a TensorFlow checkpoint is the user's own.
    """
    if is_address(weights):
        return True
    return os.path.isdir(weights) and os.path.isfile(os.path.join(weights, CONFIG)) and not is_checkpoint(weights)


def is_described(weights):
    """Return whether a configuration lies with `weights`: those of a repository, or a file with one next to it."""
    beside = os.path.isfile(weights) and os.path.isfile(os.path.join(os.path.dirname(weights), CONFIG))
    return beside or is_repository(weights)


def open_repository(weights, name="weights"):
    """Return what an address, a folder or that of a file holds; its configuration is downloaded, its weights are not.

    Args:
        weights: str, `hf://user/name`, or the path of a folder, or of a file with a configuration next to it.
        name: str, the argument, for messages.

    Returns:
        An `Opened`.

    Raises:
        ValueError: if there is no such thing, it has no weights, or says of them what cannot be.
        WeightsUnavailable: (an OSError) if the hub cannot be reached, or does not give it to this user.
    """
    address, file = parse(weights, name) if is_address(weights) else None, None
    if address:
        repository, file, label = HubRepository(address), address.file, str(address)
    elif os.path.isfile(weights):
        label, file = os.fspath(weights), os.path.basename(weights)
        repository = Folder(Path(weights).parent, deep=False)
    else:
        repository, label = Folder(weights), os.fspath(Path(weights))
    if file is None:
        try:
            file = weights_among(repository.files)
        except LookupError as error:
            raise ValueError(
                f"`{name}` must be a repository with one file of weights. Received: {label}, {error}"
            ) from None
    try:
        facts, reason = _facts(repository, address.repository if address else None)
        if facts is None and file.endswith(".keras"):
            facts = _facts_in(repository.path(file))
    except (ValueError, TypeError) as error:  # of what the configuration is made into, too
        raise FormatError(f"{label}: {error}") from None
    return Opened(repository, label, file, facts, reason)


def _facts(repository, name):
    """Return the `Facts` of `config.json`, by whoever wrote it; or `None` and the reason."""
    config = repository.json(CONFIG)
    if config is None:
        return None, f"it has no {CONFIG}"
    if not isinstance(config, dict):
        return None, f"its {CONFIG} is no object"
    if KEY in config:
        return own(config), ""
    if isinstance(config.get("architecture"), str):
        return timm.facts(config, name), ""
    if isinstance(config.get("architectures"), list) and config["architectures"]:
        return transformers.facts(config, repository.json(transformers.IMAGES)), ""
    if isinstance(config.get("class_name"), str):
        kind = str(config.get("registered_name") or "").split(">")[0] or str(config.get("module") or "").split(".")[0]
        if kind.startswith(("keras_hub", "keras_nlp", "keras_cv")):
            return Facts(f"{config['class_name']} of KerasHub", None), ""
        return of_keras(config), f"its {CONFIG} is of no network of this package"
    return None, f"its {CONFIG} names no network"


def _facts_in(path):
    """Return the `Facts` of a `.keras` file."""
    with reading(path, "a .keras file"), open_file(path) as file:
        archive = StoredZip(file)
        return (
            of_keras(json.loads(archive.bytes("config.json", TEXT_LIMIT))) if "config.json" in archive.infos else None
        )


def source(weights, design, size=None, must_prepare=True):
    """Return what loading needs of weights for a network, after a check that their configuration is of this network.

    Args:
        weights: str, see `open_repository`.
        design: `Design` of the network.
        size: int, pixels of the image; or `None`.
        must_prepare: bool; whether a repository must say what its weights want of an image. Default `True`.

    Returns:
        dict of the fields of a `zoo.Source`.

    Raises:
        ValueError: if the weights are of another network, or of one with other options; and as `open_repository`.
        WeightsUnavailable: (an OSError) as `open_repository`.
    """
    opened, is_file = open_repository(weights), os.path.isfile(weights)
    facts, found = opened.facts, {"label": opened.label}
    if facts is None:
        note = ("preprocessing", f"as of the names in the file: {opened.reason}")
        return {**found, "path": os.fspath(opened.path()), "notes": () if is_file else (note,)}
    check(opened, design)
    if must_prepare and not facts.views and not is_file:
        text = f"{opened.label} without them; to take those of the producer, download the file and pass its path"
        raise ValueError(f"`weights` must say the mean and the std of the images that they want. Received: {text}")
    return {
        **found,
        "path": os.fspath(opened.path()),
        "producer": next((p for p in design.architecture.producers if p.name == facts.producer), None),
        "preprocessing": facts.view(size) if facts.views else None,
        # A fine-tuned model has one layer on top, of this name in every network.
        "skip": () if "predictions" in design.architecture.head else ("predictions/.*",),
    }


def check_network(opened, network):
    """Raise a `ValueError` if a repository says that its weights are of another network; `network` is its name."""
    facts = opened.facts
    if facts is None or facts.network == network:
        return
    here = "" if facts.architecture == facts.network else f" ({facts.network} here)"
    if facts.network is None:
        here = ", a network that this package does not build from such a file"
    text = f"{opened.label}, which is {facts.architecture}{here}"
    raise ValueError(f"`weights` must be of {network}. Received: {text}")


def check(opened, design):
    """Raise a `ValueError` if a repository says that its weights are of another network, or of other options."""
    check_network(opened, design.name)
    facts, label = opened.facts, opened.label
    wanted = design.differences({name: value for name, value in facts.options.items() if name in design.defaults})
    wanted = [text for text in wanted if not text.startswith("drop_connect_rate=")]
    if wanted:
        raise ValueError(f"`weights={label!r}` of {design.name} are for {', '.join(wanted)}")
