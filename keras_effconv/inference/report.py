"""What became of a model."""

from typing import NamedTuple


class DeployReport(NamedTuple):
    """What `deploy` did.

    Attributes:
        removed: tuple of names: layers that do nothing at inference.
        padding: tuple of "padding -> convolution" that now pads by itself.
        folded: tuple of "normalisation -> convolution", or another scale and shift that went into a convolution.
        merged: tuple of "layer -> layer": scales and shifts that became one.
        fused: tuple of "activation -> convolution".
        forms: tuple of "layer: form" of execution.
        layers: pair of ints, the calls of layers before and after.
        params: pair of ints, before and after.
        max_difference: float, the largest difference of an output, relative to the largest value of that output.
    """

    removed: tuple[str, ...]
    padding: tuple[str, ...]
    folded: tuple[str, ...]
    merged: tuple[str, ...]
    fused: tuple[str, ...]
    forms: tuple[str, ...]
    layers: tuple[int, int]
    params: tuple[int, int]
    max_difference: float

    def __str__(self):
        counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in self._fields[:5])
        return (
            f"{self.layers[0]} -> {self.layers[1]} layers ({counts}), {self.params[0]:,} -> {self.params[1]:,} "
            f"parameters, outputs differ by {self.max_difference:.1e} at most"
        )
