"""Feature maps of the new network, with the channel of the old one that each channel is."""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from keras_effconv.feature_maps import FeatureMap, bands, channels, half
from keras_effconv.layers import MergeBands, SplitBands, TakeChannels


class Map(NamedTuple):
    """A feature map, or another tensor whose last axis is channels.

    Attributes:
        value: tensor, or dict of tensors by band.
        order: array, which channel of the old network's map each channel is, high band first; `None`: the same.
    """

    value: FeatureMap
    order: np.ndarray | None = None

    @property
    def in_bands(self):
        """Return whether it is a dict."""
        return isinstance(self.value, dict)

    def numbers(self):
        """Return the channels of the old map as an array."""
        return np.arange(channels(self.value)) if self.order is None else self.order

    def numbers_by_band(self):
        """Return the channels of the old map in each band.

        >>> Map({"high": keras.Input((4, 4, 2)), "low": keras.Input((2, 2, 1))}, np.array([2, 0, 1])).numbers_by_band()
        {'high': array([2, 0]), 'low': array([1])}
        """
        counts = [tensor.shape[-1] for tensor in bands(self.value).values()]
        return dict(zip(bands(self.value), np.split(self.numbers(), np.cumsum(counts)[:-1])))

    def is_like(self, other):
        """Return whether each channel is where it is in another map."""
        own, others = self.numbers_by_band(), other.numbers_by_band()
        return (
            self.in_bands == other.in_bands
            and own.keys() == others.keys()
            and all(np.array_equal(own[band], others[band]) for band in own)
        )


def ordered(value, order):
    """Return a `Map`, whose order is `None` if it is the old one.

    >>> ordered(keras.Input((2,)), np.array([0, 1])).order is None
    True
    """
    same = order is None or np.array_equal(order, np.arange(len(order)))
    return Map(value, None if same else np.asarray(order))


def merged(x, name):
    """Return a map as one tensor; `name(suffix)` names the layer."""
    if not x.in_bands:
        return x
    return Map(MergeBands(name=name("_merge"), dtype=_dtype(x))(x.value), x.order)


def in_order(x, order, name):
    """Return a tensor with its channels in another order of the old map's; `None` is the old one."""
    target = np.arange(channels(x.value)) if order is None else order
    if np.array_equal(x.numbers(), target):
        return x
    indices = np.argsort(x.numbers())[target]
    return ordered(TakeChannels(indices, name=name("_order"), dtype=_dtype(x))(x.value), order)


def split_like(x, like, name):
    """Return a tensor of any size, in the order of a map in bands, as a dict of its bands, unpooled."""
    counts = {band: tensor.shape[-1] for band, tensor in like.value.items()}
    x = in_order(x, like.order, name)
    return Map(SplitBands(counts, name=name("_split"), dtype=_dtype(x))(x.value), x.order)


def rebanded(x, like, name):
    """Return a map in the bands and in the order of another one, as `applications.blocks.rebanded` does."""
    if x.is_like(like):
        return x
    x = merged(x, name)
    if not like.in_bands:
        return in_order(x, like.order, name)
    x = split_like(x, like, name)
    if "low" not in x.value:
        return x
    pool = layers.AveragePooling2D(2, padding="same", name=name("_split_pool"), dtype=_dtype(x))
    return x._replace(value={**x.value, "low": pool(x.value["low"])})


def fits(value, shape):
    """Return whether a feature map has the sizes and as many channels as a tensor of a shape.

    The low band alone must be of an even size: an odd one could not be told from it.

    >>> fits({"high": keras.Input((5, 5, 3)), "low": keras.Input((3, 3, 1))}, (None, 5, 5, 4))
    True
    >>> fits({"low": keras.Input((3, 3, 1))}, (None, 5, 5, 1))
    False
    """
    if not isinstance(value, dict):
        return tuple(value.shape) == tuple(shape)
    sizes, count = list(shape[1:3]), channels(value)
    expected = {"high": sizes, "low": [half(size) for size in sizes]}
    whole = "high" in value or all(size is not None and size % 2 == 0 for size in sizes)
    return whole and count == shape[-1] and all(list(x.shape[1:3]) == expected[band] for band, x in value.items())


def _dtype(x):
    return next(iter(bands(x.value).values())).dtype


def array_like(tensors):
    """Return whether something is an array with axes, which is not the same for each band."""
    return not isinstance(tensors, keras.KerasTensor) and bool(np.ndim(tensors))
