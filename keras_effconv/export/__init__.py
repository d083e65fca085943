"""Models out of Keras: a SavedModel for TensorFlow Serving that takes encoded images."""

from keras_effconv.export.serving import export_serving

__all__ = ["export_serving"]
