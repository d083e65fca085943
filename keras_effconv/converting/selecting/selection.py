"""What was chosen, layer by layer."""

import dataclasses

from keras_effconv.converting.selecting.timing import DENSE
from keras_effconv.kinds import ByLayer
from keras_effconv.utils.text_table import markdown


@dataclasses.dataclass(frozen=True)
class Row:
    """A layer of the report.

    Attributes:
        layer: str.
        kind: str, its repr.
        reads, writes: float, the low band's share of the maps that it reads and writes.
        error: float, the share of the variance of its output that is lost.
        weight: float, how much such an error moves the network's output.
        dense_ms, ms: float, of a batch, before and after.
        is_depthwise: bool; then it keeps the bands that it reads, and needs no kind.
    """

    layer: str
    kind: str
    reads: float
    writes: float
    error: float
    weight: float
    dense_ms: float
    ms: float
    is_depthwise: bool = False


@dataclasses.dataclass(frozen=True)
class Selection:
    """What was chosen.

    Attributes:
        rows: tuple of `Row`, one for each convolution that had a choice.
        dense_ms: float, of the whole network and a batch, before.
        expected_ms: float, after, by the layers' times.
        ms: float, after, as measured; `None` if nothing was built.
    """

    rows: tuple[Row, ...]
    dense_ms: float
    expected_ms: float
    ms: float | None = None

    @property
    def kinds(self) -> dict[str, str]:
        """Return the kind of each layer that does not stay as it is, as its repr."""
        return {row.layer: row.kind for row in self.rows if row.kind != DENSE.kind and not row.is_depthwise}

    @property
    def kind(self) -> ByLayer:
        """Return the kinds as one, for `conv=`."""
        return ByLayer(layers=self.kinds)

    @property
    def error(self) -> float:
        """Return the sum of the weighted errors."""
        return sum(row.error * row.weight for row in self.rows)

    def __str__(self):
        """Show a line for each layer."""
        lines = [
            (
                row.layer,
                f"`{row.kind}`",
                f"{row.error:.3f}",
                f"{row.weight:.2f}",
                f"{row.dense_ms:.3f}",
                f"{row.ms:.3f}",
            )
            for row in self.rows
        ]
        return markdown([("layer", "kind", "error", "weight", "ms before", "ms after"), *lines])
