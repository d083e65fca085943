"""The plain convolution: the base of all kinds, and the registry of their names."""

import ast
import dataclasses
from collections.abc import Callable
from typing import Self

import keras
from keras import layers

from keras_effconv.feature_maps import FeatureMap, lift
from keras_effconv.layers import GroupConv2D
from keras_effconv.layers.base import Initializer, IntPair
from keras_effconv.utils.suggestions import did_you_mean

KINDS = {}


@dataclasses.dataclass(frozen=True, repr=False)
class Conv:
    """The plain convolution: the networks of `keras.applications`.

    Example:

    >>> Conv() == get("Conv()") == get(None)
    True
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
        x, geometry = behind(x, pad, strides)
        config = dict(filters=filters, kernel_size=kernel_size, **geometry, **config)
        if groups > 1:
            return lift(GroupConv2D, x, name=name, groups=groups, **config)
        return lift(layers.Conv2D, x, name=name, **config)

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
        """Apply a depthwise convolution; the arguments are those of `conv`."""
        x, geometry = behind(x, pad, strides)
        config = dict(kernel_size=kernel_size, **geometry, **config)
        return lift(layers.DepthwiseConv2D, x, name=name, **config)

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


def get(kind: Conv | str | None) -> Conv:
    """Return a kind from a kind, its repr, its name, or `None` (plain).

    Nothing in a string is executed: its arguments are literals.

    Args:
        kind: kind, str or `None`.

    Raises:
        ValueError: if it is none of these; one line, with what is wrong.

    Example:

    >>> get("OctConv(alpha=0.5)"), get("HetConv")
    (OctConv(alpha=0.5), HetConv(parts=4))
    """
    if kind is None:
        return Conv()
    if isinstance(kind, Conv):
        return kind
    try:
        call = ast.parse(kind.strip(), mode="eval").body
        function, arguments = (call.func.id, call) if isinstance(call, ast.Call) else (call.id, None)
        keywords = {k.arg: ast.literal_eval(k.value) for k in arguments.keywords} if arguments else {}
        return KINDS[function](*(ast.literal_eval(a) for a in arguments.args) if arguments else (), **keywords)
    except (AttributeError, SyntaxError, KeyError, TypeError, ValueError) as error:
        reason = f" ({error})" if isinstance(error, (TypeError, ValueError)) and isinstance(kind, str) else ""
        hint = did_you_mean(error.args[0], KINDS) if isinstance(error, KeyError) else ""
        examples = ", ".join(map(_example, KINDS.values()))
        received = f"Received: conv={kind!r}{reason}{hint}"
        raise ValueError(f"`conv` must be a kind like {examples}, or its repr. {received}") from None


def _example(kind_class):
    """Show how a kind is written; that of a user may need arguments."""
    try:
        return repr(kind_class())
    except TypeError:
        return f"{kind_class.__name__}(...)"
