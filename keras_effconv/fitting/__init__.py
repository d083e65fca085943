"""Kernels of any kind of convolution by least squares: from what a plain network computes on some images."""

from keras_effconv.fitting.fit import LayerFit, fit_layers
from keras_effconv.fitting.heads import fit_heads

__all__ = ["LayerFit", "fit_heads", "fit_layers"]
