"""Efficient convolutional networks for Keras 3, with the convolution as an argument."""

from keras_effconv import applications, layers, zoo
from keras_effconv.count import count
from keras_effconv.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
    EfficientNetLite0,
    EfficientNetLite1,
    EfficientNetLite2,
    EfficientNetLite3,
    EfficientNetLite4,
)
from keras_effconv.kinds import Conv, HetConv, OctConv
from keras_effconv.preprocessing import ImagePreprocessing, preprocessing_for
from keras_effconv.vgg import VGG16, VGG16CIFAR, VGG19
from keras_effconv.zoo import decode_predictions, load_weights

__version__ = "0.1.0"

__all__ = [
    "VGG16",
    "VGG16CIFAR",
    "VGG19",
    "Conv",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetLite0",
    "EfficientNetLite1",
    "EfficientNetLite2",
    "EfficientNetLite3",
    "EfficientNetLite4",
    "HetConv",
    "ImagePreprocessing",
    "OctConv",
    "applications",
    "count",
    "decode_predictions",
    "layers",
    "load_weights",
    "preprocessing_for",
    "zoo",
]
