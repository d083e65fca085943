"""From a trained plain network to one of another kind of convolution that stays right."""

from keras_effconv.converting.convert import convert
from keras_effconv.converting.mimicking.mimic import mimic
from keras_effconv.converting.report import ConvertReport, LayerReport

__all__ = ["ConvertReport", "LayerReport", "convert", "mimic"]
