"""What networks are made of, from feature map to feature map: a tensor, or a dict of tensors by band."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import layers

from keras_effconv.feature_maps import bands, channels, lift
from keras_effconv.layers import MergeBands, OctMaxPooling2D, SplitBands


def norm(x, name, **config):
    """Batch normalisation of each band."""
    return lift(layers.BatchNormalization, x, name=name, **config)


def act(x, activation, name):
    """An activation of each band."""
    return lift(layers.Activation, x, name=name, activation=activation)


def add(x, y, name):
    """The sum of two feature maps of the same bands."""
    return lift(layers.Add, x, y, name=name)


def drop_path(x, rate, name):
    """Stochastic depth: a sample's whole map is dropped at this rate in training (each band by itself)."""
    return lift(layers.Dropout, x, name=name, rate=rate, noise_shape=(None, 1, 1, 1)) if rate else x


def max_pool(x, name):
    """2 x 2 max pooling."""
    return OctMaxPooling2D(name=name)(x) if isinstance(x, dict) else layers.MaxPooling2D(2, 2, name=name)(x)


def merge(x, name="merge_bands"):
    """A feature map -> one tensor."""
    return MergeBands(name=name)(x) if isinstance(x, dict) else x


def squeeze_excite(x, squeezed, name, **config):
    """Squeeze-and-excite over all bands together: the gate of each channel sees the means of all (arXiv:1709.01507).

    Args:
        x: a feature map.
        squeezed: int, filters of the bottleneck.
        name: str, a prefix: the layers are `{name}reduce`, `{name}expand`, ...
        **config: `activation` of the bottleneck and `kernel_initializer`.
    """
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
    """A row of a family's table: `repeats` blocks, the first of which strides."""

    block: Callable
    filters: int
    repeats: int
    stride: int
    config: dict[str, Any]


def trunk(x, stages, kind, stride, label):
    """The stages of a network, one after the other.

    Args:
        x: a feature map, `stride` times smaller than the image.
        stages: list of `Stage`; `block(kind, x, filters, stride, name, **config)` makes a block.
        kind: the kind of convolution; each stage asks it what to use at its resolution.
        stride: int.
        label: callable (stage, block) -> name, both counted from 0.

    Returns:
        A tensor: the bands are merged.
    """
    for i, (block, filters, repeats, step, config) in enumerate(stages):
        stride *= step
        for j in range(repeats):
            x = block(kind.at(stride), x, filters, step if j == 0 else 1, label(i, j), **config)
    return merge(x)
