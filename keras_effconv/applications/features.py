"""Feature maps of every scale, for detection and segmentation."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_effconv.applications import application
from keras_effconv.applications.blocks import merge
from keras_effconv.graph import owner_of, tensor_of
from keras_effconv.network_info import info_of


def features(model: keras.Model | str, strides: Sequence[int] = (4, 8, 16, 32), **arguments: Any) -> keras.Model:
    """Make a model that gives the last feature map of each stride.

    Args:
        model: a model of this package, also loaded, cloned or inside another one; or the name of a constructor.
        strides: tuple of ints: how many times smaller than the image each map is. Default `(4, 8, 16, 32)`.
        **arguments: of the constructor, if `model` is a name. Default `include_top=False`.

    Returns:
        A `keras.Model`: image -> list of maps (n, ceil(h / stride), ceil(w / stride), c), bands merged (sizes as the
        network's padding makes them). It shares its layers and weights with `model`.

    Raises:
        ValueError: for a stride that the network does not have, or a model without a network of this package.

    Example:

    >>> import keras_effconv
    >>> maps = features("ResNet50", weights=None, input_shape=(64, 64, 3), conv="OctConv(alpha=0.25)")
    >>> [tuple(shape[1:]) for shape in maps.output_shape]
    [(16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]
    """
    if isinstance(model, str):
        model = application.get(model)(**{"include_top": False, **arguments})
    elif arguments:
        raise ValueError(f"`model` must be a name if its arguments are given. Received: {', '.join(arguments)}")
    info = info_of(model)
    network = owner_of(model, info)
    ends = stride_ends(network, info)
    unknown = [stride for stride in strides if stride not in ends]
    if unknown or not strides:
        raise ValueError(f"`strides` must be some of {', '.join(map(str, sorted(ends)))}. Received: {strides}")
    maps = [merge(ends[stride], f"stride{stride}_merge") for stride in strides]
    return keras.Model(network.input, maps, name=f"{network.name}_features")


def stride_ends(network, info):
    """Return the last feature map of each stride that a model's own graph has.

    Args:
        network: `keras.Model` whose graph holds `info`.
        info: its `NetworkInfo`.

    Returns:
        dict of stride -> a symbolic tensor, or a dict of them by band.
    """
    ends = {}
    for stride, bands in info.ends.items():
        maps = {band: tensor_of(network, *end) for band, end in bands.items()}
        if all(tensor is not None for tensor in maps.values()):
            ends[stride] = maps["high"] if list(maps) == ["high"] else maps
    return ends
