"""Models out of Keras: for TensorFlow Serving, ONNX Runtime, OpenVINO and LiteRT, and back to run them."""

from keras_effconv.exporting.format import Format
from keras_effconv.exporting.running import Exported, load
from keras_effconv.exporting.writing import FORMATS, export

__all__ = ["FORMATS", "Exported", "Format", "export", "load"]
