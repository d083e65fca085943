"""What the filters of a layer see at a position of what they write: the rows of a regression."""

import numpy as np
from keras import ops

from keras_effconv.feature_maps import bands
from keras_effconv.layers.octaves import DEPTH, pool
from keras_effconv.layers.padding import pad_same


def windows_of(layer, inputs, band, drawn, own_band=False):
    """Return what each filter of a layer sees at positions of the band that it writes.

    Args:
        layer: a convolution, built.
        inputs: tensor (n, h, w, c), or a dict of them by band.
        band: str, the band that is written; `"high"` for a plain map.
        drawn: tuple of three arrays of ints, the image, row and column of each position, as of `numpy.nonzero`.
        own_band: bool; whether the inputs are those of the band that is written, alone. Default `False`.

    Returns:
        Array (positions, k, k, c): the rows of the layer's kernel, for a layer in bands those of all bands it reads.
    """
    maps = bands(inputs)
    octaves = getattr(layer, "octaves", None)
    if octaves is None:
        return _windows(maps["high"], layer, drawn, tuple(layer.strides), layer.padding)
    seen = []
    for read, x in maps.items():
        up = octaves + (0 if own_band else DEPTH[band] - DEPTH[read])
        image, row, column = drawn
        place = (image, row // 2, column // 2) if up < 0 else drawn
        seen.append(_windows(pool(x, up), layer, place, (1, 1), "same"))
    return np.concatenate(seen, axis=-1)


def _windows(x, layer, drawn, strides, padding):
    size, dilation = tuple(layer.kernel_size), tuple(layer.dilation_rate)
    if size == (1, 1):
        image, row, column = drawn
        return ops.convert_to_numpy(x)[image, row * strides[0], column * strides[1]][:, None, None]
    if padding == "same":
        x = pad_same(x, size, strides, dilation)
    return views_of(ops.convert_to_numpy(x), size, strides, dilation)[drawn].transpose(0, 2, 3, 1)


def views_of(padded, size, strides=(1, 1), dilation=(1, 1)):
    """Return what a k x k filter sees of a padded map at each position, without a copy.

    Args:
        padded: array (n, h, w, c).
        size: pair of ints, k.
        strides: pair of ints. Default 1.
        dilation: pair of ints. Default 1.

    Returns:
        Array (n, h', w', c, k, k).

    Example:

    >>> views_of(np.zeros((1, 6, 6, 2)), (3, 3), strides=(2, 2)).shape
    (1, 2, 2, 2, 3, 3)
    """
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
    views = np.lib.stride_tricks.sliding_window_view(padded, reach, (1, 2))
    return views[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
