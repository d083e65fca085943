"""A file's names for variables and ours, in both directions."""

import re

from keras_effconv.zoo.names.producer import rename

COUNTED = re.compile(r"(.+?)_\d+")  # Keras counts the layers of a name in a process
MOST = 2_000_000  # characters of names to try


def ours_of(names, producer, model, architecture):
    """Return our names of a file's variables.

    Where Keras has counted a layer up (`conv1_conv_1`) that the network has without the number, and the file has no
    layer of that name, it is that one.

    Args:
        names: iterable of str.
        producer: `Producer`.
        model: `keras.Model` that the variables are for.
        architecture: `Architecture` of the model.

    Returns:
        dict of the file's name -> ours.
    """
    rows = producer.rows(architecture)
    ours = {name: rename(name, rows) for name in names}
    if producer.layout != "HWIO":
        return ours
    known = {layer.name for layer in model.layers}
    layers = {name.partition("/")[0] for name in ours.values()}
    bases = [
        (layer, COUNTED.fullmatch(layer)) for layer in layers if layer not in known and not architecture.owns(layer)
    ]
    bases += [(layer, COUNTED.fullmatch(layer)) for layer in layers if layer not in known and architecture.owns(layer)]
    new = {layer: match[1] for layer, match in bases if match and match[1] in known and match[1] not in layers}
    new = {layer: base for layer, base in new.items() if list(new.values()).count(base) == 1}
    return {
        name: "/".join((new.get(layer, layer), *rest))
        for name, (layer, *rest) in ((n, o.split("/")) for n, o in ours.items())
    }


def theirs_of(missing, names, producer, architecture):
    """Return what a file would call variables that it lacks, as far as that follows from the names that it has.

    Args:
        missing: list of our names.
        names: iterable of str, of the file.
        producer: `Producer`.
        architecture: `Architecture` of the network.

    Returns:
        dict of our name -> the file's.
    """
    rows, wanted, found = producer.rows(architecture), set(missing), {}
    split = [re.split(r"([./])", name) for name in names]
    words = dict.fromkeys(word for parts in split for word in parts[::2])
    tried, size = set(), 0
    for parts in split:
        for place in range(0, len(parts), 2):
            for word in words:
                name = "".join((*parts[:place], word, *parts[place + 1 :]))
                if name in tried:
                    continue
                tried.add(name)
                size += len(name)
                ours = rename(name, rows).partition("@")[0]
                if ours in wanted:
                    found.setdefault(ours, name)
                if len(found) == len(wanted) or size > MOST:
                    return found
    return found
