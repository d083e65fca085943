"""What networks are made of, from feature map to feature map: a tensor, or a dict of tensors by band."""

import itertools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import layers

from keras_effconv.architecture import GATE, Block
from keras_effconv.feature_maps import bands, channels, lift, split_channels
from keras_effconv.graph import come_through
from keras_effconv.layers import OctMaxPooling2D, SamePadding2D, SplitBands
from keras_effconv.layers.octaves import merge
from keras_effconv.policies import HALF
from keras_effconv.utils.arguments import one_of


def free_name(x, name):
    """Return `name`, or `name_1`, ... if a layer that a feature map came through has it: names are unique."""
    taken = {operation.name for operation in come_through(*bands(x).values()).values()}
    names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
    return next(each for each in names if each not in taken)


def norm(x, name, **config):
    """Apply batch normalization to each band."""
    return lift(layers.BatchNormalization, x, name=name, **config)


def act(x, activation, name):
    """Apply an activation to each band."""
    return lift(layers.Activation, x, name=name, activation=activation)


def head_dtype():
    """Return the type of a classifier: float32 under half precision, as Keras' guide has it; `None`: the policy's."""
    return "float32" if keras.config.dtype_policy().compute_dtype in HALF else None


def add(x, y, name):
    """Return the sum of two feature maps of as many channels, in the bands of the second."""
    return lift(layers.Add, rebanded(x, y, name), y, name=name)


def drop_path(x, rate, name):
    """Apply stochastic depth: drop a sample's whole map at this rate in training.

    Layers of one seed draw the same numbers, so the bands of a sample are dropped together.
    """
    if not rate:
        return x
    seed = random.randint(1, 10**9) if isinstance(x, dict) else None  # as Keras draws one by default
    return lift(layers.Dropout, x, name=name, rate=rate, noise_shape=(None, 1, 1, 1), seed=seed)


PADDINGS, DOWNSAMPLINGS = ("same", "symmetric"), ("stride", "pool")


def pad_layer(mode, kernel_size, stride, name):
    """Return the padding before a strided convolution.

    Args:
        mode: `"same"`, as TensorFlow pads: what is odd goes to the end. `"symmetric"`, as torch pads: `k // 2` on each
            side. Weights trained with one give other numbers with the other.
        kernel_size: int, k.
        stride: int.
        name: str.
    """
    one_of("padding", mode, PADDINGS)
    if mode == "same":
        return SamePadding2D(kernel_size, stride, name=name)
    return layers.ZeroPadding2D(kernel_size // 2, name=name)


def before_stride(downsampling, stride, name, pad=None):
    """Return the layer before a convolution that may stride: its padding, or the pooling that strides in its place.

    Args:
        downsampling: `"stride"`, or `"pool"` for average pooling, then a convolution with stride 1, as octave
            convolutions have it by themselves. Weights trained with one give other numbers with the other.
        stride: int; if it is 1, nothing is pooled.
        name: str, of the pooling.
        pad: the padding layer of the strided convolution, or `None`.
    """
    one_of("downsampling", downsampling, DOWNSAMPLINGS)
    if downsampling == "stride" or stride == 1:
        return pad
    return layers.AveragePooling2D(stride, padding="same", name=name)


def max_pool(x, name):
    """Apply 2 x 2 max pooling."""
    return OctMaxPooling2D(name=name)(x) if isinstance(x, dict) else layers.MaxPooling2D(2, 2, name=name)(x)


def split(x, like, name):
    """Split a tensor into the bands of another map: the low band gets its share of the channels, average-pooled.

    Args:
        x: tensor (n, h, w, c), of as many channels as `like`, or fewer.
        like: dict of tensors by band.
        name: str.
    """
    counts = shares(like)
    if x.shape[-1] != channels(like):
        total, low = x.shape[-1], split_channels(x.shape[-1], counts["low"] / channels(like)).get("low", 0)
        counts = {"high": total - max(low, 1), "low": max(low, 1)} if "high" in like else {"low": total}
    maps = SplitBands(counts, name=name)(x)
    maps["low"] = layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(maps["low"])
    return {band: maps[band] for band in like}


def rebanded(x, like, name):
    """Return a feature map in the bands of another of as many channels."""
    if shares(x) == shares(like):
        return x
    merged = merge(x, f"{name}_merge")
    return split(merged, like, f"{name}_split") if isinstance(like, dict) else merged


def shares(x):
    """Return the channels of each band.

    >>> shares(keras.Input((8, 8, 3)))
    {'high': 3}
    """
    return {band: tensor.shape[-1] for band, tensor in bands(x).items()}


def squeeze_excite(x, squeezed, name, **config):
    """Apply squeeze-and-excite over all bands: each channel's gate sees the means of all (arXiv:1709.01507).

    Args:
        x: a feature map.
        squeezed: int, filters of the bottleneck.
        name: str, of the block: the layers are `{name}_se_reduce`, `{name}_se_expand`, ...
        **config: `activation` of the bottleneck and `kernel_initializer`.
    """
    name = f"{name}_{GATE}"
    means = lift(layers.GlobalAveragePooling2D, x, name=f"{name}squeeze")
    if isinstance(means, dict):
        means = layers.Concatenate(name=f"{name}concat")(list(means.values()))
    gate = layers.Reshape((1, 1, channels(x)), name=f"{name}reshape")(means)
    gate = layers.Conv2D(squeezed, 1, padding="same", name=f"{name}reduce", **config)(gate)
    config = {**config, "activation": "sigmoid"}
    gate = layers.Conv2D(channels(x), 1, padding="same", name=f"{name}expand", **config)(gate)
    if isinstance(x, dict):
        counts = {band: tensor.shape[-1] for band, tensor in bands(x).items()}
        gate = SplitBands(counts, name=f"{name}split")(gate)
    return lift(layers.Multiply, x, gate, name=f"{name}excite")


class Stage(NamedTuple):
    """A row of a family's table: a block for each of the strides."""

    block: Callable
    filters: int
    strides: tuple[int, ...]
    config: dict[str, Any]


def entering(stride, repeats):
    """Return the strides of a stage whose first block strides.

    >>> entering(2, 3)
    (2, 1, 1)
    """
    return (stride, *(1,) * (repeats - 1))


def labelled(counts, label):
    """Return the blocks of a network whose stages have so many, as `trunk` labels them: a tuple of `Block`.

    >>> [block.name for block in labelled((1, 2), "stage{}_block{}".format)]
    ['stage0_block0', 'stage1_block0', 'stage1_block1']
    """
    names = [label(i, j) for i, count in enumerate(counts) for j in range(count)]
    return tuple(Block(name, (name,)) for name in names)


def trunk(x, stages, kind, stride, label):
    """Build the stages of a network, one after the other.

    Args:
        x: a feature map, `stride` times smaller than the image.
        stages: list of `Stage`; `block(kind, x, filters, stride, name, **config)` makes a block.
        kind: the kind of convolution; each block asks it what to use at its resolution.
        stride: int.
        label: callable (stage, block) -> name, both counted from 0.

    Returns:
        The last feature map as a tensor, its bands merged, and a dict from stride to the last map of that stride.
    """
    ends = {}
    for i, (block, filters, strides, config) in enumerate(stages):
        for j, step in enumerate(strides):
            stride *= step
            x = ends[stride] = block(kind.at(stride), x, filters, step, label(i, j), **config)
    x = ends[stride] = merge(x)
    return x, ends
