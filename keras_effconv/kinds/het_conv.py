"""The heterogeneous convolution as a kind."""

import dataclasses
import functools

from keras_effconv.feature_maps import channels
from keras_effconv.kinds.conv import Conv, behind
from keras_effconv.kinds.schedule import entry_at, scheduled
from keras_effconv.layers import HetConv2D
from keras_effconv.layers.het_parts import LAYOUTS
from keras_effconv.layers.octaves import merge
from keras_effconv.utils.arguments import one_of, positive


@dataclasses.dataclass(frozen=True, repr=False)
class HetConv(Conv):
    """Heterogeneous convolutions (CVPR 2019): k x k on one part of the channels, 1 x 1 on the rest.

    Convolutions larger than 1 x 1 are replaced, unless they have groups, which are sparse already. One HetConv
    replaces depthwise and pointwise convolution of MobileNet, and expansion and depthwise convolution of an inverted
    residual block. A map in bands is merged first. `parts=1` changes nothing.

    Args:
        parts: int, P, or a schedule by stride: `((4, 2), (16, 8))` has 2 parts from stride 4 on and 8 from stride 16
            on, and plain convolutions before. Default 4.
        layout: str, `"grouped"` or `"shifted"`, see `layers.HetConv2D`. Default `"grouped"`.

    Raises:
        ValueError: if an argument is not as above; the message names it.

    Example:

    >>> kind = HetConv(parts={4: 2, 16: 8})
    >>> kind, kind.at(2), kind.at(8)
    (HetConv(parts=((4, 2), (16, 8))), HetConv(parts=1), HetConv(parts=2))
    """

    parts: int | tuple[tuple[int, int], ...] | dict[int, int] = 4
    layout: str = "grouped"

    def __post_init__(self):
        object.__setattr__(self, "parts", scheduled("parts", self.parts, functools.partial(positive, "parts")))
        object.__setattr__(self, "layout", one_of("layout", self.layout, LAYOUTS))

    def reduced(self):
        return Conv() if self.parts == 1 else self

    def at(self, stride):
        return dataclasses.replace(self, parts=entry_at(self.parts, stride, before=1))

    def _parts(self, x):
        """Return the parts of a convolution that reads the feature map x."""
        return self.parts

    def fuses(self, x):
        return self._parts(x) != 1

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, groups=1, **config):
        if self._parts(x) == 1 or kernel_size in (1, (1, 1)) or groups > 1:
            return super().conv(x, filters, kernel_size, strides, pad, name=name, groups=groups, **config)
        parts, (x, geometry) = self._parts(x), behind(merge(x, f"{name}_merge"), pad, strides)
        return HetConv2D(filters, kernel_size, parts=parts, layout=self.layout, name=name, **geometry, **config)(x)

    def separable(self, x, filters, kernel_size, strides, pad, finish, *, names, **config):
        if not self.fuses(x):
            return super().separable(x, filters, kernel_size, strides, pad, finish, names=names, **config)
        return finish(self.conv(x, filters, kernel_size, strides, pad, name=names[1], use_bias=False), names[1])

    def expand_depthwise(self, x, filters, kernel_size, strides, pad, finish, *, names, **config):
        if not self.fuses(x):
            return super().expand_depthwise(x, filters, kernel_size, strides, pad, finish, names=names, **config)
        x = self.conv(x, filters, kernel_size, strides, pad, name=names[1], use_bias=False, **config)
        return finish(x, names[1])


@dataclasses.dataclass(frozen=True, repr=False)
class PC(HetConv):
    """The HetConv paper's extreme, "PC": as many parts as channels, so that each filter has one k x k kernel.

    Args:
        layout: str, as in `HetConv`. Default `"grouped"`.
    """

    parts: int | None = dataclasses.field(default=None, init=False)

    def __post_init__(self):
        object.__setattr__(self, "layout", one_of("layout", self.layout, LAYOUTS))

    def __repr__(self):
        return "PC()" if self.layout == "grouped" else f"PC(layout={self.layout!r})"

    def at(self, stride):
        return self

    def _parts(self, x):
        return channels(x)
