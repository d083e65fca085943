"""The octave convolution as a kind."""

import dataclasses
import numbers

from keras_effconv.feature_maps import split_channels
from keras_effconv.kinds.conv import Conv
from keras_effconv.kinds.schedule import entry_at, scheduled
from keras_effconv.layers import OctConv2D
from keras_effconv.utils.arguments import positive


@dataclasses.dataclass(frozen=True, repr=False)
class OctConv(Conv):
    """Octave convolutions (ICCV 2019): a share alpha of the channels at half the resolution.

    Args:
        alpha: float from 0 to 1, the low band's share of the channels, or a schedule by stride: `((4, 0.5), (8, 0.25))`
            has 0.5 from stride 4 on, 0.25 from stride 8 on, and no low band before. Default 0.25. `alpha=0` changes
            nothing.
        coarsest: int; from this stride on there is no low band, as the authors have it. Default 32.
        multiple: int, as of `layers.OctConv2D`: the low band's channels are rounded to the nearest multiple, because a
            runtime computes so many at a time (16 floats with AVX-512). A low band that rounds to 0 leaves its
            convolution plain. Default 1.

    Raises:
        ValueError: if an argument is not as above; the message names it.

    Example:

    >>> OctConv(alpha=0.25).at(16), OctConv(alpha=0.25).at(32)
    (OctConv(alpha=0.25), OctConv(alpha=0))
    """

    alpha: float | tuple[tuple[int, float], ...] | dict[int, float] = 0.25
    coarsest: int = 32
    multiple: int = 1

    def __post_init__(self):
        object.__setattr__(self, "alpha", scheduled("alpha", self.alpha, share))
        for name in ("coarsest", "multiple"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))

    def reduced(self):
        return self if self.has_bands() else Conv()

    def has_bands(self):
        return self.alpha != 0

    def at(self, stride):
        if stride >= self.coarsest:
            return self.closing()
        return dataclasses.replace(self, alpha=entry_at(self.alpha, stride, before=0))

    def closing(self):
        return dataclasses.replace(self, alpha=0)

    def conv(self, x, filters, kernel_size, strides=1, pad=None, *, name, groups=1, **config):
        if not isinstance(x, dict) and self._is_plain(filters):
            return super().conv(x, filters, kernel_size, strides, pad, name=name, groups=groups, **config)
        own = {"alpha": self.alpha, "multiple": self.multiple}
        return OctConv2D(filters, kernel_size, strides, groups=groups, name=name, **own, **config)(x)

    def _is_plain(self, filters):
        """Return whether a convolution writes no low band on purpose; one of few filters still pools its strides."""
        rounds = self.multiple > 1 and "low" not in split_channels(filters, self.alpha, self.multiple)
        return not self.alpha or rounds


def share(alpha):
    """Return alpha as a plain number, or raise a `ValueError` unless it is one from 0 to 1."""
    if isinstance(alpha, bool) or not isinstance(alpha, numbers.Real) or not 0 <= alpha <= 1:
        raise ValueError(f"`alpha` must be a number from 0 to 1. Received: alpha={alpha!r}")
    return int(alpha) if isinstance(alpha, numbers.Integral) else float(alpha)
