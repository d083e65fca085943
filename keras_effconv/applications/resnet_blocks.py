"""The blocks of ResNets, with what their variants do differently."""

import dataclasses
from typing import Literal

from keras_effconv.applications.blocks import (
    DOWNSAMPLINGS,
    PADDINGS,
    act,
    add,
    before_stride,
    norm,
    pad_layer,
    rebanded,
    squeeze_excite,
)
from keras_effconv.applications.scaling import Multipliers
from keras_effconv.feature_maps import channels
from keras_effconv.utils.arguments import one_of, positive

EPSILON = 1.001e-5
POSITIONS = ("first", "middle", "last")  # of the convolution of a bottleneck block that strides


@dataclasses.dataclass(frozen=True)
class ResidualOptions(Multipliers):
    """The options that all ResNets for ImageNet have.

    Args:
        padding: `"symmetric"` or `"same"`, the padding of strided convolutions: as Keras' ResNets and torch pad, or as
            TensorFlow does.
        use_bias: bool; whether convolutions have biases (of pre-activated networks: those that no normalization
            follows).
        se: bool; squeeze-and-excite with reduction 16 in each block.
        groups: int, of the 3 x 3 of bottleneck blocks; 32 with a `group_width` of 4 is ResNeXt's.
        group_width: int, filters of a group in the first stage.
        more_norms: bool; the normalizations that the OctConv authors' networks have besides: of what a block's branch
            and its projection read, without scale and offset (SE-ResNet-152); after the first convolution, and for the
            projection by itself (pre-activated networks).
        downsampling: `"stride"`, or `"pool"` for 2 x 2 average pooling ahead of each convolution of a block that would
            stride, as the OctConv authors have it also in layers of one band.
    """

    padding: Literal["symmetric", "same"] = "symmetric"
    use_bias: bool = True
    se: bool = False
    groups: int = 1
    group_width: int = 64
    more_norms: bool = False
    downsampling: Literal["stride", "pool"] = "stride"
    stride_position = "middle"  # not an option of all of them

    def __post_init__(self):
        super().__post_init__()
        one_of("padding", self.padding, PADDINGS)
        one_of("downsampling", self.downsampling, DOWNSAMPLINGS)
        positive("groups", self.groups)
        positive("group_width", self.group_width)

    def inner(self, filters):
        """Return the filters of a bottleneck block's 3 x 3."""
        return filters * self.group_width // 64 * self.groups

    def ahead(self):
        """Return the options of the convolutions ahead of the stages, which are plain ones."""
        plain = ResidualOptions()
        return dataclasses.replace(
            self,
            **{name: getattr(plain, name) for name in ("se", "groups", "group_width", "more_norms", "downsampling")},
        )


def conv_norm(kind, x, filters, kernel_size, stride, name, options, groups=1, activation="relu"):
    """Apply a convolution, normalization and an activation (unless it is `None`): `{name}_conv`, `_bn`, `_relu`."""
    pad = pad_layer(options.padding, kernel_size, stride, f"{name}_pad") if stride > 1 and kernel_size > 1 else None
    pad = before_stride(options.downsampling, stride, f"{name}_avg", pad)
    x = kind.conv(x, filters, kernel_size, stride, pad, name=f"{name}_conv", groups=groups, use_bias=options.use_bias)
    x = norm(x, f"{name}_bn", epsilon=EPSILON)
    return act(x, activation, f"{name}_relu") if activation else x


def gated(y, name, options):
    """Return the branch of a block, with squeeze-and-excite if the options ask for it."""
    return squeeze_excite(y, max(1, channels(y) // 16), name, activation="relu") if options.se else y


def standardized(x, name, options):
    """Return the input of a block; with `more_norms`, it is normalized without scale and offset."""
    return norm(x, f"{name}_pre_bn", epsilon=EPSILON, center=False, scale=False) if options.more_norms else x


def residual(kind, x, y, stride, name, options):
    """Add x, projected if the shapes differ, to the block's branch y, gated if the options ask for it; then ReLU."""
    y = gated(y, name, options)
    if stride > 1 or channels(x) != channels(y):
        x = standardized(x, f"{name}_0", options)
        x = conv_norm(kind, x, channels(y), 1, stride, f"{name}_0", options, activation=None)
    else:
        x = rebanded(x, y, f"{name}_0")
    return act(add(x, y, f"{name}_add"), "relu", f"{name}_out")


def bottleneck(kind, x, filters, stride, name, options, expansion=4):
    """Apply 1 x 1, 3 x 3, 1 x 1: (n, h, w, c) -> (n, h / stride, w / stride, expansion * filters)."""
    middle = options.inner(filters)
    first, second, third = (stride if options.stride_position == p else 1 for p in POSITIONS)
    y = conv_norm(kind, standardized(x, name, options), middle, 1, first, f"{name}_1", options)
    y = conv_norm(kind, y, middle, 3, second, f"{name}_2", options, groups=options.groups)
    y = conv_norm(kind, y, expansion * filters, 1, third, f"{name}_3", options, activation=None)
    return residual(kind, x, y, stride, name, options)


def basic(kind, x, filters, stride, name, options):
    """Apply 3 x 3, 3 x 3: (n, h, w, c) -> (n, h / stride, w / stride, filters)."""
    y = conv_norm(kind, standardized(x, name, options), filters, 3, stride, f"{name}_1", options)
    y = conv_norm(kind, y, filters, 3, 1, f"{name}_2", options, activation=None)
    return residual(kind, x, y, stride, name, options)
