"""The plain convolution: what the other kinds begin with, and the registry."""

import ast
import dataclasses

from keras import layers

from keras_effconv.feature_maps import lift
from keras_effconv.layers import GroupConv2D
from keras_effconv.utils.suggestions import did_you_mean

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

    def closing(self):
        """The kind that writes one map at full resolution, whatever it reads."""
        return self

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, groups=1, **config):
        """A convolution.

        Args:
            x: a feature map.
            filters: as in `keras.layers.Conv2D`.
            kernel_size: as in `keras.layers.Conv2D`.
            strides: as in `keras.layers.Conv2D`; padding is "same".
            pad: a layer that comes first: padding, where Keras' own graph has one (the convolution is "valid" then), or
                a pooling that strides in place of the convolution. Octave convolutions pool by themselves.
            name: str, of the layer.
            groups: as in `keras.layers.Conv2D`.
            **config: further arguments of the layer.
        """
        x, left = behind(x, pad, strides)
        config = dict(filters=filters, kernel_size=kernel_size, **left, **config)
        if groups > 1:
            return lift(GroupConv2D, x, name=name, groups=groups, **config)
        return lift(layers.Conv2D, x, name=name, **config)

    def depthwise(self, x, kernel_size, strides=1, pad=None, *, name, **config):
        """A depthwise convolution; the arguments are those of `conv`."""
        x, left = behind(x, pad, strides)
        config = dict(kernel_size=kernel_size, **left, **config)
        return lift(layers.DepthwiseConv2D, x, name=name, **config)

    def separable(self, x, filters, kernel_size, strides, pad, finish, *, names, into, depth_multiplier=1):
        """Depthwise and pointwise convolution of MobileNet, as one decision.

        Args:
            x: a feature map.
            filters: int, of the pointwise convolution.
            kernel_size: of the depthwise convolution.
            strides: of the depthwise convolution.
            pad: as in `conv`, for the depthwise convolution.
            finish: callable (feature map, name) -> feature map: normalisation and activation.
            names: of the two layers, which come without biases.
            into: the kind of the block that follows. A depthwise convolution keeps the bands that it reads, so the
                pointwise one before it writes the bands that the next block works in.
            depth_multiplier: as in `keras.layers.DepthwiseConv2D`.
        """
        config = {"use_bias": False, "depth_multiplier": depth_multiplier}
        x = finish(self.depthwise(x, kernel_size, strides, pad, name=names[0], **config), names[0])
        return finish(into.conv(x, filters, 1, name=names[1], use_bias=False), names[1])

    def expand_depthwise(self, x, filters, kernel_size, strides, pad, finish, *, names, kernel_initializer):
        """Expansion and depthwise convolution of an inverted residual block, as one decision.

        Args:
            x: a feature map.
            filters: int, of the expanded map.
            kernel_size: of the depthwise convolution.
            strides: of the depthwise convolution.
            pad: as in `conv`, for the depthwise convolution.
            finish: callable (feature map, name) -> feature map: normalisation and activation.
            names: of the two layers.
            kernel_initializer: of all kernels, which come without biases.
        """
        config = {"use_bias": False, "kernel_initializer": kernel_initializer}
        x = finish(self.conv(x, filters, 1, name=names[0], **config), names[0])
        config = {"use_bias": False, "depthwise_initializer": kernel_initializer}
        return finish(self.depthwise(x, kernel_size, strides, pad, name=names[1], **config), names[1])


def behind(x, pad, strides):
    """The feature map behind the layer that comes first, if one does, and the strides and padding that are left."""
    if pad is None:
        return x, {"strides": strides, "padding": "same"}
    if isinstance(pad, layers.AveragePooling2D):
        return pad(x), {"strides": 1, "padding": "same"}
    return pad(x), {"strides": strides, "padding": "valid"}


def scheduled(name, value, check):
    """A value that may change with the stride: itself, or pairs (stride, value) in order, both checked.

    Args:
        name: str, of the argument.
        value: one value, or pairs `((stride, value), ...)`, or a dict of them.
        check: callable that raises a `ValueError` for a wrong value.

    >>> scheduled("parts", {8: 4, 1: 2}, check=abs)
    ((1, 2), (8, 4))
    """
    if not isinstance(value, (dict, tuple, list)):
        check(value)
        return value
    pairs = list(value.items()) if isinstance(value, dict) else list(value)
    right = all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs)
    if not pairs or not right or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s, _ in pairs):
        raise ValueError(
            f"`{name}` must be one value or a schedule of (stride, value) pairs like ((1, 2), (16, 4)). "
            f"Received: {name}={value!r}"
        )
    for _, entry in pairs:
        check(entry)
    return tuple(sorted((stride, entry) for stride, entry in pairs))


def entry_at(schedule, stride, before):
    """The value that holds at a stride: the last entry from there on, `before` ahead of the first.

    >>> [entry_at(((4, 0.5), (16, 0.25)), stride, 0) for stride in (2, 4, 8, 16)], entry_at(0.5, 2, 0)
    ([0, 0.5, 0.5, 0.25], 0.5)
    """
    if not isinstance(schedule, tuple):
        return schedule
    return next((value for start, value in reversed(schedule) if start <= stride), before)


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
        hint = did_you_mean(error.args[0], KINDS) if isinstance(error, KeyError) else ""
        known = ", ".join(repr(k()) for k in KINDS.values())
        received = f"Received: conv={kind!r}{reason}{hint}"
        raise ValueError(f"`conv` must be a kind like {known}, or its repr. {received}") from None
