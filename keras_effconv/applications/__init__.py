"""The networks, under the import paths of `keras.applications`, and their registry."""

from keras_effconv.applications import efficientnet, mobilenet, mobilenet_v2, resnet, resnet_cifar, resnet_v2, vgg
from keras_effconv.applications.application import MODELS, get, list_models

__all__ = [
    "MODELS",
    "efficientnet",
    "get",
    "list_models",
    "mobilenet",
    "mobilenet_v2",
    "resnet",
    "resnet_cifar",
    "resnet_v2",
    "vgg",
]
