"""Who names what how: from the names in a weights file to those of the plain network.

A family lists its producers in its `Architecture`.
"""

import re

from keras_effconv.zoo.names.bands import check_bands, in_bands, join
from keras_effconv.zoo.names.producer import OWN, Producer, rename

__all__ = ["OWN", "Producer", "check_bands", "in_bands", "join", "recognise", "rename"]


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
    producers = design.architecture.producers
    marked = [p for p in producers if any(re.search(p.mark, name) for name in names)]
    if not marked and {name.split("/")[0] for name in names} & {layer.name for layer in model.layers if layer.weights}:
        marked = [OWN]
    if not marked:
        shown = ", ".join(sorted(names)[:3])
        known = ", ".join(p.name for p in (*producers, OWN))
        raise ValueError(f"`weights` must be of {design.name}, as {known} name them. Received: {shown:.200}, ...")
    fitting = [p for p in marked if p.options is None or not design.differences(p.options)]
    if not fitting:
        ways = " or ".join(f"{p.name}, {', '.join(design.differences(p.options))}" for p in marked)
        raise ValueError(f"`model` must be a {design.name} as trained by {ways}")
    return fitting[0]
