"""Efficient convolutional networks for Keras 3, with the convolution as an argument."""

from keras_effconv import applications, exporting, layers, zoo
from keras_effconv.applications.efficientnet import (
    EfficientNet,
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
from keras_effconv.applications.features import features
from keras_effconv.applications.mobilenet import MobileNet
from keras_effconv.applications.mobilenet_v2 import MobileNetV2
from keras_effconv.applications.resnet import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152, ResNeXt50, ResNeXt101
from keras_effconv.applications.resnet_cifar import ResNet20, ResNet32, ResNet44, ResNet56, ResNet110
from keras_effconv.applications.resnet_v2 import ResNet26, ResNet50V2, ResNet101V2, ResNet152V2, ResNet200
from keras_effconv.applications.scaling import compound
from keras_effconv.applications.vgg import VGG11, VGG13, VGG16, VGG16CIFAR, VGG19
from keras_effconv.counting import count
from keras_effconv.exporting import export
from keras_effconv.inference import deploy, quantize
from keras_effconv.kinds import DWCPWC, GWCPWC, PC, Conv, HetConv, OctConv
from keras_effconv.network_info import preprocessing_for
from keras_effconv.preprocessing import ImagePreprocessing
from keras_effconv.zoo import decode_predictions, load_weights

__version__ = "0.1.0"

__all__ = [
    "DWCPWC",
    "GWCPWC",
    "PC",
    "VGG11",
    "VGG13",
    "VGG16",
    "VGG16CIFAR",
    "VGG19",
    "Conv",
    "EfficientNet",
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
    "MobileNet",
    "MobileNetV2",
    "OctConv",
    "ResNeXt50",
    "ResNeXt101",
    "ResNet18",
    "ResNet20",
    "ResNet26",
    "ResNet32",
    "ResNet34",
    "ResNet44",
    "ResNet50",
    "ResNet50V2",
    "ResNet56",
    "ResNet101",
    "ResNet101V2",
    "ResNet110",
    "ResNet152",
    "ResNet152V2",
    "ResNet200",
    "applications",
    "compound",
    "count",
    "decode_predictions",
    "deploy",
    "export",
    "exporting",
    "features",
    "layers",
    "load_weights",
    "preprocessing_for",
    "quantize",
    "zoo",
]
