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


def split_channels(total, alpha, multiple=1):
    """Return `{"high": ..., "low": ...}`: the channels of each band, without bands that have none.

    Args:
        total: int, channels of both bands together.
        alpha: float from 0 to 1, the low band's share, rounded down.
        multiple: int; from 2 on, the low band has the nearest multiple of it (of two as near, the smaller), so that it
            fills the vectors of a runtime. The high band has a multiple, too, if `total` is one. A low band that is
            nearer to 0 than to one multiple has no channels; the high band keeps some unless `alpha` is 1.

    Example:

    >>> split_channels(9, 0.25), split_channels(9, 0), split_channels(9, 1)
    ({'high': 7, 'low': 2}, {'high': 9}, {'low': 9})
    >>> split_channels(144, 0.25, 16), split_channels(40, 0.25, 16), split_channels(24, 0.25, 16)
    ({'high': 112, 'low': 32}, {'high': 24, 'low': 16}, {'high': 24})
    """
    low = int(alpha * total)
    if multiple > 1 and alpha < 1:
        nearest = math.ceil(alpha * total / multiple - 0.5)
        low = min(nearest, (total - 1) // multiple) * multiple
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
