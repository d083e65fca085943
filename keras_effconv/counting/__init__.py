"""Parameters, multiply-accumulates and activations of any Keras model, and the papers' ways to count them."""

from keras_effconv.counting.conventions import CONVENTIONS, PaperCount
from keras_effconv.counting.count import LayerCount, ModelCount, count
from keras_effconv.counting.macs import macs_of

__all__ = ["CONVENTIONS", "LayerCount", "ModelCount", "PaperCount", "count", "macs_of"]
