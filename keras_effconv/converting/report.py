"""What a conversion came to, layer by layer."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_effconv.utils.text_table import aligned


@dataclasses.dataclass(frozen=True)
class LayerReport:
    """A convolution of the dense network, and what it has become.

    Attributes:
        name: str.
        kind: str, such as `"HetConv2D(parts=4)"`; `"dense"` for a convolution that stays.
        reason: str, why it stays; empty for one that was converted.
        explained: float, the share of the variance of what it writes (once normalized, summed up and cut off by the
            activation behind it) that the fitted layer gives, on the images of the fit; `None` for a layer that was not
            fitted, as one that does what it did.
        poured: float, the same of the weights ahead of the fit.
        macs_before, macs: int, multiply-accumulates of an image.
        ms_before, ms: float, measured milliseconds of a batch; `None` if they were not measured.
    """

    name: str
    kind: str
    reason: str
    explained: float | None
    poured: float | None
    macs_before: int
    macs: int
    ms_before: float | None = None
    ms: float | None = None


@dataclasses.dataclass(frozen=True)
class ConvertReport:
    """What a conversion came to. It prints as a table.

    Attributes:
        conv: str, the repr of the kind.
        layers: tuple of `LayerReport`, the convolutions of the dense network in order.
        left: mapping of str to str, layers that stay as they are although the kind replaces such ones, with the reason.
        images: int, to which kernels were fitted.
        held: int, images that took no part, for the next two.
        agreement: float, the share of them whose best class is the dense network's; `None` if outputs are no classes.
        explained: float, the share of the variance of the dense network's outputs that the new one's give.
        macs_before, macs: int, of an image.
        ms_before, ms: float, of a batch of the whole network, deployed; `None` if they were not measured.
        runtime: str, in which they were measured, with precision and batch; `None` likewise.
        seconds: mapping of str to float, what each step took.
        steps: int, gradient steps that were kept; 0 if none were asked for, or if they led away.
        learning_rate: float, the highest of these steps, in units of each weight's size; `None` without steps.
    """

    conv: str
    layers: tuple[LayerReport, ...]
    left: Mapping[str, str]
    images: int
    held: int
    agreement: float | None
    explained: float
    macs_before: int
    macs: int
    ms_before: float | None = None
    ms: float | None = None
    runtime: str | None = None
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    steps: int = 0
    learning_rate: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict that JSON can hold."""
        return {**dataclasses.asdict(self), "left": dict(self.left), "seconds": dict(self.seconds)}

    def __str__(self):
        head = ("layer", "kind", "explained", "poured", "MACs", "of dense", "ms", "of dense")
        rows = [
            (
                *(x.name, x.kind if not x.reason else f"{x.kind}: {x.reason}"),
                *(_percent(x.explained), _percent(x.poured), f"{x.macs:,}", _ratio(x.macs, x.macs_before)),
                *("" if x.ms is None else f"{x.ms:.3g}", _ratio(x.ms, x.ms_before)),
            )
            for x in self.layers
        ]
        return "\n".join([aligned([head, *rows], right=range(2, len(head)), rule=True), *self.summary()])

    def summary(self) -> list[str]:
        """Return the numbers of the whole network, as lines."""
        agreement = "" if self.agreement is None else f"same class as the dense network {self.agreement:.1%}, "
        lines = [
            f"{agreement}{self.explained:.1%} of the outputs' variance explained, on {self.held} images held back",
            f"{self.macs / 1e6:,.1f}M multiply-accumulates, {_ratio(self.macs, self.macs_before)} of the dense one's",
        ]
        if self.ms is not None:
            lines.append(f"{self.ms:.3g} ms, {_ratio(self.ms, self.ms_before)} of the dense network's ({self.runtime})")
        if self.steps:
            lines.append(f"{self.steps:,} gradient steps at a rate of {self.learning_rate:.2g}")
        spent = ", ".join(f"{name} {value:.0f} s" for name, value in self.seconds.items())
        return [*lines, f"{self.images} images without labels; {spent}"]


def _percent(share):
    return "" if share is None else f"{share:.1%}"


def _ratio(value, before):
    return "" if not before or value is None else f"{value / before:.2f}"
