"""The plain convolution: the base of all kinds, and the registry of their names."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Self

import keras
from keras import layers

from keras_effconv.feature_maps import FeatureMap
from keras_effconv.layers import GroupConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.layers.base import Initializer, IntPair
from keras_effconv.layers.octaves import merge

KINDS = {}


@dataclasses.dataclass(frozen=True, repr=False)
class Conv:
    """The plain convolution: the networks of `keras.applications`.

    Example:

    >>> Conv().conv(keras.Input((8, 8, 3)), 16, 3, name="conv").shape
    (None, 8, 8, 16)
    """

    def __init_subclass__(cls, **kwargs):
        """Register the kind under its name for `get`, those of users too."""
        super().__init_subclass__(**kwargs)
        KINDS[cls.__name__] = cls

    def __repr__(self) -> str:
        """Show the first field, and the others unless they are the default."""
        fields = enumerate(dataclasses.fields(self))
        shown = [f.name for i, f in fields if i == 0 or getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def as_json(self) -> dict:
        """Return the kind as the dict that is its JSON."""
        return {"default": repr(self)}

    def reduced(self) -> "Conv":
        """Return the simplest kind of the same networks: `Conv()` for what changes nothing."""
        return self

    def has_bands(self) -> bool:
        """Return whether maps of a network of this kind may be in bands."""
        return False

    def fuses(self, x: FeatureMap) -> bool:
        """Return whether `separable` and `expand_depthwise` make one layer of two, with the name of the second."""
        return False

    def check_names(self, names: Iterable[str]) -> None:
        """Raise a `ValueError` if the kind is for layers by name and a network, with layers of `names`, lacks one."""

    def of(self, name: str) -> "Conv":
        """Return the kind of a layer, by its name."""
        return self

    def at(self, stride: int) -> Self:
        """Return the kind to use where the map has shrunk `stride` times."""
        return self

    def closing(self) -> Self:
        """Return the kind that writes one map at full resolution, whatever it reads."""
        return self

    def conv(
        self,
        x: FeatureMap,
        filters: int,
        kernel_size: IntPair,
        strides: IntPair = 1,
        pad: keras.Layer | None = None,
        *,
        name: str,
        groups: int = 1,
        **config,
    ) -> FeatureMap:
        """Apply a convolution.

        A map in bands is read band by band and written as one, unless a kind says otherwise: plain kernels fit. A
        convolution with groups reads the merged map, since its groups are of the map's channels.

        Args:
            x: feature map.
            filters: int, as in `keras.layers.Conv2D`.
            kernel_size: int or pair of ints, as in `keras.layers.Conv2D`.
            strides: int or pair of ints, as in `keras.layers.Conv2D`; padding is "same". Default 1.
            pad: layer that comes first: padding, where Keras' own graph has one (the convolution is "valid" then), or
                a pooling that strides in place of the convolution. Octave convolutions pool by themselves.
                Default `None`.
            name: str, of the layer.
            groups: int, as in `keras.layers.Conv2D`. Default 1.
            **config: further arguments of the layer.

        Returns:
            A feature map.
        """
        if isinstance(x, dict) and groups == 1:
            return OctConv2D(filters, kernel_size, strides, alpha=0, name=name, **config)(x)
        x, geometry = behind(merge(x, f"{name}_merge"), pad, strides)
        config = dict(filters=filters, kernel_size=kernel_size, name=name, **geometry, **config)
        return GroupConv2D(groups=groups, **config)(x) if groups > 1 else layers.Conv2D(**config)(x)

    def depthwise(
        self,
        x: FeatureMap,
        kernel_size: IntPair,
        strides: IntPair = 1,
        pad: keras.Layer | None = None,
        *,
        name: str,
        **config,
    ) -> FeatureMap:
        """Apply a depthwise convolution, which keeps the bands that it reads; the arguments are those of `conv`."""
        if isinstance(x, dict):
            return OctDepthwiseConv2D(kernel_size, strides, name=name, **config)(x)
        x, geometry = behind(x, pad, strides)
        return layers.DepthwiseConv2D(kernel_size, name=name, **geometry, **config)(x)

    def separable(
        self,
        x: FeatureMap,
        filters: int,
        kernel_size: IntPair,
        strides: IntPair,
        pad: keras.Layer | None,
        finish: Callable,
        *,
        names: tuple[str, str],
        into: "Conv",
        depth_multiplier: int = 1,
    ) -> FeatureMap:
        """Apply depthwise and pointwise convolution of MobileNet, as one decision.

        Args:
            x: feature map.
            filters: int, of the pointwise convolution.
            kernel_size: int or pair of ints, of the depthwise convolution.
            strides: int or pair of ints, of the depthwise convolution.
            pad: layer or `None`, as in `conv`, for the depthwise convolution.
            finish: callable (feature map, name) -> feature map: normalisation and activation.
            names: pair of str, of the two layers, which have no biases.
            into: kind of the block that follows. A depthwise convolution keeps the bands that it reads, so the
                pointwise one before it writes the bands that the next block works in.
            depth_multiplier: int, as in `keras.layers.DepthwiseConv2D`. Default 1.

        Returns:
            A feature map.
        """
        config = {"use_bias": False, "depth_multiplier": depth_multiplier}
        x = finish(self.depthwise(x, kernel_size, strides, pad, name=names[0], **config), names[0])
        return finish(into.conv(x, filters, 1, name=names[1], use_bias=False), names[1])

    def expand_depthwise(
        self,
        x: FeatureMap,
        filters: int,
        kernel_size: IntPair,
        strides: IntPair,
        pad: keras.Layer | None,
        finish: Callable,
        *,
        names: tuple[str, str],
        kernel_initializer: Initializer,
    ) -> FeatureMap:
        """Apply expansion and depthwise convolution of an inverted residual block, as one decision.

        Args:
            x: feature map.
            filters: int, of the expanded map.
            kernel_size: int or pair of ints, of the depthwise convolution.
            strides: int or pair of ints, of the depthwise convolution.
            pad: layer or `None`, as in `conv`, for the depthwise convolution.
            finish: callable (feature map, name) -> feature map: normalisation and activation.
            names: pair of str, of the two layers.
            kernel_initializer: str or `Initializer`, of all kernels, which have no biases.

        Returns:
            A feature map.
        """
        config = {"use_bias": False, "kernel_initializer": kernel_initializer}
        x = finish(self.conv(x, filters, 1, name=names[0], **config), names[0])
        config = {"use_bias": False, "depthwise_initializer": kernel_initializer}
        return finish(self.depthwise(x, kernel_size, strides, pad, name=names[1], **config), names[1])


def behind(x: FeatureMap, pad: keras.Layer | None, strides: IntPair) -> tuple[FeatureMap, dict]:
    """Apply the layer that comes first, if one does.

    Returns:
        A pair: the feature map, and the strides and padding that are left to the convolution.
    """
    if pad is None:
        return x, {"strides": strides, "padding": "same"}
    if isinstance(pad, layers.AveragePooling2D):
        return pad(x), {"strides": 1, "padding": "same"}
    return pad(x), {"strides": strides, "padding": "valid"}


KINDS["Conv"] = Conv
