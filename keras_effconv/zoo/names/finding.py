"""Where in a file the variables of a network are: in which entry of a checkpoint, and behind which prefix."""

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from keras_effconv.zoo.names.recognition import likely, marks_of, renamed_layers
from keras_effconv.zoo.readers.entries import joined
from keras_effconv.zoo.readers.errors import FormatError

# What torch puts into names where it wraps a module: data-parallel and compiled ones, shards, recomputed activations.
WRAPPERS = re.compile(r"(?:(?<=^)|(?<=[./]))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)[./]")
FLAT = re.compile(r"(.*\.)?_?flat_param(_\d+)?")
HEAD = re.compile(r"\w*(fc|classif|head|linear|logits|predictions|dense|probs|output)")  # of a classifier, by anybody
MOST = 12  # choices in a message
DEPTH = 32  # separators behind which a name may begin
SAMPLE = 64  # names by which a prefix is judged


class Found(NamedTuple):
    """The variables of a network in a file.

    Attributes:
        names: dict of the file's name -> the network's, without what is ahead of it.
        entry: str, of the checkpoint: "state_dict"; "" without entries.
        prefix: str, of the names: "module."; "" without one.
        beside: dict of what is not the network's, by the beginning of its names -> how many.
    """

    names: dict[str, str]
    entry: str = ""
    prefix: str = ""
    beside: Mapping[str, int] = {}


def find(names_by_entry: Mapping[str, Iterable[str]], model, design, entry: str | None = None) -> Found:
    """Find the variables of a network among those of a file.

    Args:
        names_by_entry: dict of an entry -> names of its variables; "" for a file without entries.
        model: `keras.Model` of this package.
        design: `Design` of the model.
        entry: str, the entry of a checkpoint, or the beginning of the names, to look in. Default: everywhere.

    Returns:
        A `Found`.

    Raises:
        FormatError: (a ValueError) if they are in none or in several places; the message lists these.
    """
    names = [joined(each, name) for each, own in names_by_entry.items() for name in own]
    _refuse_flat(names)
    clean = _unwrapped(names)
    inside = names if entry in (None, "") else _inside(names_by_entry, clean, entry)
    if not inside:
        raise FormatError(f"`entry` must be one of {_listed(_tops(names))}. Received: entry={entry!r}")
    prefixes = _prefixes([clean[name] for name in inside], model, design)
    groups = {prefix: [name for name in inside if clean[name].startswith(prefix)] for prefix in prefixes}
    if "" in groups and len(groups) > 1:
        groups[""] = [name for name in groups[""] if not any(p and clean[name].startswith(p) for p in groups)]
    if entry == "" and "" in groups:
        groups = {"": groups[""]}
    prefix = _only(groups, clean, model, design)
    return _found(prefix, groups[prefix], clean, names, names_by_entry)


def _refuse_flat(names):
    flat = next((name for name in names if FLAT.fullmatch(name)), None)
    if flat:
        raise FormatError(
            "`path` must be a file of whole tensors; FSDP's flat parameters are shards: save a full state dict. "
            f"Received: {flat:.80}"
        )


def _unwrapped(names):
    """Return each name without torch's wrappers, wherever they stand; as it is if two would become one."""
    clean = {name: WRAPPERS.sub("", name) for name in names}
    return clean if len(set(clean.values())) == len(names) else {name: name for name in names}


def _begins(name, entry):
    return name == entry or name.startswith((f"{entry.rstrip('./')}.", f"{entry.rstrip('./')}/"))


def _inside(names_by_entry, clean, entry):
    """Return the full names that begin as the user says; if none does, those whose own names in an entry do."""
    full = [name for name in clean if _begins(name, entry) or _begins(clean[name], entry)]
    own = ((joined(each, name), name) for each, names in names_by_entry.items() for name in names)
    return full or [name for name, short in own if _begins(short, entry) or _begins(WRAPPERS.sub("", short), entry)]


def _tops(names):
    return list(dict.fromkeys(re.split(r"[./]", name)[0] for name in names))


def _splits(name):
    """Return the places at which the rest of a name may begin: 0, and behind each separator."""
    return [0, *(match.end() for match in itertools.islice(re.finditer(r"[./]", name), DEPTH))]


def _prefixes(names, model, design):
    """Return the prefixes behind which names are as a producer has them; if there is none, the likeliest one."""
    marks = marks_of(design)
    found = {}
    for name in names:
        place = next((p for p in _splits(name) if any(mark.match(name[p:]) for mark in marks)), None)
        if place is not None:
            found[name[:place]] = None
    if found:
        return list(found)
    shares = {}
    for name in names:
        for place in _splits(name)[:-1]:
            shares[name[:place]] = shares.get(name[:place], 0) + 1
    often = [prefix for prefix, count in shares.items() if count >= 0.3 * len(names)] or [""]
    sample = names[:: len(names) // SAMPLE + 1]
    known = {p: likely([n[len(p) :] for n in sample if n.startswith(p)], model, design)[1] for p in often}
    return [max(often, key=lambda p: (known[p], -len(p)))]


def _only(groups, clean, model, design):
    """Return the one prefix; of several, the one whose names are those of this very network."""
    if len(groups) == 1:
        return next(iter(groups))
    fitting = [
        prefix for prefix, names in groups.items() if _fits([clean[n][len(prefix) :] for n in names], model, design)
    ]
    if len(fitting) == 1:
        return fitting[0]
    shown = [_original(prefix, groups[prefix], clean).rstrip("./") for prefix in fitting or groups]
    raise FormatError(
        f"`path` must hold one set of weights of {design.name}, or `entry` say which: {_listed(shown)}, as in "
        f"`load_weights(model, path, entry={max(shown, key=len)!r})`. Received: {len(shown)} sets"
    )


def _fits(names, model, design):
    """Return whether names are those of the whole network, and of no larger one.

    A larger one has more names that differ from the network's in numbers only. What else lies with them, a classifier
    or a loss, says nothing of the network.
    """
    layers, architecture = renamed_layers(names, model, design), design.architecture
    own = {_unnumbered(name) for name, layer in layers.items() if architecture.owns(layer)}
    others = (name for name, layer in layers.items() if not architecture.owns(layer) and not HEAD.match(layer))
    if any(_unnumbered(name) in own for name in others):
        return False
    return all(any(block.holds(layer) for layer in layers.values()) for block in architecture.blocks)


def _unnumbered(name):
    """Return a name without the numbers, and the letters behind them, by which blocks are told apart.

    >>> _unnumbered("layer1.0.conv2.weight"), _unnumbered("block2a_bn/gamma")
    ('layer#.#.conv#.weight', 'block#_bn/gamma')
    """
    return re.sub(r"\d+([a-z](?![a-z]))?", "#", name)


def _original(prefix, names, clean):
    """Return a prefix as the file has it, wrappers included."""
    for name in names:
        rest = clean[name][len(prefix) :]
        if name.endswith(rest):
            return name.removesuffix(rest)
    return prefix


def _found(prefix, group, clean, names, entries):
    whole = _original(prefix, group, clean)
    entry = max((each for each in entries if not each or _begins(whole, each)), key=len, default="")
    own = set(group)
    beside = {}
    for name in names:
        if name not in own:
            top = re.split(r"[./]", name.removeprefix(entry and f"{entry}."))[0]
            beside[top] = beside.get(top, 0) + 1
    return Found(
        {name: clean[name][len(prefix) :] for name in group},
        entry,
        whole.removeprefix(entry and f"{entry}."),
        beside,
    )


def _listed(choices):
    more = f" and {len(choices) - MOST} more" if len(choices) > MOST else ""
    return ", ".join(f"{choice!r:.80}" for choice in choices[:MOST]) + more
