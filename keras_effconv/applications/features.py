"""Feature maps of every scale, for detection and segmentation."""

import keras

from keras_effconv.applications import application
from keras_effconv.applications.blocks import merge


def features(model, strides=(4, 8, 16, 32), **arguments):
    """A model that gives the last feature map of each stride.

    Args:
        model: a model as a constructor of this package gave it, or the name of one.
        strides: tuple of ints: how many times smaller than the image each map is. Default `(4, 8, 16, 32)`.
        **arguments: of the constructor, where `model` is a name. Default `include_top=False`.

    Returns:
        A `keras.Model`: image -> list of maps (n, ceil(h / stride), ceil(w / stride), c), bands merged (sizes as the
        network's padding makes them). It shares its layers and weights with `model`.

    Raises:
        ValueError: for a stride that the network does not have, or a model that this package did not build.

    Example:

    >>> import keras_effconv
    >>> maps = features("ResNet50", weights=None, input_shape=(64, 64, 3), conv="OctConv(alpha=0.25)")
    >>> [tuple(shape[1:]) for shape in maps.output_shape]
    [(16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048)]
    """
    if isinstance(model, str):
        model = application.get(model)(**{"include_top": False, **arguments})
    elif arguments:
        raise ValueError(f"`model` must be a name where its arguments are given. Received: {', '.join(arguments)}")
    ends = getattr(model, "stride_ends", None)
    if ends is None:
        raise ValueError(f"`model` must be as a constructor of keras_effconv gave it. Received: model={model.name!r}")
    unknown = [stride for stride in strides if stride not in ends]
    if unknown or not strides:
        raise ValueError(f"`strides` must be some of {', '.join(map(str, sorted(ends)))}. Received: {strides}")
    maps = [merge(ends[stride], f"stride{stride}_merge") for stride in strides]
    return keras.Model(model.input, maps, name=f"{model.name}_features")
