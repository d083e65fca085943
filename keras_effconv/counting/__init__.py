"""Parameters, multiply-accumulates and activations of any Keras model, and the papers' ways to count them."""

from keras_effconv.counting.count import LayerCount, ModelCount, count
from keras_effconv.counting.macs import macs_of
from keras_effconv.counting.papers import CONVENTIONS, PaperCount

__all__ = ["CONVENTIONS", "LayerCount", "ModelCount", "PaperCount", "count", "macs_of"]
