"""Whose names a file has: by marks, or, if a file lacks those, by how many of its names are known."""

import re

from keras_effconv.zoo.names.others import OTHERS, explained
from keras_effconv.zoo.names.producer import OWN, rename


def marks_of(design):
    """Return the patterns by which the producers of a network's family, and networks like it, are known."""
    others = [other.mark for other in OTHERS if re.fullmatch(other.models, design.name)]
    return [re.compile(mark) for mark in (*(p.mark for p in design.architecture.producers), *others)]


def recognise(model, design, names):
    """Return the producer of a file, by the names of its variables.

    Args:
        model: `keras.Model` of this package.
        design: `Design` of the model.
        names: iterable of str, of the file's variables.

    Returns:
        A `Producer` whose networks the model computes like.

    Raises:
        ValueError: if nobody known names variables so, or the model has other options than the producer's networks.
    """
    producers = marked(model, design, names)
    fitting = [p for p in producers if p.options is None or not design.differences(p.options)]
    if not fitting:
        ways = " or ".join(f"{p.name}, {', '.join(design.differences(p.options))}" for p in producers)
        raise ValueError(f"`model` must be a {design.name} as trained by {ways}")
    return fitting[0]


def marked(model, design, names):
    """Return the producers that name variables as a file does; the arguments are those of `recognise`.

    Raises:
        ValueError: if there is none.
    """
    names, producers = list(names), design.architecture.producers
    refused = explained(design.name, names)
    found = marked_as(design, names)
    if not found and not refused:
        found, share = likely(names, model, design)
        found = found if share >= 0.5 else []
    if not found and {name.split("/")[0] for name in names} & {layer.name for layer in model.layers if layer.weights}:
        return [OWN]
    if refused or not found:
        shown = ", ".join(sorted(names)[:3])
        known = ", ".join(p.name for p in (*producers, OWN))
        reason = f" {refused}." if refused else ""
        raise ValueError(
            f"`weights` must be of {design.name}, as {known} name them.{reason} Received: {shown:.200}, ..."
        )
    return found


def marked_as(design, names):
    """Return the producers by whose marks names are known: a list, which may be empty."""
    return [p for p in design.architecture.producers if any(re.match(p.mark, name) for name in names)]


def likely(names, model, design):
    """Return the producers by whose names most of a file's are the network's, and the share of these names."""
    architecture, known, counts = design.architecture, {layer.name for layer in model.layers}, []
    producers = (*architecture.producers, OWN)
    for producer in producers:
        rows = producer.rows(architecture)
        layers = [rename(name, rows).rpartition("/")[0] for name in names]
        counts.append(sum(layer in known or architecture.owns(layer) for layer in layers))
    most = max(counts)
    return [p for p, count in zip(producers, counts) if count == most], most / max(len(names), 1)


def renamed_layers(names, model, design):
    """Return the layers of a file's variables, in our names as far as they are known: dict of name -> layer."""
    (producer, *_), _ = likely(names, model, design)
    rows = producer.rows(design.architecture)
    variables = (name for name in names if not name.endswith("num_batches_tracked"))
    return {name: rename(name, rows).rpartition("/")[0] or name for name in variables}
