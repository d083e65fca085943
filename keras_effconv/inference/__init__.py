"""Models for inference only: folded, fused, or in fewer bits."""

from keras_effconv.inference.deploy import deploy
from keras_effconv.inference.precision import in_float32
from keras_effconv.inference.quantize import QuantizeReport, quantize
from keras_effconv.inference.report import DeployReport
from keras_effconv.inference.views import VIEWS, averaged

__all__ = ["VIEWS", "DeployReport", "QuantizeReport", "averaged", "deploy", "in_float32", "quantize"]
