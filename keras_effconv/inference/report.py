"""The report of `deploy`."""

from typing import NamedTuple


class DeployReport(NamedTuple):
    """The changes that `deploy` has made.

    Attributes:
        removed: tuple of str, the names of layers that do nothing at inference.
        padding: tuple of str, "padding -> convolution", which now pads by itself.
        folded: tuple of str, "normalization -> convolution", or another scale and shift that is now in a convolution.
        merged: tuple of str, "layer -> layer", scales and shifts that are now one.
        fused: tuple of str, "activation -> convolution".
        forms: tuple of str, "layer: form" of execution.
        layers: pair of ints, the calls of layers before and after.
        params: pair of ints, before and after.
        max_difference: float, the largest difference of an output, relative to the largest value of that output;
            of a model in half precision, once both are in float32.
        rounding: pair of floats, of a model in half precision: how far it and the deployed model are from its copy in
            float32; `None` for any other.
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
    rounding: tuple[float, float] | None = None

    def __str__(self):
        counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in self._fields[:5])
        half = "" if self.rounding is None else ", half precision moves them by {:.1e} -> {:.1e}".format(*self.rounding)
        return (
            f"{self.layers[0]} -> {self.layers[1]} layers ({counts}), {self.params[0]:,} -> {self.params[1]:,} "
            f"parameters, outputs differ by {self.max_difference:.1e} at most{half}"
        )
