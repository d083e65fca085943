"""What "convolution" means in a network: the value of `conv=`.

A kind turns feature maps into feature maps. Builders call its methods and know no more of it. Its repr is also its
name on a command line: `get(repr(kind)) == kind`.
"""

import ast
import dataclasses

from keras import layers

from keras_effconv.feature_maps import lift
from keras_effconv.layers import HetConv2D, OctConv2D, OctDepthwiseConv2D
from keras_effconv.layers.base import one_of, positive

KINDS = {}


@dataclasses.dataclass(frozen=True, repr=False)
class Conv:
    """The plain convolution: the networks of `keras.applications`.

    Example:

    >>> Conv() == get("Conv()") == get(None)
    True
    """

    def __init_subclass__(cls, **arguments):
        """Every kind is known to `get` by its name, those of users too."""
        super().__init_subclass__(**arguments)
        KINDS[cls.__name__] = cls

    def __repr__(self):
        """The first field, and the others where they are not the default."""
        fields = enumerate(dataclasses.fields(self))
        shown = [f.name for i, f in fields if i == 0 or getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def at(self, stride):
        """The kind to use where the map has shrunk `stride` times."""
        return self

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, **config):
        """A convolution.

        Args:
            x: a feature map.
            filters: as in `keras.layers.Conv2D`.
            kernel_size: as in `keras.layers.Conv2D`.
            strides: as in `keras.layers.Conv2D`; padding is "same".
            pad: a padding layer that comes first where Keras' own graph has one (the convolution is "valid" then).
            name: str, of the layer.
            **config: further arguments of the layer.
        """
        x, padding = padded(x, pad)
        config = dict(filters=filters, kernel_size=kernel_size, strides=strides, padding=padding, **config)
        return lift(layers.Conv2D, x, name=name, **config)

    def depthwise(self, x, kernel_size, strides=1, pad=None, *, name, **config):
        """A depthwise convolution; the arguments are those of `conv`."""
        x, padding = padded(x, pad)
        config = dict(kernel_size=kernel_size, strides=strides, padding=padding, **config)
        return lift(layers.DepthwiseConv2D, x, name=name, **config)

    def expand_depthwise(self, x, filters, kernel_size, strides, pad, finish, *, name, kernel_initializer):
        """Expansion and depthwise convolution of an inverted residual block, as one decision.

        Args:
            x: a feature map.
            filters: int, of the expanded map.
            kernel_size: of the depthwise convolution.
            strides: of the depthwise convolution.
            pad: as in `conv`, for the depthwise convolution.
            finish: callable (feature map, prefix) -> feature map: normalisation and activation.
            name: str, a prefix: the layers are `{name}expand_conv` and `{name}dwconv`.
            kernel_initializer: of all kernels, which come without biases.
        """
        x = self.conv(x, filters, 1, name=f"{name}expand_conv", use_bias=False, kernel_initializer=kernel_initializer)
        config = {"use_bias": False, "depthwise_initializer": kernel_initializer}
        x = self.depthwise(finish(x, f"{name}expand_"), kernel_size, strides, pad, name=f"{name}dwconv", **config)
        return finish(x, name)


@dataclasses.dataclass(frozen=True, repr=False)
class HetConv(Conv):
    """Heterogeneous convolutions (CVPR 2019): k x k on one part of the channels, 1 x 1 on the rest.

    Convolutions larger than 1 x 1 are replaced. In an inverted residual block, one HetConv replaces expansion and
    depthwise convolution. `parts=1` changes nothing.

    Args:
        parts: int, P. Default 4.
        layout: `"grouped"` or `"shifted"`, see `layers.HetConv2D`. Default `"grouped"`.
    """

    parts: int = 4
    layout: str = "grouped"

    def __post_init__(self):
        positive("parts", self.parts)
        one_of("layout", self.layout, ("grouped", "shifted"))

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, **config):
        if self.parts == 1 or kernel_size in (1, (1, 1)):
            return super().conv(x, filters, kernel_size, strides, pad, name=name, **config)
        x, padding = padded(x, pad)
        layer = HetConv2D(filters, kernel_size, strides, padding, self.parts, self.layout, name=name, **config)
        return layer(x)

    def expand_depthwise(self, x, filters, kernel_size, strides, pad, finish, *, name, **config):
        if self.parts == 1:
            return super().expand_depthwise(x, filters, kernel_size, strides, pad, finish, name=name, **config)
        x = self.conv(x, filters, kernel_size, strides, pad, name=f"{name}dwconv", use_bias=False, **config)
        return finish(x, name)


@dataclasses.dataclass(frozen=True, repr=False)
class OctConv(Conv):
    """Octave convolutions (ICCV 2019): a share alpha of the channels at half the resolution.

    Args:
        alpha: float from 0 to 1, the low band's share of the channels. Default 0.25. `alpha=0` changes nothing.
        coarsest: int; from this stride on there is no low band, as the authors have it. Default 32.
    """

    alpha: float = 0.25
    coarsest: int = 32

    def __post_init__(self):
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, (int, float)) or not 0 <= self.alpha <= 1:
            raise ValueError(f"`alpha` must be a number from 0 to 1. Received: alpha={self.alpha!r}")
        positive("coarsest", self.coarsest)

    def at(self, stride):
        return self if stride < self.coarsest else dataclasses.replace(self, alpha=0)

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, **config):
        if not self.alpha and not isinstance(x, dict):
            return super().conv(x, filters, kernel_size, strides, pad, name=name, **config)
        return OctConv2D(filters, kernel_size, strides, alpha=self.alpha, name=name, **config)(x)

    def depthwise(self, x, kernel_size, strides=1, pad=None, *, name, **config):
        if not isinstance(x, dict):
            return super().depthwise(x, kernel_size, strides, pad, name=name, **config)
        return OctDepthwiseConv2D(kernel_size, strides, name=name, **config)(x)


def padded(x, pad):
    """The feature map behind its padding layer, if it has one, and the padding left to the convolution."""
    return (x, "same") if pad is None else (pad(x), "valid")


KINDS["Conv"] = Conv


def get(kind):
    """A kind from a kind, its repr, its name, or `None` (plain).

    Raises:
        ValueError: when it is none of these; nothing in the string is executed.

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
        known = ", ".join(repr(k()) for k in KINDS.values())
        raise ValueError(f"`conv` must be a kind like {known}, or its repr. Received: conv={kind!r}{reason}") from None
