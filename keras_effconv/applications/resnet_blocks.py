"""The blocks of ResNets, with what their variants do differently."""

from typing import NamedTuple

from keras_effconv.applications.blocks import act, add, before_stride, norm, pad_layer, rebanded, squeeze_excite
from keras_effconv.feature_maps import channels

EPSILON = 1.001e-5
POSITIONS = ("first", "middle", "last")


class Options(NamedTuple):
    """What all blocks of a network share: see `design`."""

    position: str = "first"
    padding: str = "symmetric"
    use_bias: bool = True
    se: bool = False
    groups: int = 1
    group_width: int = 64
    more_norms: bool = False
    downsampling: str = "stride"

    def inner(self, filters):
        """The filters of a bottleneck block's 3 x 3."""
        return filters * self.group_width // 64 * self.groups

    def ahead(self):
        """The options of the convolutions ahead of the stages, which are plain ones."""
        return Options("middle", self.padding, self.use_bias)


def conv_norm(kind, x, filters, kernel_size, stride, name, options, groups=1, activation="relu"):
    """A convolution, normalisation and, but for `activation=None`, an activation: `{name}_conv`, `_bn`, `_relu`."""
    pad = pad_layer(options.padding, kernel_size, stride, f"{name}_pad") if stride > 1 and kernel_size > 1 else None
    pad = before_stride(options.downsampling, stride, f"{name}_avg", pad)
    x = kind.conv(x, filters, kernel_size, stride, pad, name=f"{name}_conv", groups=groups, use_bias=options.use_bias)
    x = norm(x, f"{name}_bn", epsilon=EPSILON)
    return act(x, activation, f"{name}_relu") if activation else x


def gated(y, name, options):
    """The branch of a block, with squeeze-and-excite if wanted."""
    return squeeze_excite(y, channels(y) // 16, f"{name}_se_", activation="relu") if options.se else y


def standardised(x, name, options):
    """The input of a block, with `more_norms` normalised without scale and offset."""
    return norm(x, f"{name}_pre_bn", epsilon=EPSILON, center=False, scale=False) if options.more_norms else x


def residual(kind, x, y, stride, name, options):
    """The block's branch y, gated if wanted, plus x, projected where the shapes ask for it; then ReLU."""
    y = gated(y, name, options)
    if stride > 1 or channels(x) != channels(y):
        x = standardised(x, f"{name}_0", options)
        x = conv_norm(kind, x, channels(y), 1, stride, f"{name}_0", options, activation=None)
    else:
        x = rebanded(x, y, f"{name}_0")
    return act(add(x, y, f"{name}_add"), "relu", f"{name}_out")


def bottleneck(kind, x, filters, stride, name, options, expansion=4):
    """1 x 1, 3 x 3, 1 x 1: (n, h, w, c) -> (n, h / stride, w / stride, expansion * filters)."""
    middle = options.inner(filters)
    first, second, third = (stride if options.position == p else 1 for p in POSITIONS)
    y = conv_norm(kind, standardised(x, name, options), middle, 1, first, f"{name}_1", options)
    y = conv_norm(kind, y, middle, 3, second, f"{name}_2", options, groups=options.groups)
    y = conv_norm(kind, y, expansion * filters, 1, third, f"{name}_3", options, activation=None)
    return residual(kind, x, y, stride, name, options)


def basic(kind, x, filters, stride, name, options):
    """3 x 3, 3 x 3: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""
    y = conv_norm(kind, standardised(x, name, options), filters, 3, stride, f"{name}_1", options)
    y = conv_norm(kind, y, filters, 3, 1, f"{name}_2", options, activation=None)
    return residual(kind, x, y, stride, name, options)
