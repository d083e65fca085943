"""The kinds that HetConv's paper compares it with: a grouped convolution, then a pointwise one."""

import dataclasses

from keras import layers

from keras_effconv.feature_maps import channels
from keras_effconv.kinds.conv import Conv
from keras_effconv.layers.octaves import merge
from keras_effconv.utils.arguments import positive

SPATIAL, BETWEEN = "_gwc", "_gwc_bn"  # in the names of the k x k convolution and of the normalization behind it


@dataclasses.dataclass(frozen=True, repr=False)
class GWCPWC(Conv):
    """The HetConv paper's "GWC + PWC": k x k in groups from M to M channels, normalisation, then 1 x 1 to N.

    Convolutions larger than 1 x 1 are replaced, unless they have groups of their own. Neither of the two has a bias,
    as in the paper's rows: put normalisation behind them.

    Args:
        groups: int, of the k x k convolution; must divide M. Default 4.

    Raises:
        ValueError: if `groups` is no positive integer, or does not divide the channels of a map.

    Example:

    >>> GWCPWC(groups=2).conv(layers.Input((8, 8, 4)), 16, 3, name="conv").shape
    (None, 8, 8, 16)
    """

    groups: int = 4

    def __post_init__(self):
        object.__setattr__(self, "groups", positive("groups", self.groups))

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, groups=1, **config):
        if kernel_size in (1, (1, 1)) or groups > 1:
            return super().conv(x, filters, kernel_size, strides, pad, name=name, groups=groups, **config)
        config["use_bias"] = False
        linear = {key: value for key, value in config.items() if key != "activation"}  # that one follows the pair
        x = self._spatial(merge(x, f"{name}_merge"), kernel_size, strides, pad, f"{name}{SPATIAL}", linear)
        x = layers.BatchNormalization(name=f"{name}{BETWEEN}")(x)
        return super().conv(x, filters, 1, name=name, **config)

    def _spatial(self, x, kernel_size, strides, pad, name, config):
        if channels(x) % self.groups:
            raise ValueError(
                f"`groups` must divide the channels. Received: groups={self.groups}, channels={channels(x)} at {name!r}"
            )
        return super().conv(x, channels(x), kernel_size, strides, pad, name=name, groups=self.groups, **config)


@dataclasses.dataclass(frozen=True, repr=False)
class DWCPWC(GWCPWC):
    """The HetConv paper's "DWC + PWC": a depthwise convolution, normalisation, then 1 x 1, all without biases."""

    groups: None = dataclasses.field(default=None, init=False)

    def __post_init__(self):
        """Check nothing: a depthwise convolution has as many groups as channels."""

    def __repr__(self):
        return "DWCPWC()"

    def _spatial(self, x, kernel_size, strides, pad, name, config):
        config = {key.replace("kernel_", "depthwise_"): value for key, value in config.items()}
        return self.depthwise(x, kernel_size, strides, pad, name=name, **config)
