"""What flows through a network: a tensor, or a dict of tensors by band, `{"high": ..., "low": ...}`.

The low band has half the resolution (rounded up). A dict, since Keras hands tuples back as lists after loading.
"""

import math

import keras

FeatureMap = keras.KerasTensor | dict[str, keras.KerasTensor]


def bands(x):
    """Return the feature map as a dict: a plain tensor is all `"high"`."""
    return x if isinstance(x, dict) else {"high": x}


def shapes(x):
    """Return the shape of each band: what must be equal for two feature maps to be added."""
    return {band: tuple(tensor.shape) for band, tensor in bands(x).items()}


def channels(x):
    """Return the channels of all bands together."""
    return sum(tensor.shape[-1] for tensor in bands(x).values())


def split_channels(total, alpha):
    """Return `{"high": ..., "low": ...}`: the channels of each band, without bands that have none.

    >>> split_channels(9, 0.25), split_channels(9, 0), split_channels(9, 1)
    ({'high': 7, 'low': 2}, {'high': 9}, {'low': 9})
    """
    low = int(alpha * total)
    return {band: count for band, count in {"high": total - low, "low": low}.items() if count}


def half(size):
    """Return the low band's rows for the high band's: half, rounded up; unknown stays unknown."""
    return None if size is None else math.ceil(size / 2)


def lift(layer, *xs, name, **config):
    """Apply a Keras layer class to a feature map, or to several of the same bands.

    (n, h, w, c) -> the layer "bn"; {"high": ..., "low": ...} -> the layers "bn_high" and "bn_low".
    """
    if isinstance(xs[0], dict):
        return {band: lift(layer, *(x[band] for x in xs), name=f"{name}_{band}", **config) for band in xs[0]}
    return layer(name=name, **config)(xs[0] if len(xs) == 1 else list(xs))
