"""Another kind in each layer or block."""

import dataclasses
from collections.abc import Mapping

from keras_effconv.kinds.conv import Conv
from keras_effconv.kinds.text import get
from keras_effconv.utils.layer_names import in_block
from keras_effconv.utils.suggestions import did_you_mean


@dataclasses.dataclass(frozen=True, repr=False)
class ByLayer(Conv):
    """A kind for each layer or block, by name.

    If one HetConv replaces two convolutions, it has the name of the second, whose kind decides. Maps of other bands
    are brought into each other's where they meet: a plain convolution reads both bands, HetConv reads them merged, a
    depthwise convolution keeps them, and in a sum the shortcut takes the bands of the branch.

    Args:
        default: kind or its repr, of the layers without an entry. Default `"Conv()"`.
        layers: dict from a name to a kind or its repr. A name is that of a convolution, or what the names of a block's
            layers begin with, ahead of a `_`: `"conv3_block1"` holds for `conv3_block1_1_conv`. If several hold, the
            longest one counts. Default: none.

    Raises:
        ValueError: if an argument is not as above; the message names it.

    Example:

    >>> kind = ByLayer(layers={"conv3_block1": "HetConv(parts=4)", "conv2": "OctConv(alpha=0.5)"})
    >>> kind
    ByLayer(default='Conv()', layers={'conv2': 'OctConv(alpha=0.5)', 'conv3_block1': 'HetConv(parts=4)'})
    >>> kind.of("conv3_block1_2_conv"), kind.of("conv3_block10_2_conv")
    (HetConv(parts=4), Conv())
    """

    default: Conv | str = "Conv()"
    layers: Mapping[str, Conv | str] | tuple[tuple[str, Conv], ...] = ()

    def __post_init__(self):
        try:
            layers = dict(self.layers)
        except (TypeError, ValueError):
            layers = {None: None}
        if not all(isinstance(name, str) and name for name in layers):
            raise ValueError(f"`layers` must be a dict from names to kinds. Received: layers={self.layers!r}")
        object.__setattr__(self, "default", _inner(self.default, "default"))
        object.__setattr__(self, "layers", tuple((name, _inner(layers[name], name)) for name in sorted(layers)))

    def __repr__(self):
        layers = {name: repr(kind) for name, kind in self.layers}
        return f"ByLayer(default={repr(self.default)!r}{f', layers={layers}' if layers else ''})"

    def as_json(self):
        return {"default": repr(self.default), "layers": {name: repr(kind) for name, kind in self.layers}}

    def reduced(self):
        kinds = {kind.reduced() for kind in self.kinds()}
        return kinds.pop() if len(kinds) == 1 else self

    def kinds(self) -> tuple[Conv, ...]:
        """Return the kinds of all entries, that of the default first."""
        return (self.default, *(kind for _, kind in self.layers))

    def of(self, name):
        holding = [(len(key), kind) for key, kind in self.layers if in_block(name, key)]
        return max(holding, key=lambda entry: entry[0])[1] if holding else self.default

    def has_bands(self):
        return any(kind.has_bands() for kind in self.kinds())

    def check_names(self, names):
        names = tuple(names)
        for key, _ in self.layers:
            if not any(in_block(name, key) for name in names):
                raise ValueError(
                    "`conv` must have names of the network's convolutions, or of its blocks. Received: "
                    f"layers={{{key!r}: ...}}{did_you_mean(key, names)}"
                )

    def at(self, stride):
        return self._each(lambda kind: kind.at(stride))

    def closing(self):
        return self._each(lambda kind: kind.closing())

    def _each(self, change):
        return ByLayer(change(self.default), {name: change(kind) for name, kind in self.layers})

    def conv(self, x, *arguments, name, **config):
        return self.of(name).conv(x, *arguments, name=name, **config)

    def depthwise(self, x, *arguments, name, **config):
        return self.of(name).depthwise(x, *arguments, name=name, **config)

    def separable(self, x, *arguments, names, **config):
        kind = self.of(names[1])
        apply = kind.separable if kind.fuses(x) else super().separable
        return apply(x, *arguments, names=names, **config)

    def expand_depthwise(self, x, *arguments, names, **config):
        kind = self.of(names[1])
        apply = kind.expand_depthwise if kind.fuses(x) else super().expand_depthwise
        return apply(x, *arguments, names=names, **config)


def _inner(kind, name):
    kind = get(kind)
    if isinstance(kind, ByLayer):
        raise ValueError(f"`{name}` must be a kind that holds no others. Received: {name}={kind!r}")
    return kind
